"""Fields of an engine as it stands, by name: only those that are asked for are made.

The engine makes all of its fields together, for rows that changed. A screen reads a few fields of every row: it takes
the words that these need from the rows, all at once, and goes on in columns.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import kernel as k
from marketbell.core.engine.books import Books
from marketbell.core.engine.chain_book import FAR
from marketbell.core.engine.chains import PREFIXES, Chains
from marketbell.core.engine.enrichment import Enrichment
from marketbell.core.engine.operators import Operator, TickState
from marketbell.core.engine.patterns import Patterns
from marketbell.core.screening import field_kernel as fk

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_GATHER: Callable[[Ints, int, Ints, Ints], None] = fk.gather
_STALE: Callable[..., None] = fk.stale


class Words:
    """Words of all rows as columns, each taken from the rows once."""

    def __init__(self, state: TickState) -> None:
        self._state = state
        self._known: dict[int, Ints] = {}

    def take(self, *places: int) -> None:
        """Take several words in one walk over the rows."""
        new = [one for one in dict.fromkeys(places) if one not in self._known]
        if new:
            found = np.empty((len(new), self._state.count), np.int64)
            _GATHER(self._state.I, self._state.count, np.array(new, np.int64), found)
            self._known |= dict(zip(new, found, strict=True))

    def i(self, place: int) -> Ints:
        """A word as integers."""
        self.take(place)
        return self._known[place]

    def f(self, place: int) -> Floats:
        """A word as floats."""
        return self.i(place).view(np.float64)


def _basis(w: Words) -> Floats:
    before = w.f(k.F_PREV_CLOSE)
    return np.where(np.isfinite(before) & (before > 0), before, w.f(k.F_OPEN))


def _volume(w: Words) -> Floats:
    return np.where(w.i(k.I_HAS_VOLUME) == 1, w.f(k.F_CUM), np.nan)


def _high(w: Words) -> Floats:
    before = w.f(k.F_HIST_HIGH)
    return np.where(np.isnan(before), np.nan, np.fmax(np.fmax(before, w.f(k.F_HIGH)), w.f(k.F_LAST)))


def _low(w: Words) -> Floats:
    before = w.f(k.F_HIST_LOW)
    return np.where(np.isnan(before), np.nan, np.fmin(np.fmin(before, w.f(k.F_LOW)), w.f(k.F_LAST)))


def _time(w: Words) -> Ints:
    newest = w.i(k.I_NEWEST)
    return np.where(newest == k.NEVER, 0, newest)


def _plain(place: int) -> tuple[tuple[int, ...], Callable[[Words], Floats]]:
    return (place,), lambda w: w.f(place)


_OF_SESSIONS = (k.I_OPEN, k.I_DATE, k.I_CAL_LO, k.I_CAL_HI)
_CHANGE = (k.F_LAST, k.F_PREV_CLOSE, k.F_OPEN)
_HIGH = (k.F_HIST_HIGH, k.F_HIGH, k.F_LAST)
_LOW = (k.F_HIST_LOW, k.F_LOW, k.F_LAST)
_VOLUME = (k.I_HAS_VOLUME, k.F_CUM)
_OF_TICKS: Mapping[str, tuple[tuple[int, ...], Callable[[Words], NDArray[Any]]]] = {
    "close": _plain(k.F_LAST),
    "bid": _plain(k.F_BID),
    "ask": _plain(k.F_ASK),
    "day.open": _plain(k.F_OPEN),
    "day.high": _plain(k.F_HIGH),
    "day.low": _plain(k.F_LOW),
    "prev_day.close": _plain(k.F_PREV_CLOSE),
    "volatility": _plain(k.F_VOLATILITY),
    "volume_spike": _plain(k.F_SPIKE),
    "spread": ((k.F_ASK, k.F_BID), lambda w: w.f(k.F_ASK) - w.f(k.F_BID)),
    "change": (_CHANGE, lambda w: w.f(k.F_LAST) - _basis(w)),
    "change_pct": (_CHANGE, lambda w: (w.f(k.F_LAST) - _basis(w)) / _basis(w) * 100.0),
    "volume": (_VOLUME, _volume),
    "day.volume": (_VOLUME, _volume),
    "day.trades": (
        (k.I_OPEN, k.I_TRADES),
        lambda w: w.i(k.I_TRADES) + np.where(w.i(k.I_OPEN) != k.NEVER, 0.0, np.nan),
    ),
    "turnover": (
        (k.I_HAS_VOLUME, k.F_PV),
        lambda w: np.where(w.i(k.I_HAS_VOLUME) == 1, w.f(k.F_PV), np.nan),
    ),
    "vwap": ((k.F_SIZE, k.F_PV), lambda w: np.where(w.f(k.F_SIZE) > 0, w.f(k.F_PV) / w.f(k.F_SIZE), np.nan)),
    "high_52w": (_HIGH, _high),
    "low_52w": (_LOW, _low),
    "from_high_52w_pct": (_HIGH, lambda w: (w.f(k.F_LAST) / _high(w) - 1.0) * 100.0),
    "from_low_52w_pct": (_LOW, lambda w: (w.f(k.F_LAST) / _low(w) - 1.0) * 100.0),
    "event_time": ((k.I_NEWEST,), _time),
    "day.start": ((k.I_OPEN,), lambda w: np.where(w.i(k.I_OPEN) != k.NEVER, w.i(k.I_OPEN), 0)),
}
"""The words that a field of the tick kernel needs, and what it is of them; core/engine/view.py says the same."""


class EngineFields(Mapping[str, NDArray[Any]]):
    """The engine's fields at every row as it stands now; KeyError for one that nobody has. Used once, then thrown away.

    Published values of quarters before are there too (`fund.eps[4q]`).
    """

    def __init__(
        self,
        state: TickState,
        operators: Sequence[Operator],
        now: int,
        others: Callable[[], Mapping[str, NDArray[Any]]] = dict,
    ) -> None:
        """`operators` tell their own fields at the market's time `now` (ns UTC), `others` those of nobody here."""
        self._state = state
        self._operators = operators
        self._now = now
        self._others = others
        self._rows = np.arange(self._state.count)
        self._known: dict[str, NDArray[Any]] = {}
        self._has_all = False
        self.words = Words(self._state)

    def take(self, names: Iterable[str]) -> None:
        """Say which fields will be asked for, beside `stale_rows`: their words are taken in one walk."""
        self.words.take(*_OF_SESSIONS, *(place for name in names for place in _OF_TICKS.get(name, ((), None))[0]))

    def __getitem__(self, name: str) -> NDArray[Any]:
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._made(name)
        return found

    def _made(self, name: str) -> NDArray[Any]:
        if name == "src.age":
            newest = self["event_time"]
            return np.where(newest > 0, (self._now - newest) / 1e9, np.nan)
        if name in _OF_TICKS:
            with np.errstate(invalid="ignore", divide="ignore"):
                return _OF_TICKS[name][1](self.words)
        if name.startswith("fund."):
            return self._published(name)
        if name.startswith(PREFIXES):
            chains = next(one for one in self._operators if isinstance(one, Chains))
            times = np.full(len(self._rows), FAR)
            return chains.sampled(self._rows, self, self._state, times, [name])[name]
        for kind, prefix in ((Books, "book."), (Patterns, "abnormal.")):
            if name.startswith(prefix):
                self._known |= self._of(kind)
                return self._known[name]
        if not self._has_all:
            self._has_all = True
            self._known = dict(self._others()) | self._known
        return self._known[name]

    def _published(self, name: str) -> NDArray[Any]:
        base, bracket, back = name.partition("[")
        facts = next(one for one in self._operators if isinstance(one, Enrichment))
        if bracket:
            times = np.full(len(self._rows), self._now)
            return facts.offset(base, self._rows, times, int(back.removesuffix("q]")))
        return facts.now(name, self["close"], self._state)

    def _of(self, kind: type[Operator]) -> dict[str, NDArray[Any]]:
        operator = next(one for one in self._operators if isinstance(one, kind))
        return operator.columns(self._rows, self, self._state, self._now)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def stale_rows(state: TickState, as_of: int, words: Words) -> Mask:
    """Rows that have traded, but not in the newest session of their calendar that had begun at `as_of` (ns UTC)."""
    words.take(*_OF_SESSIONS)
    found = np.empty(state.count, np.bool_)
    _STALE(
        words.i(k.I_CAL_LO), words.i(k.I_CAL_HI), words.i(k.I_OPEN), words.i(k.I_DATE), state.opens, state.dates,
        as_of, found,
    )  # fmt: skip
    return found
