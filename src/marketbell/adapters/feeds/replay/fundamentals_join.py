"""Published values of files beside recorded prices: which instrument each symbol is, and the log's entries.

With prices, a symbol is the instrument of that symbol whatever its venue, if there is exactly one; values
of instruments without prices are left out and counted. Without prices the files make the instruments.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from marketbell.adapters.feeds.replay.fundamentals import FactsFile, Profile, read_facts
from marketbell.adapters.feeds.replay.venues import CURRENCIES
from marketbell.core.columns.frame import FrameKind
from marketbell.core.fundamentals.published import PublishedFact
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import venue_of
from marketbell.core.primitives.errors import InvalidSourceError
from marketbell.ports.feeds import Batch

_ITEMS = 500
_STATED = re.compile(r"(.+)@(\d{4}-\d{2}-\d{2})")


def stated_date(source: str | Path) -> tuple[str, date | None]:
    """`PATH@2026-08-22` as path and date: the day on which a file that does not say it was published.

    A path that exists as it stands has no date. InvalidSourceError for a date that there is not.
    """
    text = str(source)
    match = _STATED.fullmatch(text)
    if match is None or Path(text).expanduser().exists():
        return text, None
    try:
        return match[1], date.fromisoformat(match[2])
    except ValueError as error:
        raise InvalidSourceError(f"{text}: {match[2]} is no date") from error


@dataclass(slots=True)
class Facts:
    """What the files say about the source's instruments. `newest` is the last publication, ns UTC (0: none)."""

    instruments: list[Instrument]
    items: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    count: int = 0
    estimated: int = 0
    without_price: int = 0
    newest: int = 0

    def batches(self) -> list[Batch]:
        """REFERENCE batches for the log; what is published later waits there for the clock."""
        return [
            Batch(FrameKind.REFERENCE, {}, 0, {"type": "fundamentals", "items": self.items[at : at + _ITEMS]})
            for at in range(0, len(self.items), _ITEMS)
        ]

    def summary(self) -> dict[str, Any]:
        """For people: facts and instruments, how many dates are estimated, what was left out and decided."""
        return {
            "facts": self.count,
            "instruments": len(self.items),
            "published_at_estimated": self.estimated,
            "without_price": self.without_price,
            "notes": self.notes,
        }


def read_all(
    paths: Sequence[tuple[Path, date | None]], instruments: Sequence[Instrument], calendar: str | None
) -> Facts:
    """Read fact files and join them to the priced instruments (none: the files' own)."""
    calendars = {one.calendar for one in instruments}
    known = calendar or (calendars.pop() if len(calendars) == 1 else None)
    files = [read_facts(path, known, stated) for path, stated in paths]
    by_symbol: dict[str, list[Instrument]] = {}
    for one in instruments:
        by_symbol.setdefault(_common(one.symbol), []).append(one)
    facts: dict[str, list[PublishedFact]] = {}
    profiles: dict[str, list[Profile]] = {}
    made: dict[str, Instrument] = {one.key: one for one in instruments}
    left_out: set[str] = set()
    unclear: set[str] = set()
    for file in files:
        for symbol in sorted(file.facts.keys() | file.profiles.keys()):
            keys = [one.key for one in by_symbol.get(_common(symbol), ())]
            if not instruments:
                keys = [_new(symbol, file, made).key]
            if len(keys) != 1:
                (unclear if keys else left_out).add(symbol)
                continue
            facts.setdefault(keys[0], []).extend(file.facts.get(symbol, ()))
            if symbol in file.profiles:
                profiles.setdefault(keys[0], []).append(file.profiles[symbol])
    found = Facts([_described(one, profiles.get(one.key, ())) for one in made.values()])
    found.notes = [note for file in files for note in file.notes]
    found.notes += [f"{symbol} is listed on several venues: its values were left out" for symbol in sorted(unclear)]
    found.without_price = len(left_out)
    for key, listed in sorted(facts.items()):
        if listed:
            ident = int(made[key].instrument_id)
            found.items.append({"instrument_id": ident, "facts": [fact.as_dict() for fact in listed]})
            found.count += len(listed)
            found.estimated += sum(fact.is_estimated for fact in listed)
            found.newest = max(found.newest, *(fact.published_at for fact in listed))
    return found


def _common(symbol: str) -> str:
    """Symbols as they are compared: BRK-B, BRK.B and BRK/B are one; a provider's market suffix is left out."""
    word = symbol.partition(":")[2] or symbol
    return re.sub(r"[-/]", ".", word.upper().removesuffix(".NS").removesuffix(".BO"))


def _new(symbol: str, file: FactsFile, made: dict[str, Instrument]) -> Instrument:
    calendar = file.calendar or "NONE"
    key = symbol if ":" in symbol else f"{venue_of(calendar)}:{symbol}"
    if key not in made:
        made[key] = Instrument(
            key=key,
            name=key.partition(":")[2],
            currency=CURRENCIES.get(calendar, "USD"),
            calendar=calendar,
            tick_size=0.05 if calendar == "XNSE" else 0.01,
            source="replay",
        )
    return made[key]


def _described(one: Instrument, profiles: Sequence[Profile]) -> Instrument:
    """An instrument with what the files say where it says nothing itself; indices are added."""
    for profile in profiles:
        is_bare = not one.name or one.name == one.symbol
        one = replace(
            one,
            name=profile.name if is_bare and profile.name else one.name,
            sector=one.sector or profile.sector,
            industry=one.industry or profile.industry,
            isin=one.isin or profile.isin,
            indices=tuple(dict.fromkeys((*one.indices, *profile.indices))),
        )
    return one
