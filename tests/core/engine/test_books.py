"""Books of many instruments in the engine: equal to one book each, wherever the log is cut or restored."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.columns.frame import Columns, Frame, FrameKind, decode, encode
from marketbell.core.engine.books import BOOK_FIELDS, Books
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.language.fields import BY_NAME
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.order_book import (
    BOOK_STATES,
    BookFlag,
    BookSnapshot,
    BookState,
    BookUpdate,
    OrderBook,
    Verdict,
)
from marketbell.core.market.session import DAY, SECOND, SessionTable
from marketbell.core.quality.kinds import QualityKind

START = 19_000 * DAY
INSTRUMENTS = [Instrument(key, calendar="24/7") for key in ("X:A", "X:B", "X:C")]
IDS = [int(one.instrument_id) for one in INSTRUMENTS]
Message = tuple[int, BookUpdate | BookSnapshot | None]
"""Which instrument, and what; None is a reset."""


def sessions(name: str) -> SessionTable:
    opens = np.arange(19_000, 19_010, dtype=np.int64) * DAY
    return SessionTable(name, "UTC", opens, opens + DAY, opens // DAY, np.zeros(10, np.uint8))


def new(levels: int = 1_024, pending: int = 20_000) -> Engine:
    engine = Engine(EngineConfig(), sessions)
    books = Books(levels, pending)
    engine.operators = tuple(books if isinstance(one, Books) else one for one in engine.operators)
    engine.books = books
    engine.define(INSTRUMENTS)
    return engine


def rows(messages: Sequence[Message], start: int = 0) -> Columns:
    """BOOK columns; message n has the time START + n seconds."""
    found: dict[str, list[Any]] = {
        name: []
        for name in (
            *("instrument_id", "event_time", "first_update", "last_update", "previous_update"),
            *("flags", "side", "price", "size"),
        )
    }
    for at, (which, message) in enumerate(messages):
        levels: list[tuple[int, float, float, int]] = []
        first = last = previous = -1
        flag = int(BookFlag.RESET)
        if message is not None:
            flag = int(BookFlag.SNAPSHOT) if isinstance(message, BookSnapshot) else 0
            whole = message.is_whole if isinstance(message, BookSnapshot) else (False, False)
            for side, side_levels in enumerate((message.bids, message.asks)):
                levels += [(side, price, size, int(BookFlag.WHOLE) * whole[side]) for price, size in side_levels]
            last = message.last_update
            if isinstance(message, BookUpdate):
                first, previous = message.first_update, message.previous_update
        for n, (side, price, size, more) in enumerate(levels or [(2, 0.0, 0.0, 0)]):
            is_last = n == max(0, len(levels) - 1)
            values = (
                *(IDS[which], START + (start + at) * SECOND, first, last, previous),
                *(flag | more | int(BookFlag.LAST) * is_last, side, price, size),
            )
            for name, value in zip(found, values, strict=True):
                found[name].append(value)
    types = {"flags": np.uint8, "side": np.uint8, "price": np.float64, "size": np.float64}
    return {name: np.array(values, types.get(name, np.int64)) for name, values in found.items()}


def frame(kind: FrameKind, columns: Columns) -> Frame:
    """Through its bytes, as from the bus: the columns are read-only."""
    return decode(encode(Frame(kind, 0, 0, 0, 0, START, START, len(columns["instrument_id"]), columns)))


def told(engine: Engine) -> tuple[dict[str, list[float]], dict[str, dict[str, int]], list[Any]]:
    """Everything that readers see."""
    columns = engine.columns()
    names = (*BOOK_FIELDS, "bid", "ask", "spread")
    values = {name: [None if math.isnan(x) else x for x in columns[name].tolist()] for name in names}
    levels = [engine.books.levels(row) for row in range(len(INSTRUMENTS))]
    return values, engine.quality_counts(), levels  # type: ignore[return-value]


# --- against one book each --------------------------------------------------------------------------

levels_ = st.lists(st.tuples(st.integers(1, 12).map(float), st.integers(0, 4).map(float)), max_size=5)


@st.composite
def streams(draw: st.DrawFn) -> list[Message]:
    """Mostly unbroken ids, with holes, repeats, snapshots of any age and resets."""
    found: list[Message] = []
    newest = [10, 10, 10]
    is_futures = draw(st.booleans())
    for _ in range(draw(st.integers(1, 40))):
        which = draw(st.integers(0, 1))
        kind = draw(st.integers(0, 11))
        bids, asks = draw(levels_), [(price + draw(st.integers(6, 13)), size) for price, size in draw(levels_)]
        if kind == 0:
            found.append((which, None))
        elif kind <= 2:
            last = max(0, newest[which] - draw(st.integers(0, 4)))
            found.append((which, BookSnapshot(last, bids, asks, draw(st.tuples(st.booleans(), st.booleans())))))
        else:
            skip = draw(st.integers(1, 9)) if kind == 3 else -draw(st.integers(1, 3)) if kind == 4 else 0
            first = max(0, newest[which] + 1 + skip)
            last = first + draw(st.integers(0, 2))
            previous = first - 1 if is_futures else -1
            found.append((which, BookUpdate(first, last, previous, bids, asks)))
            newest[which] = max(newest[which], last)
    return found


@settings(max_examples=60, deadline=None)
@given(streams(), st.sampled_from([2, 3, 50]), st.sampled_from([4, 1_000]), st.data())
def test_the_engine_keeps_each_book_as_one_book_would(
    messages: list[Message], levels: int, pending: int, data: st.DataObject
) -> None:
    twins = [OrderBook(levels, pending) for _ in INSTRUMENTS]
    seen = set()
    for which, message in messages:
        seen.add(which)
        if message is None:
            twins[which].reset()
        elif isinstance(message, BookSnapshot):
            twins[which].snapshot(message)
        else:
            twins[which].update(message)
    engine = new(levels, pending)
    whole = rows(messages)
    ends = np.flatnonzero(whole["flags"] & int(BookFlag.LAST)) + 1
    cuts = sorted({0, len(whole["side"]), *data.draw(st.lists(st.sampled_from(ends.tolist()), max_size=6))})
    for low, high in pairwise(cuts):
        engine.apply([frame(FrameKind.BOOK, {name: column[low:high] for name, column in whole.items()})])
        if data.draw(st.booleans()):
            restored = Engine.restore(engine.checkpoint(), EngineConfig(), sessions)
            restored.books._most, restored.books._most_pending = levels, pending
            again = restored.checkpoint()
            for name, array in engine.checkpoint().items():
                np.testing.assert_array_equal(array, again[name], err_msg=name)
            engine = restored
    values, quality, sides = told(engine)
    for which, twin in enumerate(twins):
        if which not in seen:
            assert engine.books.state_of(which) is None
            continue
        assert engine.books.state_of(which) is twin.state
        assert sides[which] == (twin.bids(levels), twin.asks(levels))
        assert values["book.imbalance"][which] == twin.imbalance()
        assert values["book.microprice"][which] == twin.microprice()
        assert quality.get(INSTRUMENTS[which].key, {}).get("book_gap", 0) == twin.gaps
        if twin.state is BookState.READY:
            (bid, bid_size), (ask, ask_size) = twin.bids(1)[0], twin.asks(1)[0]
            assert (values["bid"][which], values["ask"][which]) == (bid, ask)
            assert (values["book.bid_size"][which], values["book.ask_size"][which]) == (bid_size, ask_size)
            assert values["book.depth_bid"][which] == sum(size for _, size in twin.bids(10))
            assert values["book.spread"][which] == ask - bid
        else:
            assert values["book.spread"][which] is None


@settings(max_examples=20, deadline=None)
@given(streams(), st.permutations([0, 1, 2]))
def test_checkpoints_can_be_taken_apart_and_joined(messages: list[Message], order: list[int]) -> None:
    engine = new()
    engine.apply([frame(FrameKind.BOOK, rows(messages))])
    whole = engine.books.checkpoint(3)
    parts = [engine.books.split(whole, np.array([row], np.int64), 3) for row in order]
    places = np.argsort(np.array(order)).astype(np.int64)
    joined = engine.books.merge(parts, places, [1, 1, 1])
    for name, array in whole.items():
        np.testing.assert_array_equal(array, joined[name], err_msg=name)


# --- what readers are told ---------------------------------------------------------------------------

SNAPSHOT = BookSnapshot(10, [(100.0, 5.0), (99.0, 4.0)], [(101.0, 3.0), (102.0, 2.0)])


def test_a_gap_is_counted_told_and_shown() -> None:
    engine = new()
    engine.apply([frame(FrameKind.BOOK, rows([(0, SNAPSHOT)]))])
    out = engine.apply([frame(FrameKind.BOOK, rows([(0, BookUpdate(15, 16, bids=[(100.0, 1.0)]))], 5))])
    assert out.quality["kind"].tolist() == [QualityKind.BOOK_GAP]
    assert out.quality["event_time"].tolist() == [START + 5 * SECOND]
    assert engine.quality_counts() == {"X:A": {"book_gap": 1}}
    assert out.book_states == [(IDS[0], "resyncing", START + 5 * SECOND)]
    assert not out.depth or not len(out.depth[0]["price"])
    values = engine.columns()
    assert math.isnan(values["bid"][0])
    assert values["book.state"][0] == BookState.RESYNCING
    out = engine.apply([frame(FrameKind.BOOK, rows([(0, BookSnapshot(15, SNAPSHOT.bids, SNAPSHOT.asks))], 6))])
    assert out.book_states[0][1] == "ready"
    assert out.depth[0]["price"].tolist() == [100.0, 99.0, 101.0, 102.0]
    assert out.depth[0]["size"].tolist() == [1.0, 4.0, 3.0, 2.0]
    assert engine.columns()["bid"][0] == 100.0


def test_impossible_levels_and_unknown_instruments_are_counted() -> None:
    engine = new()
    columns = rows([(0, SNAPSHOT), (1, SNAPSHOT)])
    columns["price"][0] = np.nan
    columns["instrument_id"][4:] = 99
    out = engine.apply([frame(FrameKind.BOOK, columns)])
    assert out.quality["kind"].tolist() == [QualityKind.BAD_PRICE]
    assert engine.quality_counts() == {"X:A": {"bad_price": 1}, "id:99": {"unknown_instrument": 4}}
    assert engine.books.levels(0)[0] == [(99.0, 4.0)]


def quote(which: int, bid: float, ask: float, second: int, update: int | None) -> Frame:
    columns: Columns = {
        "instrument_id": np.array([IDS[which]]),
        "event_time": np.array([START + second * SECOND]),
        "bid": np.array([bid]),
        "bid_size": np.array([1.0]),
        "ask": np.array([ask]),
        "ask_size": np.array([1.0]),
    }
    if update is not None:
        columns["update_id"] = np.array([update])
    return frame(FrameKind.QUOTE, columns)


@pytest.mark.parametrize(("update", "bid"), [(12, 99.5), (9, 100.0), (None, 99.5)])
def test_the_venues_own_quote_stands_until_the_book_is_newer(update: int | None, bid: float) -> None:
    engine = new()
    engine.apply([quote(0, 99.5, 101.5, 0, update), frame(FrameKind.BOOK, rows([(0, SNAPSHOT)], 1))])
    assert engine.columns()["bid"][0] == bid


def test_a_lost_book_does_not_take_the_venues_quote_away() -> None:
    engine = new()
    engine.apply([quote(0, 99.5, 101.5, 0, 9)])
    engine.apply([frame(FrameKind.BOOK, rows([(0, SNAPSHOT), (0, BookUpdate(15, 16))], 1))])
    assert engine.books.state_of(0) is BookState.RESYNCING
    assert engine.columns()["bid"][0] == 99.5
    engine.apply([frame(FrameKind.BOOK, rows([(0, BookSnapshot(15, SNAPSHOT.bids, SNAPSHOT.asks))], 3))])
    assert engine.columns()["bid"][0] == 100.0


def test_whole_books_of_depth_frames_fill_the_same_fields() -> None:
    engine = new()
    columns: Columns = {
        "instrument_id": np.array([IDS[1], IDS[2], IDS[1], IDS[2]]),
        "event_time": np.full(4, START),
        "side": np.array([0, 0, 1, 1], np.uint8),
        "level": np.zeros(4, np.uint8),
        "price": np.array([10.0, 20.0, 11.0, 21.0]),
        "size": np.array([3.0, 1.0, 1.0, 1.0]),
    }
    out = engine.apply([frame(FrameKind.DEPTH, columns)])
    assert len(out.depth) == 1
    values = engine.columns()
    assert values["book.imbalance"].tolist()[1:] == [0.5, 0.0]
    assert values["book.state"].tolist()[1:] == [BookState.READY] * 2
    assert (values["bid"][1], values["ask"][2]) == (10.0, 21.0)


def test_the_registry_knows_the_words_of_the_state() -> None:
    assert BY_NAME["book.state"].members == BOOK_STATES
    assert set(BOOK_FIELDS) == {name for name in BY_NAME if name.startswith("book.")}


def test_changes_tell_what_a_message_did_to_each_level() -> None:
    engine = new()
    update = BookUpdate(11, 11, bids=[(100.0, 2.0), (99.5, 1.0)], asks=[(102.0, 0.0)])
    engine.apply([frame(FrameKind.BOOK, rows([(0, SNAPSHOT), (0, update)]))])
    changes = engine.books.changes
    assert changes.delta.tolist() == [-3.0, 1.0, -2.0]
    assert changes.away.tolist() == [0.0, 0.005, 1.0 / 101.0]


def test_a_message_that_a_repeated_frame_brings_again_changes_nothing() -> None:
    engine = new()
    part = rows([(0, SNAPSHOT), (0, BookUpdate(11, 12, bids=[(100.0, 1.0)]))])
    engine.apply([frame(FrameKind.BOOK, part)])
    before = told(engine)
    engine.apply([frame(FrameKind.BOOK, part)])
    assert told(engine) == before
    assert OrderBook().update(BookUpdate(1, 1)) is Verdict.BUFFERED
