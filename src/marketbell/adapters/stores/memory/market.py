"""Instruments, bars, snapshots and quality counts in dictionaries."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from marketbell.core.columns.frame import Columns
from marketbell.core.market.instrument import Instrument

_TYPES = {
    "instrument_id": np.int64,
    "start": np.int64,
    "open": np.float64,
    "high": np.float64,
    "low": np.float64,
    "close": np.float64,
    "volume": np.float64,
    "trades": np.int64,
    "vwap": np.float64,
}
_REQUIRED = frozenset({"instrument_id", "start", "open", "high", "low", "close", "volume"})
_TIMEFRAMES = ("1m", "1d")
_LAST_TIME = np.iinfo(np.int64).max

_Row = tuple[Any, ...]


class MemoryInstruments:
    """The universe by key."""

    def __init__(self) -> None:
        self._items: dict[str, Instrument] = {}
        self._lock = threading.Lock()

    def put(self, instruments: Sequence[Instrument]) -> None:
        """Add or update."""
        with self._lock:
            self._items.update({item.key: item for item in instruments})

    def all(self) -> list[Instrument]:
        """Everything, by key."""
        with self._lock:
            return [self._items[key] for key in sorted(self._items)]

    def get(self, key: str) -> Instrument | None:
        """One instrument by VENUE:SYMBOL."""
        with self._lock:
            return self._items.get(key)

    def search(self, text: str, limit: int = 20) -> list[Instrument]:
        """Symbol prefix first, then words of the name; case does not matter."""
        wanted = text.strip().lower()
        placed = [(_place(item, wanted), item.key, item) for item in self.all()]
        found = sorted((place, key, item) for place, key, item in placed if place is not None)
        return [item for _, _, item in found[:limit]]


class MemoryBars:
    """Bars by timeframe and instrument, sorted when they are read."""

    def __init__(self) -> None:
        self._bars: dict[tuple[str, int], dict[int, _Row]] = {}
        self._lock = threading.Lock()

    def put(self, timeframe: str, bars: Columns) -> None:
        """Of equal (instrument, start) the later row stays. `trades` and `vwap` may be left out."""
        _check(timeframe)
        missing = _REQUIRED - set(bars)
        if missing:
            message = f"bars lack the columns {sorted(missing)}"
            raise ValueError(message)
        count = len(bars["start"])
        columns = [_column(name, bars, count) for name in _TYPES]
        with self._lock:
            for row in zip(*columns, strict=True):
                self._bars.setdefault((timeframe, row[0]), {})[row[1]] = row

    def last(self, instrument_id: int, timeframe: str, count: int, before: int | None = None) -> Columns:
        """The newest `count` bars whose start lies before `before`, oldest first."""
        rows = self._between(instrument_id, timeframe, -_LAST_TIME, _LAST_TIME if before is None else before)
        return _columns(rows[-count:] if count else [])

    def between(self, instrument_id: int, timeframe: str, start: int, end: int) -> Columns:
        """Bars with start in [start, end), oldest first."""
        return _columns(self._between(instrument_id, timeframe, start, end))

    def across(self, instrument_ids: Sequence[int], timeframe: str, start: int, end: int) -> Columns:
        """Bars of several instruments with start in [start, end), in the order of start and id."""
        rows = [row for one in set(instrument_ids) for row in self._between(one, timeframe, start, end)]
        return _columns(sorted(rows, key=lambda row: (row[1], row[0])))

    def _between(self, instrument_id: int, timeframe: str, start: int, end: int) -> list[_Row]:
        _check(timeframe)
        with self._lock:
            rows = self._bars.get((timeframe, int(instrument_id)), {})
            return [rows[key] for key in sorted(rows) if start <= key < end]


class MemorySnapshots:
    """Rows by instrument and session."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[str, tuple[int, bytes]]] = {}
        self._lock = threading.Lock()

    def put(self, session_date: str, rows: Mapping[int, Mapping[str, Any]], as_of: int) -> None:
        """Keep the newer row where the session has one already."""
        with self._lock:
            for instrument_id, row in rows.items():
                sessions = self._rows.setdefault(int(instrument_id), {})
                if session_date not in sessions or sessions[session_date][0] <= as_of:
                    values = orjson.dumps(dict(row), option=orjson.OPT_SERIALIZE_NUMPY)
                    sessions[session_date] = (as_of, values)

    def latest(self) -> dict[int, dict[str, Any]]:
        """The newest session's row of each instrument."""
        with self._lock:
            return {key: orjson.loads(sessions[max(sessions)][1]) for key, sessions in self._rows.items()}


class MemoryQuality:
    """Counts by session, instrument and kind."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[int, dict[str, int]]] = {}
        self._lock = threading.Lock()

    def put(self, session_date: str, counts: Mapping[int, Mapping[str, int]]) -> None:
        """Set the session's totals so far."""
        with self._lock:
            session = self._counts.setdefault(session_date, {})
            for instrument_id, kinds in counts.items():
                if kinds:
                    session.setdefault(int(instrument_id), {}).update({kind: int(n) for kind, n in kinds.items()})

    def get(self, session_date: str) -> dict[int, dict[str, int]]:
        """Counts of one session by instrument id and kind."""
        with self._lock:
            return {key: dict(kinds) for key, kinds in self._counts.get(session_date, {}).items()}


def _place(item: Instrument, wanted: str) -> int | None:
    """How well an instrument answers a search: 0 is best, None not at all."""
    symbol, name = item.symbol.lower(), item.name.lower()
    answers = (
        symbol == wanted,
        symbol.startswith(wanted),
        item.key.lower().startswith(wanted),
        name.startswith(wanted),
        f" {wanted}" in name,
    )
    return answers.index(True) if any(answers) else None


def _check(timeframe: str) -> None:
    if timeframe not in _TIMEFRAMES:
        message = f"bars are kept for {', '.join(_TIMEFRAMES)}, not for {timeframe}"
        raise ValueError(message)


def _column(name: str, bars: Columns, count: int) -> list[Any]:
    if name not in bars:
        return [0 if name == "trades" else float("nan")] * count
    column = np.asarray(bars[name])
    if name == "trades" and column.dtype.kind == "f":
        column = np.nan_to_num(column)
    values: list[Any] = column.astype(_TYPES[name]).tolist()
    return values


def _columns(rows: list[_Row]) -> Columns:
    turned = list(zip(*rows, strict=True)) if rows else [()] * len(_TYPES)
    return {name: np.array(column, dtype=kind) for (name, kind), column in zip(_TYPES.items(), turned, strict=True)}
