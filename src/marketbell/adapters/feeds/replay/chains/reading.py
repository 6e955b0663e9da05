"""What a file of chains is, told by its content, and its chains."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from marketbell.adapters.feeds.replay.chains import (
    bhavcopy,
    dhan,
    generic,
    kite,
    model_values,
    nse,
    nse_compiled,
    nse_website,
    own,
    snapshots,
    upstox,
)
from marketbell.adapters.feeds.replay.chains.columns import Stated
from marketbell.adapters.feeds.replay.chains.loading import Content, load, peek
from marketbell.adapters.feeds.replay.chains.notes import Notes
from marketbell.adapters.feeds.replay.chains.rows import Rows, chains_of, days_of
from marketbell.adapters.feeds.replay.chains.symbols import checked_key
from marketbell.core.options.chain import LARGEST, Chain
from marketbell.core.options.document import moment
from marketbell.core.options.expiry import UNKNOWN, WORDS, expires_at, pick, trading_date
from marketbell.core.options.future import ListedFuture
from marketbell.core.options.note import Note
from marketbell.core.primitives.errors import InvalidSettingError, InvalidSourceError


class _Reader(NamedTuple):
    text: str
    is_one: Callable[[Content], bool]
    read: Callable[[Content, Stated, Notes], Rows] | None
    """None for our own chains, which are chains already."""


_READERS: dict[str, _Reader] = {
    own.NAME: _Reader(own.TEXT, own.is_one, None),
    **{
        one.NAME: _Reader(one.TEXT, one.is_one, one.read)
        for one in (nse, nse_compiled, nse_website, upstox, dhan, bhavcopy, snapshots, kite, model_values, generic)
    },
}
FORMATS = {name: reader.text for name, reader in _READERS.items()}
"""Every format and what it looks like, in the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class ChainFile:
    """What a file holds: chains by (as_of, underlying, expiry), listed futures, and what was unusual."""

    path: Path
    format: str
    chains: list[Chain]
    futures: list[ListedFuture]
    notes: list[Note]


def read_chains(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002 — the option's name
    expiry: date | str | None = None,
    as_of: int | None = None,
    underlying: str | None = None,
    spot: float | None = None,
) -> ChainFile:
    """Read a file of option chains.

    `expiry` is a date or nearest, next, monthly: it is what a source means that does not say it, and picks of a source
    that does. `as_of` (ns UTC) likewise: of a source with moments, each expiry's newest chain at or before it.
    `underlying` names a source that does not, and picks of one that does; `spot` is its price where a
    source does not say it. `format` is one of `FORMATS`.
    InvalidSourceError for a file that is absent, damaged, unknown or empty; InvalidSettingError for a wrong option.
    """
    place = Path(path).expanduser()
    if format is not None and format not in FORMATS:
        raise InvalidSettingError(f"unknown format {format!r}; {known_formats()}")
    content = _loaded(place)
    name = format or next((one for one, reader in _READERS.items() if reader.is_one(content)), None)
    if name is None or not _READERS[name].is_one(content):
        if format is not None:
            raise InvalidSourceError(f"{place}: is not {format}: {FORMATS[format]}")
        raise InvalidSourceError(f"{place}: no option chain that is known here; {known_formats()}")
    if spot is not None and not 0 < spot < LARGEST:
        raise InvalidSettingError(f"--spot is the price of the underlying, not {spot:g}")
    key = None if underlying is None else checked_key(underlying)
    day = expiry if isinstance(expiry, date) else None
    notes = Notes()
    read = _READERS[name].read
    if read is None:
        chains, futures = own.read_chains(content), []
        chains.sort(key=lambda one: (one.as_of, one.underlying, one.expiry))
    else:
        rows = read(content, Stated(key, days_of(day), as_of or 0), notes)
        if spot is not None:
            rows.spot = np.where(np.isnan(rows.spot), spot, rows.spot)
        chains, futures = chains_of(rows, notes), rows.futures
    if not chains:
        raise InvalidSourceError(f"{place}: holds no option ({name})")
    return ChainFile(place, name, _picked(place, chains, expiry, as_of, key), futures, notes.listed())


