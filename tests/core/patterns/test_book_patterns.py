"""Suspicions from changes of the book: found where they were put, absent where one condition fails."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from marketbell.core.market.order_book import BookFlag
from marketbell.core.market.session import DAY, MINUTE, SECOND
from marketbell.core.patterns.catalogue import LAYERING, QUOTE_STUFFING

START = 19_000 * DAY + 4 * 60 * MINUTE
BIDS = [(round(100.0 - 0.01 * at, 2), 50.0) for at in range(60)]
ASKS = [(round(100.02 + 0.01 * at, 2), 50.0) for at in range(60)]


def begun(market: Any, seconds: int) -> None:
    """A book, and two small changes behind the best price on each side every second."""
    market.engine.apply([market.book(0, BIDS, ASKS, int(BookFlag.SNAPSHOT))])
    quiet(market, 0, seconds)


def quiet(market: Any, first: int, last: int) -> None:
    frames = []
    for second in range(first, last):
        size = 51.0 if second % 2 else 50.0
        frames.append(market.book(second + 0.1, [(99.95, size), (99.9, size)], [(100.1, size), (100.2, size)]))
    market.engine.apply(frames)


def stuffing(market: Any, second: int, count: int = 150, kept: float = 0.0, trades: int = 0) -> None:
    """Size put at a level and taken away again, many times in a second."""
    frames = []
    for at in range(count // 2):
        moment = second + 0.2 + at * 0.001
        frames.append(market.book(moment, [(99.97, 60.0)], []))
        frames.append(market.book(moment, [(99.97, 50.0 + 10.0 * kept)], []))
        if kept:
            frames.append(market.book(moment, [(99.98 - 0.01 * (at % 5), 50.0 + 10.0 * kept + at)], []))
    market.engine.apply(frames)
    if trades:
        market.engine.apply([market.trades(second + 0.9, [1.0] * trades)])


def test_a_burst_of_fleeting_changes_is_suspected_with_its_numbers(market: Any) -> None:
    begun(market, 40)
    stuffing(market, 40)
    assert market.value("quote_stuffing") == 0.0
    quiet(market, 41, 42)
    assert market.value("quote_stuffing") == 1.0
    sign = market.evidence("quote_stuffing")
    assert (sign["start"], sign["end"]) == (START + 40 * SECOND, START + 41 * SECOND)
    numbers = sign["numbers"]
    assert numbers["changes"] == 150
    assert numbers["added"] == numbers["removed"] == 750.0
    assert numbers["usual"] == pytest.approx((4 * 40) / 40)
    assert numbers["trades"] == 0
    # it stays for a minute and then goes
    quiet(market, 42, 100)
    assert market.value("quote_stuffing") == 1.0
    quiet(market, 100, 103)
    assert market.value("quote_stuffing") == 0.0
    assert market.evidence("quote_stuffing") == sign


def test_too_few_changes_or_many_trades_or_size_that_stays_are_no_suspicion(make_market: Callable[[], Any]) -> None:
    for changed in ({"count": 80}, {"trades": 6}, {"kept": 1.0}):
        market = make_market()
        begun(market, 40)
        stuffing(market, 40, **changed)
        quiet(market, 41, 42)
        assert market.value("quote_stuffing") == 0.0, changed
        assert market.engine.columns()[QUOTE_STUFFING.score_field][0] > QUOTE_STUFFING.threshold


def test_suspicions_are_unknown_before_enough_seconds_and_after_a_lost_message(market: Any) -> None:
    begun(market, 30)
    assert math.isnan(market.value("quote_stuffing"))
    quiet(market, 30, 33)
    assert market.value("quote_stuffing") == 0.0
    assert math.isnan(market.value("layering"))
    quiet(market, 33, 75)
    assert market.value("layering") == 0.0
    market.skip_ids()
    quiet(market, 75, 76)
    assert market.engine.quality_counts()["NSE:A"]["book_gap"] == 1
    assert math.isnan(market.value("quote_stuffing"))
    assert math.isnan(market.value("layering"))


def layered(
    market: Any, second: int, size: float = 500.0, gone: float = 1.0, other: float = 0.0, traded: float = 0.0
) -> None:
    """Size at five bid levels behind the best, taken away five seconds later."""
    prices = [99.95 - 0.01 * at for at in range(5)]
    before = 51.0 if (second - 1) % 2 else 50.0
    levels = [(round(price, 2), before + size) for price in prices]
    market.engine.apply([market.book(second + 0.5, levels, [(100.15, 50.0 + other)])])
    if traded:
        market.engine.apply([market.trades(second + 2, [traded])])
    market.engine.apply([market.book(second + 6.5, [(price, held - gone * size) for price, held in levels], [])])


def test_layers_that_vanish_are_suspected_with_their_numbers(market: Any) -> None:
    begun(market, 80)
    layered(market, 80)
    # judged when the tenth second since the placing is over
    market.engine.apply([market.book(89.5, [], [(100.3, 50.0), (100.31, 50.5)])])
    market.engine.apply([market.book(90.5, [], [(100.3, 50.0), (100.31, 50.6)])])
    assert market.value("layering") == 1.0
    numbers = market.evidence("layering")["numbers"]
    assert numbers["side"] == 0
    assert numbers["placed"] == pytest.approx(2_500.0, abs=10)
    assert numbers["pulled"] == pytest.approx(2_500.0, abs=10)
    assert numbers["usual"] == pytest.approx(5.0, abs=1.0)
    assert numbers["additions"] >= 5
    assert market.evidence("layering")["end"] - market.evidence("layering")["start"] == 10 * SECOND


@pytest.mark.parametrize("changed", [{"gone": 0.5}, {"other": 2_000.0}, {"traded": 400.0}, {"size": 3.0}])
def test_each_part_of_layering_is_needed(market: Any, changed: dict[str, float]) -> None:
    begun(market, 80)
    layered(market, 80, **changed)
    for second in (89, 90, 91):
        market.engine.apply([market.book(second + 0.5, [], [(100.3, 50.0 + second)])])
    assert market.value("layering") == 0.0
    assert market.engine.columns()[LAYERING.score_field][0] >= 0.0


def test_an_instrument_without_a_book_has_no_suspicions(market: Any) -> None:
    begun(market, 80)
    assert math.isnan(market.value("quote_stuffing", 1))
    assert math.isnan(market.value("layering", 1))


def test_suspicions_do_not_depend_on_cuts_or_checkpoints_or_shards(make_market: Callable[[], Any]) -> None:
    frames: list[Any] = []
    source = make_market()
    source.engine = type("Log", (), {"apply": lambda _, found: frames.extend(found)})()
    begun(source, 80)
    layered(source, 80)
    stuffing(source, 87)
    quiet(source, 90, 95)
    whole, parts = make_market(), make_market()
    whole.engine.apply(frames)
    for at, frame in enumerate(frames):
        parts.engine.apply([frame])
        if at % 60 == 59:
            engine = parts.engine
            arrays = engine.patterns.checkpoint(2)
            cut = [engine.patterns.split(arrays, np.array([row], np.int64), 2) for row in (1, 0)]
            joined = engine.patterns.merge(cut, np.array([1, 0]), [1, 1])
            for name, array in arrays.items():
                np.testing.assert_array_equal(array, joined[name], err_msg=name)
            parts.engine = type(engine).restore(engine.checkpoint(), engine.config, parts.sessions)
    for name, array in whole.engine.patterns.checkpoint(2).items():
        np.testing.assert_array_equal(array, parts.engine.patterns.checkpoint(2)[name], err_msg=name)
    assert whole.engine.evidence(0) == parts.engine.evidence(0)
    assert {one["pattern"] for one in whole.engine.evidence(0)} >= {"quote_stuffing"}
