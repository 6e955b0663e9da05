"""One order book as a state machine: snapshots and updates in, sides by price and a state out.

The sequence rules are those that Binance documents for a local book. Spot: an update bears the first and
last id that it covers (U, u); behind a snapshot with id L, updates with u <= L are dropped, the first one
kept must cover L + 1, and later ones must not leave an id out (U <= last + 1). Futures updates bear the
last id of the update before (pu) as well: u < L is dropped, the first one must have U <= L <= u, then pu
must equal the last u. Whatever fails is a gap: the book forgets its levels and is `resyncing` until a
snapshot comes that the updates kept meanwhile continue.

A book shows only what it knows. A snapshot of the best 1,000 levels says nothing about prices behind
them, so levels behind its worst price are left out, and so are those that had to make room (`capacity`).
`core/engine/books.py` does the same for many instruments at once; tests hold both against each other.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag

NO_ID = -1
IMBALANCE_LEVELS = 5
DEPTH_LEVELS = 10
SHOWN_LEVELS = 20
"""How many levels a side are summed for imbalance and depth, and shown to people."""
MAX_LEVELS = 4_096
MAX_PENDING = 20_000
"""Levels a side, and rows of updates that wait for a snapshot: more is forgotten."""

Level = tuple[float, float]
"""Price and size; size 0 removes the level."""


class BookState(IntEnum):
    """What a book is. Only a READY book has numbers."""

    BUILDING = 1
    """No snapshot yet, or the market left the prices that the snapshot showed."""
    READY = 2
    RESYNCING = 3
    """Updates are missing; waits for a snapshot."""
    CROSSED = 4
    """The best bid is not below the best ask."""
    EMPTY = 5
    """A side has no orders."""

    @property
    def label(self) -> str:
        """The name in files and on the screen: `resyncing`."""
        return self.name.lower()


BOOK_STATES = ("", *(state.label for state in BookState))
"""Labels by number; 0 stands for no book at all."""


class BookFlag(IntFlag):
    """Bits of the BOOK column `flags`."""

    SNAPSHOT = 1
    """The message replaces the book."""
    LAST = 2
    """The last row of its message."""
    WHOLE = 4
    """The side has no levels behind those of this snapshot."""
    RESET = 8
    """What was known is void: a new connection, or the venue numbers its updates anew."""


class Verdict(IntEnum):
    """What became of a message."""

    APPLIED = 0
    STALE = 1
    """Older than the book: left out."""
    BUFFERED = 2
    """Kept until a snapshot comes."""
    GAP = 3
    """Ids are missing before it."""
    TOO_OLD = 4
    """A snapshot that the updates kept so far do not continue: another one is needed."""


@dataclass(frozen=True, slots=True)
class BookUpdate:
    """Changed levels. Ids as the venue numbers them, NO_ID where it has none."""

    first_update: int
    last_update: int
    previous_update: int = NO_ID
    bids: Sequence[Level] = ()
    asks: Sequence[Level] = ()


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """The best levels of both sides. `is_whole` (bids, asks): the side goes no further."""

    last_update: int
    bids: Sequence[Level] = ()
    asks: Sequence[Level] = ()
    is_whole: tuple[bool, bool] = (False, False)


def judge(update: BookUpdate, last: int, *, is_first: bool) -> Verdict:
    """Whether an update continues a book whose last id is `last`; `is_first` behind a snapshot."""
    if update.last_update < 0:
        return Verdict.APPLIED
    is_futures = update.previous_update >= 0
    if update.last_update < last or (update.last_update == last and not (is_futures and is_first)):
        return Verdict.STALE
    if not is_futures:
        return Verdict.APPLIED if update.first_update <= last + 1 else Verdict.GAP
    continues = update.first_update <= last if is_first else update.previous_update == last
    return Verdict.APPLIED if continues else Verdict.GAP


class _Side:
    """Levels by key, ascending, the best last. A bid's key is its price, an ask's the negative of it."""

    def __init__(self, sign: int, capacity: int) -> None:
        self._sign = sign
        self._capacity = capacity
        self.keys: list[float] = []
        self.sizes: dict[float, float] = {}
        self.horizon = float("-inf")

    def clear(self) -> None:
        self.keys.clear()
        self.sizes.clear()
        self.horizon = float("-inf")

    def put(self, price: float, size: float) -> None:
        key = self._sign * price
        if not 0 < price < float("inf") or not 0 <= size < float("inf") or key < self.horizon:
            return
        at = bisect_left(self.keys, key)
        known = at < len(self.keys) and self.keys[at] == key
        if size == 0:
            if known:
                del self.keys[at], self.sizes[key]
        elif known:
            self.sizes[key] = size
        elif len(self.keys) < self._capacity:
            self.keys.insert(at, key)
            self.sizes[key] = size
        else:
            if at:
                self.keys.insert(at, key)
                self.sizes[key] = size
                del self.sizes[self.keys.pop(0)]
            self.horizon = max(self.horizon, self.keys[0])

    def levels(self, count: int) -> list[Level]:
        """The best levels, best first."""
        return [(self._sign * key, self.sizes[key]) for key in reversed(self.keys[-count:] if count else [])]


class OrderBook:
    """The book of one instrument. See the module's docstring."""

    def __init__(self, capacity: int = MAX_LEVELS, pending: int = MAX_PENDING) -> None:
        self._sides = (_Side(1, capacity), _Side(-1, capacity))
        self._most_pending = pending
        self._pending: list[BookUpdate] = []
        self._is_live = False
        self._is_lost = False
        self._is_first = True
        self.last_update = NO_ID
        self.gaps = 0

    def reset(self) -> None:
        """Forget everything but the number of gaps."""
        self._forget()
        self._is_lost = False
        self._pending.clear()

    def _forget(self) -> None:
        for side in self._sides:
            side.clear()
        self._is_live = False
        self.last_update = NO_ID

    def update(self, update: BookUpdate) -> Verdict:
        """Apply an update, or keep it for the next snapshot."""
        if not self._is_live:
            return self._keep(update)
        verdict = judge(update, self.last_update, is_first=self._is_first)
        if verdict is Verdict.GAP:
            self.gaps += 1
            self._forget()
            self._is_lost = True
            self._pending = [update]
        elif verdict is Verdict.APPLIED:
            self._apply(update)
        return verdict

    def _keep(self, update: BookUpdate) -> Verdict:
        if update.last_update < 0:
            return Verdict.STALE
        verdict = Verdict.BUFFERED
        if self._pending:
            told = judge(update, self._pending[-1].last_update, is_first=False)
            if told is Verdict.STALE:
                return told
            if told is Verdict.GAP:
                self.gaps += 1
                self._is_lost = True
                self._pending.clear()
                verdict = told
        if _rows(update) + sum(_rows(one) for one in self._pending) > self._most_pending:
            self._pending.clear()
        self._pending.append(update)
        return verdict

    def _apply(self, update: BookUpdate) -> None:
        for side, levels in zip(self._sides, (update.bids, update.asks), strict=True):
            for price, size in levels:
                side.put(price, size)
        if update.last_update >= 0:
            self.last_update = update.last_update
        self._is_first = False

    def snapshot(self, snapshot: BookSnapshot) -> Verdict:
        """Replace the book, and apply the updates that were kept meanwhile."""
        newest = snapshot.last_update
        if self._is_live and 0 <= newest < self.last_update:
            return Verdict.STALE
        kept: list[BookUpdate] = []
        if newest >= 0:
            kept = [one for one in self._pending if judge(one, newest, is_first=True) is not Verdict.STALE]
            if kept and judge(kept[0], newest, is_first=True) is Verdict.GAP:
                return Verdict.TOO_OLD
        for side, levels, is_whole in zip(self._sides, (snapshot.bids, snapshot.asks), snapshot.is_whole, strict=True):
            side.clear()
            for price, size in levels:
                side.put(price, size)
            if side.keys and not is_whole:
                side.horizon = max(side.horizon, side.keys[0])
        self._is_live, self._is_lost, self._is_first = True, False, True
        self.last_update = newest
        self._pending = []
        for one in kept:
            self._apply(one)
        return Verdict.APPLIED

    @property
    def state(self) -> BookState:
        """See BookState."""
        if not self._is_live:
            return BookState.RESYNCING if self._is_lost else BookState.BUILDING
        bids, asks = self._sides
        if any(not side.keys and side.horizon > float("-inf") for side in self._sides):
            return BookState.BUILDING
        if not bids.keys or not asks.keys:
            return BookState.EMPTY
        return BookState.CROSSED if bids.keys[-1] >= -asks.keys[-1] else BookState.READY

    def bids(self, count: int = SHOWN_LEVELS) -> list[Level]:
        """The best levels, best first."""
        return self._sides[0].levels(count)

    def asks(self, count: int = SHOWN_LEVELS) -> list[Level]:
        """The best levels, best first."""
        return self._sides[1].levels(count)

    def imbalance(self) -> float | None:
        """(bids - asks) / (bids + asks) of the sizes of the best 5 levels, -1 to 1; None unless READY."""
        if self.state is not BookState.READY:
            return None
        bid, ask = _sum(self.bids(IMBALANCE_LEVELS)), _sum(self.asks(IMBALANCE_LEVELS))
        return (bid - ask) / (bid + ask)

    def microprice(self) -> float | None:
        """The two best prices, each weighted by the other's size; None unless READY."""
        if self.state is not BookState.READY:
            return None
        (bid, bid_size), (ask, ask_size) = self.bids(1)[0], self.asks(1)[0]
        return (ask * bid_size + bid * ask_size) / (bid_size + ask_size)


def _rows(update: BookUpdate) -> int:
    return max(1, len(update.bids) + len(update.asks))


def _sum(levels: Iterable[Level]) -> float:
    total = 0.0
    for _, size in levels:
        total += size
    return total