def _loaded(place: Path) -> Content:
    if not place.is_file():
        raise InvalidSourceError(f"{place}: there is no such file")
    try:
        return load(place)
    except InvalidSourceError as error:
        raise InvalidSourceError(f"{error.message}; {known_formats()}") from error


def is_chain_file(path: str | Path) -> bool:
    """Whether the file looks like option chains: of a table its columns alone are read. False for what is damaged."""
    try:
        content = peek(Path(path).expanduser())
    except InvalidSourceError:
        return False
    return any(reader.is_one(content) for reader in _READERS.values())


def known_formats() -> str:
    """What a message lists."""
    return "known are " + "; ".join(f"{name} ({text})" for name, text in FORMATS.items())


def expiry_of(text: str) -> date | str:
    """An expiry that a person wrote: 2024-06-27, 27-Jun-2024, or a word. InvalidSettingError for anything else."""
    word = text.strip().lower()
    if word in WORDS:
        return word
    day = nse.day_of(text.strip().title())
    if day is None:
        raise InvalidSettingError(f"--expiry is written 2024-06-27, nearest, next or monthly, not '{text}'")
    return day


def moment_of(text: str, underlying: str = "NSE:") -> int:
    """A moment that a person wrote, as ns UTC: without an offset it is the venue's clock, a date is its close.

    InvalidSettingError for anything else.
    """
    zone = ZoneInfo("America/New_York" if underlying.startswith("US:") else "Asia/Kolkata")
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidSettingError(f"--as-of is written 2024-06-26T15:30, not '{text}'") from None
    if len(text.strip()) <= len("2024-06-26"):
        return expires_at("US:" if underlying.startswith("US:") else "NSE:", when.date())
    return round((when if when.tzinfo else when.replace(tzinfo=zone)).timestamp() * 1e6) * 1_000


def _picked(
    place: Path, chains: list[Chain], expiry: date | str | None, as_of: int | None, underlying: str | None
) -> list[Chain]:
    """Of these chains those that were asked for. InvalidSourceError where none is left."""
    found = chains
    if underlying is not None:
        found = [one for one in found if one.underlying == underlying]
        if not found:
            names = sorted({one.underlying for one in chains})
            raise InvalidSourceError(f"{place}: has no {underlying}, it has {_list(names)}")
    if as_of:
        newest: dict[tuple[str, date], Chain] = {}
        for one in found:
            if one.as_of <= as_of:
                newest[one.underlying, one.expiry] = one
        if not newest:
            first = moment(min(one.as_of for one in found))
            raise InvalidSourceError(
                f"{place}: nothing was captured at or before {moment(as_of)}; the first is {first}"
            )
        found = [one for one in found if newest.get((one.underlying, one.expiry)) is one]
    if expiry is not None:
        listed = sorted({one.expiry for one in found})
        found = _of_expiry(found, expiry)
        if not found:
            known = _list([one.isoformat() for one in listed if one != UNKNOWN])
            raise InvalidSourceError(f"{place}: has no expiry {expiry}, it has {known}")
    return found


def _of_expiry(chains: list[Chain], expiry: date | str) -> list[Chain]:
    if isinstance(expiry, date):
        return [one for one in chains if one.expiry == expiry]
    expiries: dict[tuple[str, int], list[date]] = {}
    for one in chains:
        expiries.setdefault((one.underlying, one.as_of), []).append(one.expiry)
    wanted = {
        key: pick(days, expiry, trading_date(key[0], key[1]) if key[1] else min(days)) for key, days in expiries.items()
    }
    return [one for one in chains if wanted[one.underlying, one.as_of] == one.expiry]


def _list(names: list[str]) -> str:
    shown = 8
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
