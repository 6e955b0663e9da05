"""A live feed through the same runner: its own thread, holes that are seen, refusals that are shown."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from marketbell.adapters.clock.manual import ManualClock
from marketbell.core.columns.frame import FrameKind
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import BusFullError, FeedUnavailableError, InvalidSettingError
from marketbell.flows.ingest import pushed
from marketbell.flows.ingest.pushed import PushedSource
from marketbell.ports.feeds import Batch, FeedCard, PacedFeed

NOON = 1_721_563_200_000_000_000
COIN = Instrument("LIVE:COIN", kind="crypto", calendar="24/7", source="live")


class Provider:
    """A PushedFeed that says what the test tells it to."""

    card = FeedCard("live", "Live", "live", False, ("trades",), "none", "here", "24/7")
    producer = "live"

    def __init__(self, refusal: str = "") -> None:
        self.words = "not connected yet"
        self.refusal = refusal
        self.publish: Callable[[Batch], None] | None = None
        self.may_connect = threading.Event()
        self.is_up = threading.Event()
        self.has_ended = threading.Event()

    def instruments(self) -> list[Instrument]:
        return [COIN]

    def reference(self) -> list[Batch]:
        return []

    def health(self) -> str:
        return self.words

    def run(self, publish: Callable[[Batch], None], is_stopping: Callable[[], bool]) -> None:
        if self.refusal:
            self.has_ended.set()
            raise InvalidSettingError(self.refusal)
        assert self.may_connect.wait(5)
        self.publish, self.words = publish, ""
        self.is_up.set()
        while not is_stopping():
            threading.Event().wait(0.002)
        self.has_ended.set()

    def say(self, position: int, *prices: float, at: int = NOON) -> None:
        rows = len(prices)
        columns = {
            "instrument_id": np.full(rows, int(COIN.instrument_id)),
            "event_time": np.full(rows, at),
            "ingest_time": np.full(rows, at),
            "price": np.array(prices),
            "size": np.ones(rows),
            "trade_id": np.arange(position - rows + 1, position + 1),
        }
        assert self.publish
        self.publish(Batch(FrameKind.TRADE, columns, position))


def _up(provider: Provider) -> PushedSource:
    source = PushedSource(provider, ManualClock(NOON))
    with pytest.raises(FeedUnavailableError, match="not connected yet"):
        source.next_time()
    provider.may_connect.set()
    assert provider.is_up.wait(5)
    return source


def test_rows_come_in_order_with_their_holes() -> None:
    provider = Provider()
    feed: PacedFeed = _up(provider)
    assert feed.advance(NOON, 100) == []
    assert feed.next_time() == feed.seek(7) == NOON
    provider.say(102, 1.0, 2.0)
    provider.say(103, 3.0)
    provider.say(210, 4.0)
    first = feed.advance(NOON, 2)
    rest = feed.advance(NOON, 100)
    assert [(b.first, b.position, b.columns["price"].tolist()) for b in [*first, *rest]] == [
        (100, 102, [1.0, 2.0]),
        (102, 103, [3.0]),
        (209, 210, [4.0]),
    ]
    assert isinstance(feed, PushedSource)
    feed.close()
    assert provider.has_ended.is_set()


def test_what_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushed, "MAX_ROWS", 3)
    provider = Provider()
    source = _up(provider)
    provider.say(2, 1.0, 2.0)
    with pytest.raises(BusFullError):
        provider.say(4, 3.0, 4.0)
    assert len(source.advance(NOON, 9)) == 1
    provider.say(6, 5.0, 6.0)
    assert [(b.first, b.position) for b in source.advance(NOON, 9)] == [(4, 6)]
    source.close()


def test_a_refusal_is_shown_and_ends_nothing() -> None:
    provider = Provider("the key is refused")
    source = PushedSource(provider, ManualClock(NOON))
    with pytest.raises(FeedUnavailableError):
        source.next_time()
    assert provider.has_ended.wait(5)
    source.close()
    with pytest.raises(FeedUnavailableError, match="the key is refused"):
        source.next_time()


def test_through_the_runner_and_the_engine(kit: Any) -> None:
    provider = Provider()
    provider.may_connect.set()
    clock = ManualClock(NOON)
    source = PushedSource(provider, clock)
    world = kit.World(feed_maker=lambda: source, speed=1.0, clock=clock)

    def turns() -> None:
        for _ in range(10):
            clock.move(0.05)
            world.ingest.turn()
            world.stream.runner.step(0.0)

    turns()
    assert provider.is_up.wait(5)
    provider.say(1_002, 10.0, 11.0, at=clock.now())
    turns()
    provider.say(1_500, 12.0, at=clock.now())
    turns()
    row = world.rows()["LIVE:COIN"]
    assert 12.0 in row
    assert sum(one["gaps"] for one in world.stream.runner.status()["partitions"]) == 1
    assert world.ingest.runner.state == "running"
    source.close()


class SetClock(ManualClock):
    """Its wall can be set, as by a person or after a machine slept; the steady clock does not notice."""

    def __init__(self, now_ns: int) -> None:
        super().__init__(now_ns)
        self.set_by_s = 0.0

    def set(self, seconds: float) -> None:
        self.set_by_s += seconds
        self.move(seconds)

    def monotonic(self) -> float:
        return super().monotonic() - self.set_by_s


@pytest.mark.parametrize("hour", [3_600, -3_600, 300, -300])
def test_a_quiet_live_market_has_the_walls_time_also_when_the_wall_is_set(kit: Any, hour: int) -> None:
    """What is due at a time of day goes by this clock: it moves without a single event, and never back."""
    provider = Provider()
    provider.may_connect.set()
    clock = SetClock(NOON)
    source = PushedSource(provider, clock)
    world = kit.World(feed_maker=lambda: source, speed=1.0, clock=clock)
    runner = world.ingest.runner

    def turns(seconds: float) -> list[int]:
        seen = []
        for _ in range(int(seconds / 0.25)):
            clock.move(0.25)
            world.ingest.turn()
            seen.append(runner.source_clock)
        return seen

    turns(2)
    assert provider.is_up.wait(5)
    turns(30)
    assert runner.source_clock == clock.now()
    before = runner.source_clock
    clock.set(hour)
    seen = turns(10)
    assert seen == sorted(seen)
    assert runner.source_clock == max(before, clock.now())
    if hour < 0:
        clock.set(-hour)
        turns(1)
        assert runner.source_clock == clock.now(), "it goes on where the wall comes past it again"
    source.close()
