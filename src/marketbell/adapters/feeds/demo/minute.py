"""One minute drawn in full: chapters of ten seconds of quotes, books and trades, in the order they arrive.

Each chapter is cut into slots. Within a slot quotes come first, then books, then trades, so that rows of
one kind stand together and frames need not be tiny; arrival times rise from row to row all the same.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.adapters.feeds.demo.faults import KINDS, make_faults
from marketbell.adapters.feeds.demo.options import DemoOptions
from marketbell.adapters.feeds.demo.session import INDEX_TICKS, MINUTE, MINUTES, SECOND, Counts, Floats, Plan
from marketbell.adapters.feeds.demo.universe import TICKS_PER_UNIT, Universe
from marketbell.core.columns.frame import Columns, FrameKind
from marketbell.core.options.frames import chain_rows
from marketbell.core.primitives.identity import instrument_id

CHAPTERS = 6
CHAPTER_S = 10
FULL_SLOTS, SPARSE_SLOTS = 40, 1
LEVELS = 5
BOOK_ROWS = 2 * LEVELS
LATENCY = 3_000_000
"""Every row reaches us 3 ms after its event."""
_QUOTE_SHARE, _BOOK_SHARE = 0.016, 0.024  # of a slot: when quotes end and books end
_INDICES = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows of one kind in order. `arrival` is the source clock of each; `fault` 0 or 1 + index in KINDS.

    A chain, or quotes of futures, is one event with one arrival, however many rows it has, and is never cut.
    """

    kind: FrameKind
    columns: Columns
    arrival: NDArray[np.int64]
    fault: NDArray[np.int64] | None = None
    payload: dict[str, Any] = field(default_factory=dict)


