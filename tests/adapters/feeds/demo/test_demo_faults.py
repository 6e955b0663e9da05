"""Injected faults: the engine's quality counts equal them kind by kind, and sound rows have none."""

import json
from collections import Counter
from datetime import date

import numpy as np
import pytest

from marketbell.adapters.calendars.dated.catalogue import CalendarCatalogue
from marketbell.adapters.feeds.demo.faults import KINDS, FaultRates
from marketbell.adapters.feeds.demo.feed import DemoFeed
from marketbell.adapters.feeds.demo.session import MINUTE
from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig

DATE = date(2026, 11, 20)
MANY = FaultRates(*[0.01] * len(KINDS))


def engine_for(feed: DemoFeed) -> Engine:
    engine = Engine(EngineConfig(), CalendarCatalogue().sessions)
    engine.define(feed.instruments())
    return engine


def run(feed: DemoFeed, engine: Engine, until: int, max_rows: int = 20_000) -> dict[str, np.ndarray]:
    """Feed everything to the engine; returns the trades."""
    trades: list[dict[str, np.ndarray]] = []
    while batches := feed.advance(until, max_rows):
        for batch in batches:
            count = len(batch.columns.get("event_time", ()))
            first = batch.position - (1 if batch.payload else count)
            raw = json.dumps(batch.payload).encode() if batch.payload else b""
            engine.apply([Frame(batch.kind, 0, 9, first, batch.position, 0, 0, count, batch.columns, raw)])
            if batch.kind is FrameKind.TRADE:
                trades.append(batch.columns)
    return {name: np.concatenate([columns[name] for columns in trades]) for name in trades[0]}


def counted(engine: Engine) -> Counter[tuple[str, str]]:
    return Counter({(key, kind): n for key, kinds in engine.quality_counts().items() for kind, n in kinds.items() if n})


def injected(feed: DemoFeed) -> Counter[tuple[str, str]]:
    keys = {i.instrument_id: i.key for i in feed.instruments()}
    return Counter({(keys[ident], kind): n for (ident, kind), n in feed.injected.items()})


def test_a_clean_market_has_no_quality_events() -> None:
    feed = DemoFeed(DATE, preroll_minutes=4)
    engine = engine_for(feed)
    trades = run(feed, engine, feed.start_time + 6 * MINUTE)
    assert not counted(engine)
    assert engine.counters()["accepted"] == len(trades["price"])
    assert not feed.injected


@pytest.mark.parametrize("rates", [FaultRates(), MANY])
def test_the_engine_finds_exactly_what_was_injected(rates: FaultRates) -> None:
    feed = DemoFeed(DATE, preroll_minutes=28, dirty=rates)
    engine = engine_for(feed)
    run(feed, engine, feed.start_time + 30 * MINUTE, max_rows=7_001)
    assert injected(feed) == counted(engine)
    by_kind = Counter(kind for (_, kind), n in feed.injected.items() for _ in range(n))
    assert set(by_kind) == set(KINDS)  # each of the eight occurs


def test_a_whole_dirty_session_including_its_edges() -> None:
    feed = DemoFeed(DATE, preroll_minutes=375, dirty=MANY)
    engine = engine_for(feed)
    run(feed, engine, feed.start_time + 24 * 60 * MINUTE + 5_000_000_000)
    assert injected(feed) == counted(engine)


def test_sound_rows_are_those_of_the_clean_market() -> None:
    clean, dirty = DemoFeed(DATE, preroll_minutes=8), DemoFeed(DATE, preroll_minutes=8, dirty=MANY)
    until = clean.start_time + 8 * MINUTE - 1
    left = run(clean, engine_for(clean), until)
    made: list[dict[str, np.ndarray]] = []
    while batches := dirty.advance(until, 9_999):
        made += [batch.columns for batch in batches if batch.kind is FrameKind.TRADE]
    right = {name: np.concatenate([columns[name] for columns in made]) for name in made[0]}
    positions = {one.position for one in dirty.injections}
    assert len(right["price"]) - len(left["price"]) == sum(dirty.injected.values()) == len(positions)
    # Taking the rows of the log out leaves the clean market.
    sound = Counter(zip(left["event_time"].tolist(), left["price"].tolist(), left["volume"].tolist(), strict=True))
    whole = Counter(zip(right["event_time"].tolist(), right["price"].tolist(), right["volume"].tolist(), strict=True))
    assert not sound - whole


def test_a_dirty_market_seeks_like_a_clean_one() -> None:
    feed = DemoFeed(DATE, preroll_minutes=6, dirty=MANY)
    until = feed.start_time + 6 * MINUTE
    feed.advance(until, 140_000)
    half = feed.position
    rest = run(feed, engine_for(feed), until + MINUTE)
    other = DemoFeed(DATE, preroll_minutes=6, dirty=MANY)
    other.seek(half)
    again = run(other, engine_for(other), until + MINUTE)
    for name, column in rest.items():
        np.testing.assert_array_equal(column, again[name])
    assert other.position == feed.position


def test_the_log_names_row_kind_and_time() -> None:
    feed = DemoFeed(DATE, preroll_minutes=7, dirty=MANY)
    made = []
    while batches := feed.advance(feed.start_time + 7 * MINUTE, 100_000):
        made += batches
    at = {}
    for batch in made:
        if batch.kind is FrameKind.TRADE:
            count = len(batch.columns["event_time"])
            for row in range(count):
                at[batch.position - count + 1 + row] = (batch.columns, row)
    assert feed.injections
    for one in feed.injections:
        columns, row = at[one.position]
        assert columns["instrument_id"][row] == one.instrument_id
        assert columns["event_time"][row] == one.event_time
        price = columns["price"][row]
        assert (one.kind == "bad_price") == (not np.isfinite(price) or price <= 0)
        assert (one.kind == "epoch_timestamp") == (one.event_time < 946_684_800_000_000_000)


def test_it_says_that_it_is_dirty() -> None:
    feed = DemoFeed(DATE, dirty=True)
    assert "faults" in feed.card.label
    assert feed.producer.endswith(":dirty")
