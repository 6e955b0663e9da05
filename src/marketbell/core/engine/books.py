"""Order books of all instruments: an operator behind the log's BOOK, DEPTH and QUOTE entries.

Only instruments that have a book take room: a book is a *slot*, and its levels lie in an arena that grows.
DEPTH entries (whole books) are snapshots without ids. The engine asks for `news` after each entry (best
prices, gaps) and for `shown` when it says what came of a call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# ruff: noqa: ARG002 — an operator is given more than each one needs
import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns
from marketbell.core.engine import book_kernel as b
from marketbell.core.engine import kernel as k
from marketbell.core.engine.operators import Operator, TickState
from marketbell.core.engine.packed_books import Packed, pack, renumbered, unpack
from marketbell.core.market.order_book import (
    BOOK_STATES,
    MAX_LEVELS,
    MAX_PENDING,
    NO_ID,
    SHOWN_LEVELS,
    BookFlag,
    BookState,
)
from marketbell.core.primitives.errors import CheckpointError

BOOK_FIELDS = (
    "book.state",
    "book.imbalance",
    "book.microprice",
    "book.spread",
    "book.spread_bps",
    "book.bid_size",
    "book.ask_size",
    "book.depth_bid",
    "book.depth_ask",
    "book.depth",
)
_NO_QUOTE = -(1 << 62)
_TOP = [b.S_BID, b.S_BID_SIZE, b.S_ASK, b.S_ASK_SIZE]
_QUOTE = [k.F_BID, k.F_BID_SIZE, k.F_ASK, k.F_ASK_SIZE]
_NO_SLOT = -1


@dataclass(frozen=True, slots=True)
class BookNews:
    """What one entry of the log did to the books.

    `top` are the best prices to show for `rows`, NaN where they are not known any more; `gaps` and `bad` rows with
    the event times of a gap in the ids and of a level with an impossible price or size.
    """

    rows: NDArray[np.int64]
    event_time: NDArray[np.int64]
    top: NDArray[np.float64]
    """Columns bid, bid_size, ask, ask_size."""
    gaps: NDArray[np.int64]
    bad: NDArray[np.int64]
    """Pairs of row and event time, ns UTC."""


@dataclass(frozen=True, slots=True)
class BookChanges:
    """Rows of the newest entry that changed a shown book, in log order.

    `delta` is the size now less the size before; `away` the price's distance from the best of its side before
    the message, as a fraction of that best (below 0: a better price). An infinite `delta` says that the book was
    lost with this message.
    """

    rows: NDArray[np.int64]
    event_time: NDArray[np.int64]
    side: NDArray[np.int64]
    price: NDArray[np.float64]
    size: NDArray[np.float64]
    delta: NDArray[np.float64]
    away: NDArray[np.float64]


class Books(Operator):
    """See the module's docstring. `levels` a side are kept, `pending` rows wait for a snapshot at most."""

    name = "books"

    def __init__(self, levels: int = MAX_LEVELS, pending: int = MAX_PENDING) -> None:
        self._most, self._most_pending = levels, pending
        self._slot = np.empty(0, np.int64)
        self._row = np.empty(0, np.int64)
        self._direct = np.empty(0, np.int64)
        self._quote = np.empty((0, 4))
        self._P, self._Z = np.empty(1_024), np.empty(1_024)
        self._W, self._V = np.empty((64, b.NW), np.int64), np.empty((64, 2))
        self._waiting = np.zeros(1, np.int64)
        self._A, self._H, self._B, self._S = _places(8)
        self._changed: set[int] = set()
        self._unsaid: set[int] = set()
        self._news = _nothing()
        self.changes = _no_changes()

    def _room(self, room: int) -> None:
        """Places for so many books; those in use keep theirs."""
        kept = len(self._row)
        old = (self._A, self._H, self._B, self._S)
        self._A, self._H, self._B, self._S = _places(room)
        self._A[:kept], self._H[:kept], self._B[:kept], self._S[:kept] = (array[:kept] for array in old)

    def grow(self, state: TickState) -> None:
        """Rows without a book cost 16 bytes."""
        more = state.count - len(self._slot)
        if more > 0:
            self._slot = np.concatenate([self._slot, np.full(more, _NO_SLOT, np.int64)])
            self._direct = np.concatenate([self._direct, np.full(more, _NO_QUOTE, np.int64)])
            self._quote = np.concatenate([self._quote, np.full((more, 4), np.nan)])

    def _slots_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The book of each row (-1 where the row is unknown), made where there is none yet."""
        known = rows >= 0
        slots = np.full(len(rows), _NO_SLOT)
        slots[known] = self._slot[rows[known]]
        if (known & (slots < 0)).any():
            fresh = rows[known & (slots < 0)]
            _, first = np.unique(fresh, return_index=True)
            new = fresh[np.sort(first)]
            used = len(self._row)
            while used + len(new) > len(self._B):
                self._room(2 * len(self._B))
            self._slot[new] = np.arange(used, used + len(new))
            self._row = np.concatenate([self._row, new])
            slots[known] = self._slot[rows[known]]
        return slots

    # --- the log ---------------------------------------------------------------------------------

    def quotes(self, rows: NDArray[np.int64], columns: Columns, state: TickState) -> None:
        """A venue's own best prices come before those of the book, unless the book's id is newer.

        The tick kernel has taken them already.
        """
        ids = columns.get("update_id")
        known = rows >= 0
        given = np.full(len(rows), NO_ID, np.int64) if ids is None else np.asarray(ids, np.int64)
        self._direct[rows[known]] = given[known]
        self._quote[rows[known]] = state.F[rows[known]][:, _QUOTE]

    def depth(self, rows: NDArray[np.int64], columns: Columns, state: TickState) -> None:
        """Whole books as snapshots without ids. The engine has passed them on as they are."""
        count = len(rows)
        if not count:
            self._news, self.changes = _nothing(), _no_changes()
            return
        times = np.asarray(columns["event_time"], np.int64)
        order = np.lexsort((np.arange(count), times, rows))
        at, when = rows[order], times[order]
        flags = np.full(count, int(BookFlag.SNAPSHOT), np.int64)
        flags[-1] |= BookFlag.LAST
        flags[:-1][(at[1:] != at[:-1]) | (when[1:] != when[:-1])] |= BookFlag.LAST
        none = np.full(count, NO_ID, np.int64)
        side = np.asarray(columns["side"], np.int64)[order]
        price, size = (np.asarray(columns[name], np.float64)[order] for name in ("price", "size"))
        self._apply(state, at, when, (none, none, none, flags, side), price, size, is_said=True)

    def book(self, rows: NDArray[np.int64], columns: Columns, state: TickState) -> None:
        """Snapshots and updates."""
        numbers = ("first_update", "last_update", "previous_update", "flags", "side")
        given = tuple(np.array(columns[name], np.int64) for name in numbers)
        price, size = (np.array(columns[name], np.float64) for name in ("price", "size"))
        self._apply(state, rows, np.array(columns["event_time"], np.int64), given, price, size, is_said=False)

    def _apply(
        self,
        state: TickState,
        rows: NDArray[np.int64],
        times: NDArray[np.int64],
        given: Sequence[NDArray[np.int64]],
        price: NDArray[np.float64],
        size: NDArray[np.float64],
        *,
        is_said: bool,
    ) -> None:
        slots = self._slots_of(rows)
        count = len(rows)
        delta, away = np.full(count, np.nan), np.full(count, np.nan)
        gaps, bad = np.empty((count, 2), np.int64), np.empty((count, 2), np.int64)
        first, last, previous, flags, side = given
        self._P, self._Z, self._W, self._V, found, dropped = b.books(
            self._P, self._Z, self._A, self._H, self._B, self._S, self._W, self._V, self._waiting, self._most,
            self._most_pending, slots, times, first, last, previous, flags, side, price, size, delta, away, gaps, bad,
        )  # fmt: skip
        touched = np.unique(slots[slots >= 0])
        self._changed.update(touched.tolist())
        if not is_said:
            self._unsaid.update(touched.tolist())
        shown = np.flatnonzero(~np.isnan(delta))
        self.changes = BookChanges(
            rows[shown], times[shown], side[shown], price[shown], size[shown], delta[shown], away[shown]
        )
        at = self._row[touched]
        direct = self._direct[at]
        top = self._S[touched][:, _TOP]
        is_older = (self._B[touched, b.I_LAST_UPDATE] <= direct) | (direct < 0) | np.isnan(top[:, 0])
        own = (direct != _NO_QUOTE) & is_older
        top[own] = self._quote[at[own]]
        self._news = BookNews(
            at,
            np.maximum(self._B[touched, b.I_TIME], state.I[at, k.I_QUOTE_TIME]),
            top,
            self._with_rows(gaps[:found]),
            self._with_rows(bad[:dropped]),
        )

    def _with_rows(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.stack([self._row[pairs[:, 0]], pairs[:, 1]], axis=1) if len(pairs) else pairs

    def news(self) -> BookNews:
        """What the newest entry did."""
        return self._news

    # --- what readers see ------------------------------------------------------------------------

    def shown(self, state: TickState) -> tuple[Columns, list[tuple[int, str, int]]]:
        """Best levels (DEPTH rows) of the books that changed since the last call; id, state and time of each."""
        slots = np.array(sorted(self._unsaid), np.int64)
        self._unsaid.clear()
        if not len(slots):
            return {}, []
        room = len(slots) * 2 * SHOWN_LEVELS
        slot, side, level = (np.empty(room, np.int64) for _ in range(3))
        price, size = np.empty(room), np.empty(room)
        used = b.top_levels(self._P, self._Z, self._A, self._B, slots, SHOWN_LEVELS, slot, side, level, price, size)
        ids = state.I[self._row[slots], 0]
        told = zip(ids.tolist(), self._B[slots][:, [b.I_STATE, b.I_TIME]].tolist(), strict=True)
        states = [(ident, BOOK_STATES[number], when) for ident, (number, when) in told]
        depth: Columns = {
            "instrument_id": state.I[self._row[slot[:used]], 0],
            "event_time": self._B[slot[:used], b.I_TIME],
            "side": side[:used].astype(np.uint8),
            "level": level[:used].astype(np.uint8),
            "price": price[:used],
            "size": size[:used],
        }
        return depth, states

    def columns(
        self, rows: NDArray[np.int64], columns: Mapping[str, NDArray[Any]], state: TickState, now: int
    ) -> dict[str, NDArray[Any]]:
        """BOOK_FIELDS; NaN for what is not known, and for every number of a book that is not ready."""
        slots = self._slot[rows]
        has = slots >= 0
        at = np.where(has, slots, 0)
        s = np.where(has[:, None], self._S[at], np.nan)
        codes = np.where(has, self._B[at, b.I_STATE], 0)
        ready = np.where(codes == BookState.READY, 1.0, np.nan)
        bid, bid_size, ask, ask_size = s[:, b.S_BID], s[:, b.S_BID_SIZE], s[:, b.S_ASK], s[:, b.S_ASK_SIZE]
        near, far = s[:, b.S_BID_NEAR], s[:, b.S_ASK_NEAR]
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = (ask - bid) * ready
            return {
                "book.state": np.where(codes > 0, codes.astype(np.float64), np.nan),
                "book.imbalance": (near - far) / (near + far),
                "book.microprice": (ask * bid_size + bid * ask_size) / (bid_size + ask_size) * ready,
                "book.spread": spread,
                "book.spread_bps": spread / ((bid + ask) / 2.0) * 1e4,
                "book.bid_size": bid_size,
                "book.ask_size": ask_size,
                "book.depth_bid": s[:, b.S_BID_DEPTH],
                "book.depth_ask": s[:, b.S_ASK_DEPTH],
                "book.depth": s[:, b.S_BID_DEPTH] + s[:, b.S_ASK_DEPTH],
            }

    def take_changed(self) -> NDArray[np.int64]:
        """Rows whose book changed."""
        rows = self._row[np.array(sorted(self._changed), np.int64)]
        self._changed.clear()
        return rows

    def levels(self, row: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """Every level of a row's book, best first, whatever its state: for tests and questions by hand."""
        slot = int(self._slot[row])
        if slot < 0:
            return [], []
        sides = []
        for side, sign in ((0, 1.0), (1, -1.0)):
            start, used = int(self._A[slot, side, 0]), int(self._A[slot, side, 2])
            keys, sizes = self._P[start : start + used][::-1], self._Z[start : start + used][::-1]
            sides.append(list(zip((sign * keys).tolist(), sizes.tolist(), strict=True)))
        return sides[0], sides[1]

    def newest(self) -> int:
        """Event time of the newest message about any book, ns UTC; 0 before the first."""
        used = len(self._row)
        return max(0, int(self._B[:used, b.I_TIME].max())) if used else 0

    def state_of(self, row: int) -> BookState | None:
        """The state of a row's book; None without one."""
        slot = int(self._slot[row])
        return None if slot < 0 else BookState(int(self._B[slot, b.I_STATE]))

    # --- checkpoints -----------------------------------------------------------------------------

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        """Books in the order of their rows: see packed_books.py."""
        waiting = int(self._waiting[0])
        place = self._W[:waiting, b.W_SLOT]
        books = []
        for slot, row in enumerate(self._row.tolist()):
            sides = []
            for side in (0, 1):
                low = int(self._A[slot, side, 0])
                high = low + int(self._A[slot, side, 2])
                sides.append((self._P[low:high].copy(), self._Z[low:high].copy()))
            mine = np.flatnonzero(place == slot)
            books.append(
                Packed(
                    row,
                    self._B[slot].copy(),
                    self._S[slot].copy(),
                    self._H[slot].copy(),
                    (sides[0], sides[1]),
                    self._W[mine].copy(),
                    self._V[mine].copy(),
                )
            )
        return pack(books, self._direct[:count].copy(), self._quote[:count].copy())

    def restore(self, arrays: Mapping[str, NDArray[Any]], state: TickState) -> None:
        """The inverse. Every book is news to its readers."""
        try:
            books = unpack(arrays)
            used, direct, quote = len(books), np.asarray(arrays["direct"], np.int64), np.asarray(arrays["quote"])
            self._direct[: len(direct)], self._quote[: len(direct)] = direct, quote
            self._row = np.empty(0, np.int64)
            self._room(max(8, 1 << max(0, used - 1).bit_length()))
            self._row = np.array([one.row for one in books], np.int64)
            self._slot[self._row] = np.arange(used)
            whole = pack(books, direct, quote)
        except (KeyError, ValueError, IndexError) as error:
            message = f"the checkpoint's order books are not of this program: {error}"
            raise CheckpointError(message) from error
        self._B[:used], self._S[:used], self._H[:used] = whole["state"], whole["numbers"], whole["horizon"]
        lengths, total, waiting = whole["lengths"], len(whole["keys"]), len(whole["waiting"])
        self._P, self._Z = np.empty(max(1_024, total)), np.empty(max(1_024, total))
        self._P[:total], self._Z[:total] = whole["keys"], whole["sizes"]
        self._A[:used, :, 0] = (np.cumsum(lengths.reshape(-1)) - lengths.reshape(-1)).reshape(used, 2)
        self._A[:used, :, 1] = self._A[:used, :, 2] = lengths
        self._A[0, 0, 3] = total
        self._W, self._V = np.empty((max(64, waiting), b.NW), np.int64), np.empty((max(64, waiting), 2))
        self._W[:waiting], self._V[:waiting] = whole["waiting"], whole["waiting_levels"]
        self._waiting[0] = waiting
        self._changed, self._unsaid = set(range(used)), set(range(used))
        self._news, self.changes = _nothing(), _no_changes()

    def split(self, arrays: Mapping[str, NDArray[Any]], rows: NDArray[np.int64], count: int) -> dict[str, NDArray[Any]]:
        """The books of these rows."""
        place = {row: at for at, row in enumerate(rows.tolist())}
        direct, quote = np.asarray(arrays["direct"], np.int64), np.asarray(arrays["quote"], np.float64)
        return pack(renumbered(unpack(arrays), place), direct[rows], quote[rows])

    def merge(
        self, parts: Sequence[Mapping[str, NDArray[Any]]], order: NDArray[np.int64], counts: Sequence[int]
    ) -> dict[str, NDArray[Any]]:
        """The books of all parts."""
        place = {row: at for at, row in enumerate(order.tolist())}
        books: list[Packed] = []
        first = 0
        for part, count in zip(parts, counts, strict=True):
            mine = {row: place[first + row] for row in range(count)}
            books += renumbered(unpack(part), mine)
            first += count
        direct = np.concatenate([np.asarray(part["direct"], np.int64) for part in parts])
        quote = np.concatenate([np.asarray(part["quote"], np.float64) for part in parts])
        return pack(books, direct[order], quote[order])


def _places(
    room: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Places of levels, horizons, states and numbers of so many books."""
    state = np.zeros((room, b.NI), np.int64)
    state[:, b.I_LAST_UPDATE] = NO_ID
    state[:, [b.I_TAIL, b.I_TIME]] = b.NEVER
    state[:, b.I_STATE] = BookState.BUILDING
    return np.zeros((room, 2, 4), np.int64), np.full((room, 2), -np.inf), state, np.full((room, b.NS), np.nan)


def _nothing() -> BookNews:
    whole = np.empty(0, np.int64)
    return BookNews(whole, whole, np.empty((0, 4)), np.empty((0, 2), np.int64), np.empty((0, 2), np.int64))


def _no_changes() -> BookChanges:
    whole, real = np.empty(0, np.int64), np.empty(0)
    return BookChanges(whole, whole, whole, real, real, real, real)