class Minute:
    """The frame of one minute: prices each second, and how the minute's counts fall on its chapters."""

    def __init__(self, universe: Universe, plan: Plan, minute: int, seed: int, options: DemoOptions) -> None:
        self._universe = universe
        self._options = options
        self._plan = plan
        self._minute = minute
        self._seed = seed
        rng = np.random.default_rng([seed, 3, plan.number, minute])
        self.slots = SPARSE_SLOTS if plan.is_sparse_at(minute) else FULL_SLOTS
        trades = plan.trades[minute].copy()
        if minute == 0:
            trades -= 1
        self.trades = _split(rng, trades)
        if minute == 0:
            self.trades[0] += 1
        self.quotes = _split(rng, plan.quotes[minute])
        self.books = _split(rng, plan.books[minute])
        done = np.concatenate(([0], np.cumsum(self.trades.sum(axis=1))))
        self.faults = np.diff(plan.faults[minute][None, :] * done[:, None] // max(int(done[-1]), 1), axis=0)
        rows = (self.trades + self.quotes + BOOK_ROWS * self.books).sum(axis=1)
        rows += INDEX_TICKS * _INDICES // CHAPTERS + self.faults.sum(axis=1)
        is_sparse = plan.is_sparse_at(minute)
        self._chains = [options.events(plan.number, minute, one, is_sparse=is_sparse) for one in range(CHAPTERS)]
        rows += np.array(self._chains)
        self.first_row = plan.rows[minute] + np.concatenate(([0], np.cumsum(rows)))
        # Shares before each chapter, in proportion to its trades.
        before = np.vstack([np.zeros_like(trades), np.cumsum(self.trades, axis=0)])
        self._shares = plan.cumulative[minute] + plan.volume[minute] * before // np.maximum(before[-1], 1)
        self._prices = price_path(universe, plan, minute, seed)
        self._steps = np.maximum(self._prices * TICKS_PER_UNIT, plan.spread[minute] / 2 + LEVELS + 1)
        self._start = plan.open + minute * MINUTE

    def start_of(self, chapter: int) -> int:
        """The earliest moment a row of the chapter can arrive."""
        return self._start + chapter * CHAPTER_S * SECOND + LATENCY

    def render(self, chapter: int) -> list[Segment]:
        """All rows of a chapter, in order."""
        rng = np.random.default_rng([self._seed, 4, self._plan.number, self._minute, chapter])
        trades, trade_slot = self._trades(rng, chapter)
        quotes, quote_slot = self._quotes(rng, chapter)
        books, book_slot = self._books(rng, chapter)
        edges = np.arange(self.slots + 1)
        cuts = [
            (quotes, np.searchsorted(quote_slot, edges)),
            (books, np.searchsorted(book_slot, edges)),
            (trades, np.searchsorted(trade_slot, edges)),
        ]
        made = self._of_options(chapter)
        for slot in range(self.slots):
            for segment, cut in cuts:
                low, high = int(cut[slot]), int(cut[slot + 1])
                if high > low:
                    made.append(slice_of(segment, low, high))
        return made

    def _of_options(self, chapter: int) -> list[Segment]:
        """The future and the chains of the chapter's underlying, as they stand when the chapter begins."""
        if not self._chains[chapter]:
            return []
        as_of, prices = self._start + chapter * CHAPTER_S * SECOND, self._prices[chapter * CHAPTER_S]
        place = (self._plan.number, self._minute, chapter, as_of, prices)
        arrival = np.array([self.start_of(chapter)], np.int64)
        made = [Segment(FrameKind.REFERENCE, {}, arrival, payload=self._options.futures(*place))]
        for chain in self._options.chains(*place):
            columns, payload = chain_rows(chain, instrument_id(chain.underlying))
            made.append(Segment(FrameKind.CHAIN, columns, arrival, payload=payload))
        return made

    def _moment(self, chapter: int, slot: Counts, share: Floats) -> tuple[Counts, Counts, Floats]:
        """Nanoseconds since the chapter's start, and the second of the minute as whole and part."""
        seconds = (slot + share) * (CHAPTER_S / self.slots)
        whole = np.minimum(seconds.astype(np.int64), CHAPTER_S - 1)
        return (seconds * SECOND).astype(np.int64), whole + chapter * CHAPTER_S, seconds - whole

    def _mid(self, company: Counts, second: Counts, part: Floats) -> Floats:
        """Middle price in steps, on the straight line between two seconds."""
        low, high = self._steps[second, company], self._steps[second + 1, company]
        mid: Floats = low + (high - low) * part
        return mid

    def _touch(self, mid: Floats, company: Counts) -> tuple[Counts, Counts]:
        """Best bid and ask in steps."""
        spread = self._plan.spread[self._minute][company]
        bid = np.floor(mid - spread / 2 + 0.5).astype(np.int64)
        return bid, bid + spread

    def _trades(self, rng: np.random.Generator, chapter: int) -> tuple[Segment, Counts]:
        counts = self.trades[chapter]
        company = np.repeat(np.arange(len(counts)), counts)
        # Sorting company + moment sorts by company and, inside it, by time.
        moment = np.sort(company + rng.random(len(company))) - company
        if self._minute == 0 and chapter == 0:
            moment[np.cumsum(counts) - counts] *= 0.05  # the opening trade comes at once
        slot = np.minimum((moment * self.slots).astype(np.int64), self.slots - 1)
        share = _BOOK_SHARE + (moment * self.slots - slot) * (0.999 - _BOOK_SHARE)
        offset, second, part = self._moment(chapter, slot, share)
        bid, ask = self._touch(self._mid(company, second, part), company)
        price = np.where(rng.random(len(company)) < 0.5, bid, ask) / TICKS_PER_UNIT
        cumulative = self._cumulative(rng, chapter, company, counts)

        index_id, index_offset, index_price = self._index_ticks(rng, chapter)
        ids = np.concatenate((self._universe.ids[company], index_id))
        when = np.concatenate((offset, index_offset))
        price = np.concatenate((price, index_price))
        cumulative = np.concatenate((cumulative, np.zeros(len(index_id))))
        order = np.argsort(when, kind="stable")
        event = self._start + chapter * CHAPTER_S * SECOND + when[order]
        ids, price, cumulative = ids[order], price[order], cumulative[order]
        slots = np.minimum(when[order] * self.slots // (CHAPTER_S * SECOND), self.slots - 1)
        arrival, fault = event + LATENCY, None
        if self._plan.faults.any():
            candidates = np.flatnonzero(order < len(company))
            bad = make_faults(
                rng, self.faults[chapter], candidates, event, price, cumulative, self._plan.open
            )  # fmt: skip
            at = bad.victim + 1
            fault = np.insert(np.zeros(len(event), dtype=np.int64), at, bad.kind)
            ids, arrival = np.insert(ids, at, ids[bad.victim]), np.insert(arrival, at, arrival[bad.victim])
            slots = np.insert(slots, at, slots[bad.victim])
            event = np.insert(event, at, bad.event_time)
            price, cumulative = np.insert(price, at, bad.price), np.insert(cumulative, at, bad.volume)
        columns: Columns = {
            "instrument_id": ids,
            "event_time": event,
            "ingest_time": arrival,
            "price": price,
            "volume": cumulative,
        }
        return Segment(FrameKind.TRADE, columns, arrival, fault), slots

    def _cumulative(self, rng: np.random.Generator, chapter: int, company: Counts, counts: Counts) -> Floats:
        """The session's shares after each trade: random sizes, one share at least, adding up to the plan."""
        weight = rng.standard_exponential(len(company))
        weight *= weight
        running = np.cumsum(weight)
        ends = np.cumsum(counts)
        starts = ends - counts
        padded = np.concatenate(([0.0], running))
        before, total = padded[starts], padded[ends] - padded[starts]
        shares = self._shares[chapter + 1] - self._shares[chapter]
        nth = np.arange(1, len(company) + 1) - starts[company]
        share = (running - before[company]) / total[company]
        extra = np.floor((shares - counts)[company] * np.minimum(share, 1.0))
        last = nth == counts[company]
        extra[last] = (shares - counts)[company][last]
        cumulative: Floats = self._shares[chapter][company] + nth + extra
        return cumulative

    def _index_ticks(self, rng: np.random.Generator, chapter: int) -> tuple[Counts, Counts, Floats]:
        """Each index once a second, from the companies' middle prices at that second."""
        per_index = INDEX_TICKS // CHAPTERS
        second = np.arange(per_index)
        levels = self._universe.index_levels(self._prices[second + chapter * CHAPTER_S])
        price = np.rint(levels * TICKS_PER_UNIT) / TICKS_PER_UNIT
        ids = np.tile(self._universe.ids[-_INDICES:], per_index)
        # Somewhere in the part of a slot that belongs to trades.
        share = _BOOK_SHARE + rng.random(per_index * _INDICES) * 0.2
        slot_s = CHAPTER_S / self.slots
        offset = (np.repeat(second, _INDICES) + share * min(slot_s, 1.0)) * SECOND
        if self.slots == SPARSE_SLOTS:
            offset = np.maximum(offset, _BOOK_SHARE * CHAPTER_S * SECOND + 1)
        return ids, offset.astype(np.int64), price.ravel()

    def _quotes(self, rng: np.random.Generator, chapter: int) -> tuple[Segment, Counts]:
        counts = self.quotes[chapter]
        company = np.repeat(np.arange(len(counts)), counts)
        moment = rng.random(len(company)) * self.slots
        order = np.argsort(moment, kind="stable")
        company, moment = company[order], moment[order]
        slot = moment.astype(np.int64)
        offset, second, part = self._moment(chapter, slot, (moment - slot) * _QUOTE_SHARE)
        bid, ask = self._touch(self._mid(company, second, part), company)
        size = self._lot(company)
        event = self._start + chapter * CHAPTER_S * SECOND + offset
        columns: Columns = {
            "instrument_id": self._universe.ids[company],
            "event_time": event,
            "ingest_time": event + LATENCY,
            "bid": bid / TICKS_PER_UNIT,
            "bid_size": np.ceil(size * rng.standard_exponential(len(company))),
            "ask": ask / TICKS_PER_UNIT,
            "ask_size": np.ceil(size * rng.standard_exponential(len(company))),
        }
        return Segment(FrameKind.QUOTE, columns, event + LATENCY), slot

    def _books(self, rng: np.random.Generator, chapter: int) -> tuple[Segment, Counts]:
        counts = self.books[chapter]
        company = np.repeat(np.arange(len(counts)), counts)
        nth = np.arange(len(company)) - np.repeat(np.cumsum(counts) - counts, counts)
        # Each company's books are spread over the chapter: never two of one company in one slot.
        width = np.maximum(self.slots // np.maximum(counts, 1), 1)[company]
        slot = nth * self.slots // np.maximum(counts, 1)[company] + (rng.random(len(company)) * width).astype(np.int64)
        order = np.argsort(slot, kind="stable")
        company, slot = company[order], slot[order]
        within = np.arange(len(slot)) - np.searchsorted(slot, slot)
        share = _QUOTE_SHARE + (_BOOK_SHARE - _QUOTE_SHARE) * within / np.maximum(np.bincount(slot)[slot], 1)
        offset, second, part = self._moment(chapter, slot, share)
        bid, ask = self._touch(self._mid(company, second, part), company)
        level = np.arange(LEVELS)
        # Now and then a price level is empty, more often away from the touch.
        skipped = np.cumsum(rng.random((len(company), 2, LEVELS)) < 0.08 * level, axis=2)
        away = level + skipped
        steps = np.stack((bid[:, None] - away[:, 0], ask[:, None] + away[:, 1]), axis=1)
        shape = self._lot(company)[:, None, None] * (1 + 0.6 * level)
        size = np.ceil(shape * rng.standard_exponential((len(company), 2, LEVELS)))
        event = np.repeat(self._start + chapter * CHAPTER_S * SECOND + offset, BOOK_ROWS)
        rows = len(company)
        columns: Columns = {
            "instrument_id": np.repeat(self._universe.ids[company], BOOK_ROWS),
            "event_time": event,
            "side": np.tile(np.repeat(np.array([0, 1], dtype=np.uint8), LEVELS), rows),
            "level": np.tile(level.astype(np.uint8), 2 * rows),
            "price": steps.reshape(-1) / TICKS_PER_UNIT,
            "size": size.reshape(-1),
        }
        return Segment(FrameKind.DEPTH, columns, event + LATENCY), np.repeat(slot, BOOK_ROWS)

    def _lot(self, company: Counts) -> Floats:
        """A usual size at the touch: a few trades' worth."""
        per_trade = self._universe.volume / (self._universe.trade_rate * MINUTE / SECOND * MINUTES)
        lot: Floats = np.maximum(4 * per_trade, 5.0)[company]
        return lot


def slice_of(segment: Segment, low: int, high: int) -> Segment:
    """Rows low..high of a segment, as views."""
    return Segment(
        segment.kind,
        {name: column[low:high] for name, column in segment.columns.items()},
        segment.arrival[low:high],
        None if segment.fault is None else segment.fault[low:high],
    )


def _split(rng: np.random.Generator, counts: Counts) -> Counts:
    """Let each event of a minute fall on one of the chapters: rows chapters, columns companies."""
    split: Counts = rng.multinomial(counts, np.full(CHAPTERS, 1 / CHAPTERS)).T.astype(np.int64)
    return split


def price_path(universe: Universe, plan: Plan, minute: int, seed: int) -> Floats:
    """Prices at each second 0..60: a random walk tied to the plan's prices at both ends."""
    rng = np.random.default_rng([seed, 6, plan.number, minute])
    start, end = plan.path[minute], plan.path[minute + 1]
    sd = universe.daily_sd * plan.agitation[minute] / (MINUTES * 60) ** 0.5
    walk = np.vstack([np.zeros_like(start), np.cumsum(rng.standard_normal((60, len(start))) * sd, axis=0)])
    part = np.linspace(0.0, 1.0, 61)[:, None]
    prices: Floats = np.exp(start + (end - start - walk[-1]) * part + walk)
    return prices


def kind_name(fault: int) -> str:
    """The quality kind of a row's fault number (1 …)."""
    return KINDS[fault - 1]
