"""Recorded option chains as one line of events: at each moment the underlying's price, its futures, its chains.

The spot of a moment stands before its chains as a trade of the underlying, so that price rules run too, and rules that
wait for a chain see the price that belongs to it. What was captured at the close or soon behind it (a bhavcopy, the
exchange's last page) has the session's last price: that trade stands in its last second. Of the chains of a moment the
nearest expiry stands first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.adapters.feeds.replay.chains import FORMATS, ChainFile, is_chain_file
from marketbell.adapters.feeds.replay.venues import CURRENCIES, Sessions
from marketbell.core.columns.frame import Columns, FrameKind
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import MINUTE, SECOND, SessionTable
from marketbell.core.options.chain import Chain
from marketbell.core.options.expiry import CALENDARS, UNKNOWN
from marketbell.core.options.frames import chain_rows
from marketbell.core.options.future import ListedFuture
from marketbell.core.options.lots import LOTS
from marketbell.core.primitives.errors import InvalidSourceError
from marketbell.core.primitives.identity import instrument_id
from marketbell.core.quality.kinds import TickFlag
from marketbell.ports.feeds import Batch

_SPOT, _FUTURE, _CHAIN = 0, 1, 2
_AFTER_CLOSE = 30 * MINUTE
"""A spot captured so long behind the close is that of the close."""


def holds_chains(path: Path, forced: str | None) -> bool:
    """Whether a file is to be read as option chains: by `forced`, else by what it holds."""
    return is_chain_file(path) if forced is None else forced in FORMATS


@dataclass(frozen=True, slots=True)
class _Event:
    """What there is at a moment: a spot (a number), a future or a chain."""

    as_of: int
    underlying: str
    kind: int
    order: int
    what: float | ListedFuture | Chain


@dataclass(slots=True)
class ChainSource:
    """Events in order; `clock` (ns UTC, never falling) has their moments. `skipped` could not be placed in time."""

    instruments: list[Instrument]
    events: list[_Event]
    clock: NDArray[np.int64]
    skipped: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    """What was unusual in the files (chains/notes.py), by kind."""

    @property
    def chains(self) -> int:
        """How many of the events are chains."""
        return sum(one.kind == _CHAIN for one in self.events)

    def batches(self, begin: int, end: int) -> list[Batch]:
        """Events [begin, end): spots and futures in runs, every chain for itself; positions are those behind each."""
        found: list[Batch] = []
        at = begin
        for kind, group in groupby(self.events[begin:end], key=lambda one: one.kind):
            run = list(group)
            if kind == _CHAIN:
                for number, one in enumerate(run):
                    assert isinstance(one.what, Chain)  # noqa: S101 — what the kind says, for the type checker
                    rows, payload = chain_rows(one.what, instrument_id(one.underlying))
                    found.append(Batch(FrameKind.CHAIN, rows, at + number + 1, payload))
            elif kind == _FUTURE:
                found.append(Batch(FrameKind.REFERENCE, {}, at + len(run), futures_payload(run)))
            else:
                found.append(Batch(FrameKind.TRADE, _trades(run), at + len(run)))
            at += len(run)
        return found


def read_chain_source(files: Sequence[tuple[Path, ChainFile]], calendar: str | None, sessions: Sessions) -> ChainSource:
    """The events of chain files. InvalidSourceError where not one chain says when it was captured."""
    skipped: dict[str, int] = {}
    events: dict[tuple[int, str, int, int], _Event] = {}
    spots: dict[str, list[float]] = {}

    def add(as_of: int, underlying: str, kind: int, order: int, what: float | ListedFuture | Chain) -> None:
        # of one moment, underlying and expiry the file that is read last tells
        events[as_of, underlying, kind, order] = _Event(as_of, underlying, kind, order, what)

    notes: dict[str, int] = {}
    for _, file in files:
        for note in file.notes:
            notes[note.kind] = notes.get(note.kind, 0) + note.count
        for chain in file.chains:
            if not chain.as_of or chain.expiry == UNKNOWN or not len(chain):
                name = "chains without a time of capture" if not chain.as_of else "chains without an expiry or strikes"
                skipped[name] = skipped.get(name, 0) + 1
                continue
            add(chain.as_of, chain.underlying, _CHAIN, chain.expiry.toordinal(), chain)
            spots.setdefault(chain.underlying, []).append(chain.spot)
            if chain.spot > 0:
                moment = _in_session(chain.as_of, sessions(_calendar(chain.underlying, calendar)))
                add(moment, chain.underlying, _SPOT, 0, chain.spot)
        for future in file.futures:
            if future.as_of and future.underlying in spots:
                add(future.as_of, future.underlying, _FUTURE, future.expiry.toordinal(), future)
    if not spots:
        names = ", ".join(str(path) for path, _ in files)
        reason = "; ".join(f"{count} {name}" for name, count in skipped.items()) or "no chain in it"
        message = f"{names}: option chains that cannot be replayed ({reason}): a replay needs the moment of each"
        raise InvalidSourceError(message)
    ordered = [events[place] for place in sorted(events)]
    return ChainSource(
        [_underlying(key, calendar, found) for key, found in sorted(spots.items())],
        ordered,
        np.array([one.as_of for one in ordered], np.int64),
        skipped,
        dict(sorted(notes.items())),
    )


def futures_payload(run: Sequence[_Event]) -> dict[str, Any]:
    """The REFERENCE entry of quotes of futures."""
    items = [
        {
            "instrument_id": int(instrument_id(one.underlying)),
            "expiry": one.what.expiry.isoformat(),
            "as_of": one.as_of,
            "price": _plain(one.what.last),
            "oi": _plain(one.what.oi),
        }
        for one in run
        if isinstance(one.what, ListedFuture)
    ]
    return {"type": "futures", "items": items}


def _in_session(moment: int, table: SessionTable) -> int:
    """The moment of a spot, or the last second of the session that closed just before."""
    at = int(np.searchsorted(table.close, moment, side="right")) - 1
    is_after = at >= 0 and moment - int(table.close[at]) <= _AFTER_CLOSE
    return int(table.close[at]) - SECOND if is_after else moment


def _calendar(key: str, calendar: str | None) -> str:
    return calendar or CALENDARS.get(key.partition(":")[0], "NONE")


def _underlying(key: str, calendar: str | None, spots: Sequence[float]) -> Instrument:
    symbol, own = key.partition(":")[2], _calendar(key, calendar)
    return Instrument(
        key=key,
        name=symbol,
        kind="index" if symbol in LOTS else "equity",
        currency=CURRENCIES.get(own, "USD"),
        calendar=own,
        tick_size=0.05 if all(round(one * 20, 6) == round(one * 20) for one in spots if one > 0) else 0.01,
        source="replay",
    )


def _trades(run: Sequence[_Event]) -> Columns:
    count = len(run)
    times = np.array([one.as_of for one in run], np.int64)
    return {
        "instrument_id": np.array([instrument_id(one.underlying) for one in run], np.int64),
        "event_time": times,
        "ingest_time": times,
        "price": np.array([one.what for one in run], np.float64),
        "volume": np.full(count, np.nan),
        "size": np.full(count, np.nan),
        "trade_id": np.full(count, -1, np.int64),
        "flags": np.full(count, TickFlag.SOURCE_CLOCK, np.uint16),
    }


def _plain(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
