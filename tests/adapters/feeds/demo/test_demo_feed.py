"""The demo market as a feed: the same rows however it is read, and positions that say where to go on."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.adapters.feeds.demo.feed import DemoFeed
from marketbell.adapters.feeds.demo.minute import LATENCY
from marketbell.adapters.feeds.demo.session import MINUTE, MINUTES, SECOND
from marketbell.core.columns.frame import SCHEMAS, Frame, FrameKind, decode, encode
from marketbell.core.primitives.errors import InvalidSettingError
from marketbell.ports.feeds import Batch, PacedFeed, Prerolled

DATE = date(2026, 11, 20)
IST = timezone(timedelta(hours=5, minutes=30))


def read(feed: DemoFeed, until: int, sizes: Iterator[int] | None = None) -> list[Batch]:
    made: list[Batch] = []
    while batches := feed.advance(until, next(sizes) if sizes else 5_000):
        made += batches
    return made


def rows(batches: list[Batch]) -> dict[str, np.ndarray]:
    """All rows by kind and column, in order, and the order of kinds row by row."""
    found: dict[str, np.ndarray] = {}
    for kind in (FrameKind.TRADE, FrameKind.QUOTE, FrameKind.DEPTH):
        mine = [batch.columns for batch in batches if batch.kind is kind]
        for name, _ in SCHEMAS[kind]:
            if mine and name in mine[0]:
                found[f"{kind.name}.{name}"] = np.concatenate([columns[name] for columns in mine])
    # of options every event counts for itself, with all that it says
    for kind in (FrameKind.CHAIN, FrameKind.REFERENCE):
        mine = [batch for batch in batches if batch.kind is kind]
        told = [str(batch.payload) + str([column.tolist() for column in batch.columns.values()]) for batch in mine]
        found[kind.name] = np.array(told)
    order = [np.full(1 if batch.payload else len(batch.columns["event_time"]), int(batch.kind)) for batch in batches]
    return found | {"order": np.concatenate(order) if order else np.empty(0)}


def assert_same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> None:
    assert left.keys() == right.keys()
    for name, column in left.items():
        np.testing.assert_array_equal(column, right[name], err_msg=name)


class Whole(NamedTuple):
    """A feed and what it gave."""

    feed: DemoFeed
    batches: list[Batch]

    def __repr__(self) -> str:
        return "whole"


@pytest.fixture(scope="module")
def whole() -> Whole:
    """The first two minutes, of which the first is sparse."""
    feed = DemoFeed(DATE, preroll_minutes=1)
    return Whole(feed, read(feed, feed.start_time + 2 * MINUTE - 1))


def test_it_is_a_paced_feed_with_a_preroll() -> None:
    feed: PacedFeed = DemoFeed(DATE)
    assert isinstance(feed, Prerolled)
    opens = datetime.fromtimestamp(feed.start_time / 1e9, IST)
    assert (opens.date(), opens.hour, opens.minute) == (DATE, 9, 15)
    assert feed.preroll_until == feed.start_time + 70 * MINUTE
    assert feed.end_time is None
    assert feed.card.is_simulated
    assert "SIMULATED" in feed.card.label


@settings(max_examples=8, deadline=None)
@given(sizes=st.lists(st.integers(1, 9_000), min_size=1, max_size=8), pauses=st.lists(st.integers(1, 25), max_size=4))
def test_rows_do_not_depend_on_how_they_are_asked_for(whole: Whole, sizes: list[int], pauses: list[int]) -> None:
    feed = DemoFeed(DATE, preroll_minutes=1)
    end = feed.start_time + 2 * MINUTE - 1
    stops = [feed.start_time + sum(pauses[: i + 1]) * SECOND for i in range(len(pauses))]
    # Small limits for a while, then large ones: the whole would take long in steps of one row.
    limits = iter([*sizes * 20, *[9_000] * 10_000])
    made: list[Batch] = []
    for stop in [*[stop for stop in stops if stop < end], end]:
        made += read(feed, stop, limits)
    assert_same(rows(whole.batches), rows(made))
    assert made[-1].position == whole.batches[-1].position


@settings(max_examples=12, deadline=None)
@given(part=st.floats(0, 0.999), days=st.integers(0, 3))
def test_seek_equals_continuing(whole: Whole, part: float, days: int) -> None:
    _, batches = whole
    place = int(part * len(batches))
    feed = DemoFeed(DATE + timedelta(days=days), preroll_minutes=1)  # the position knows the session
    clock = feed.seek(batches[place].position)
    assert clock == feed.next_time()
    rest = read(feed, whole.feed.start_time + 2 * MINUTE - 1)
    assert_same(rows(batches[place + 1 :]), rows(rest))
    assert feed.position == batches[-1].position


def test_seek_into_a_batch_and_into_a_book(whole: Whole) -> None:
    _, batches = whole
    place = next(i for i, b in enumerate(batches) if b.kind is FrameKind.DEPTH and len(b.columns["side"]) >= 20)
    feed = DemoFeed(DATE, preroll_minutes=1)
    start = batches[place - 1].position
    feed.seek(start + 13)  # inside the second book: it is told from its beginning
    again = feed.advance(feed.next_time() or 0, 5_000)[0]
    np.testing.assert_array_equal(again.columns["price"][:10], batches[place].columns["price"][10:20])
    trades = next(i for i, b in enumerate(batches) if b.kind is FrameKind.TRADE and i > place)
    feed.seek(batches[trades].position - 2)
    last = feed.advance(batches[trades].columns["ingest_time"][-1].item(), 5_000)[0]
    np.testing.assert_array_equal(last.columns["event_time"], batches[trades].columns["event_time"][-2:])
    assert last.position == batches[trades].position


def test_going_back_to_the_beginning(whole: Whole) -> None:
    feed, batches = whole
    other = DemoFeed(DATE, preroll_minutes=1)
    other.seek(batches[-1].position)
    assert other.seek(0) == other.next_time() == feed.start_time + LATENCY
    assert_same(rows(batches), rows(read(other, feed.start_time + 2 * MINUTE - 1)))


def test_another_seed_is_another_market_of_the_same_companies() -> None:
    one, two = DemoFeed(DATE, seed=1), DemoFeed(DATE, seed=2)
    assert one.instruments() == two.instruments()
    until = one.start_time + 20 * SECOND
    left, right = rows(read(one, until)), rows(read(two, until))
    assert not np.array_equal(left["TRADE.price"], right["TRADE.price"])
    assert one.producer != two.producer


def test_a_position_behind_the_close_goes_on_with_the_next_session() -> None:
    feed = DemoFeed(DATE, preroll_minutes=0)
    first = feed.position
    tomorrow = feed.start_time + 24 * 60 * MINUTE
    feed.seek(first + int(feed._planned.rows[-1]))
    assert tomorrow < (feed.next_time() or 0) < tomorrow + SECOND
    batches = feed.advance(1 << 62, 100)
    assert batches[0].position > first + int(feed._planned.rows[-1])
    assert all((batch.columns["event_time"] >= tomorrow).all() for batch in batches if batch.columns)


def test_the_last_minute_runs_into_the_next_session() -> None:
    feed = DemoFeed(DATE, preroll_minutes=MINUTES)  # sparse all day: quick to read
    made = read(feed, feed.start_time + 24 * 60 * MINUTE + 2 * SECOND)
    positions = [batch.position for batch in made]
    assert positions == sorted(positions)
    times = np.concatenate([batch.columns["event_time"] for batch in made if batch.columns])
    close = feed.start_time + MINUTES * MINUTE
    assert times.min() >= feed.start_time
    assert not ((times >= close) & (times < feed.start_time + 24 * 60 * MINUTE)).any()
    assert (times > close).any()


def test_arrival_rises_and_events_lie_in_the_session(whole: Whole) -> None:
    feed, batches = whole
    arrivals = np.concatenate([batch.columns["event_time"] for batch in batches if batch.columns])
    assert (np.diff(arrivals) >= 0).all()
    assert arrivals[0] >= feed.start_time
    trades = rows(batches)
    assert (trades["TRADE.ingest_time"] > trades["TRADE.event_time"]).all()


def test_trades_are_on_the_grid_and_volume_rises(whole: Whole) -> None:
    found = rows(whole.batches)
    price, ids, volume = found["TRADE.price"], found["TRADE.instrument_id"], found["TRADE.volume"]
    np.testing.assert_array_equal(price, np.round(price, 2))
    assert np.allclose(price * 20, np.rint(price * 20), atol=1e-6)
    indices = {int(i.instrument_id) for i in whole.feed.instruments() if i.kind == "index"}
    assert set(ids.tolist()) == {int(i.instrument_id) for i in whole.feed.instruments()}  # everyone has traded
    for one in np.unique(ids):
        steps = np.diff(volume[ids == one], prepend=0.0)
        if int(one) in indices:
            assert not steps.any()
        else:
            assert (steps >= 1).all()
            assert not (steps % 1).any()


def test_quotes_and_books_fit_each_other(whole: Whole) -> None:
    found = rows(whole.batches)
    assert (found["QUOTE.bid"] < found["QUOTE.ask"]).all()
    assert (found["QUOTE.bid"] > 0).all()
    assert (found["QUOTE.bid_size"] >= 1).all()
    for batch in whole.batches:
        if batch.kind is not FrameKind.DEPTH:
            continue
        ids = batch.columns["instrument_id"].reshape(-1, 10)
        assert (ids == ids[:, :1]).all()
        assert len(np.unique(ids[:, 0])) == len(ids)  # one book a frame and instrument
        price = batch.columns["price"].reshape(-1, 2, 5)
        assert (np.diff(price[:, 0]) < 0).all()
        assert (np.diff(price[:, 1]) > 0).all()
        assert (price[:, 0, 0] < price[:, 1, 0]).all()


def test_frames_carry_the_rows(whole: Whole) -> None:
    for batch in whole.batches[:8]:
        count = len(batch.columns.get("event_time", ()))
        frame = Frame(batch.kind, 0, 1, 0, batch.position, 0, 0, count, batch.columns)
        back = decode(encode(frame))
        assert back.last_seq == batch.position
        for name, column in batch.columns.items():
            np.testing.assert_array_equal(back.columns[name], column)


def test_rates_and_preroll_are_as_promised() -> None:
    feed = DemoFeed(DATE)
    ticks = sum(len(batch.columns.get("event_time", ())) for batch in read(feed, feed.preroll_until))
    assert 150_000 < ticks < 300_000
    plan = feed._planned
    full = plan.trades[feed._preroll_minutes :].sum(axis=1) / 60
    assert 450 < full.min() < full.max() < 4_500
    assert 700 < full.mean() < 1_300


def test_dates_without_history_are_refused() -> None:
    with pytest.raises(InvalidSettingError, match="no year of history"):
        DemoFeed(date(2022, 5, 1))
    with pytest.raises(InvalidSettingError, match="preroll_minutes"):
        DemoFeed(DATE, preroll_minutes=999)
