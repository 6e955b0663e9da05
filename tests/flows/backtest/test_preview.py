"""Rules tried on stored bars: the same firings as live, nothing known before its time, gaps said."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from tests.core.rules import market as m

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.language.reader import parse_rule
from marketbell.core.market.session import DAY, MINUTE, SessionTable
from marketbell.core.options.chain import Chain, Side
from marketbell.core.primitives.errors import UserError
from marketbell.core.rules.arming import arm_command
from marketbell.core.rules.resolve import Market, resolve
from marketbell.flows.backtest.preview import Previewer, Question
from marketbell.ports.chains import ChainRecord
from marketbell.ports.stores import Fact

DAYS = 20
UNTIL = m.OPENS[DAYS - 1] + 120 * MINUTE + 1


def table(name: str = "") -> SessionTable:
    return m.table(name)


def put(stores: MemoryStores, timeframe: str, key: str, starts: Sequence[int], closes: Sequence[float]) -> None:
    prices = np.array(closes, np.float64)
    count = len(starts)
    stores.bars.put(
        timeframe,
        {
            "instrument_id": np.full(count, m.IDS[key], np.int64),
            "start": np.array(starts, np.int64),
            **dict.fromkeys(("open", "high", "low", "close"), prices),
            "volume": np.full(count, 1_000.0),
            "trades": np.ones(count, np.int64),
            "vwap": prices,
        },
    )


@pytest.fixture
def stores() -> MemoryStores:
    stores = MemoryStores()
    stores.instruments.put(m.INSTRUMENTS)
    return stores


def preview(stores: MemoryStores, text: str, days: int = 30, until: int = UNTIL, shown: Sequence[str] = ()) -> Any:
    rule = parse_rule(text)
    found = resolve(rule, Market(m.INSTRUMENTS))
    command = arm_command(rule, found.instrument, "owner")
    keys = tuple(m.KEYS) if "rank" in text or ".close" in text else found.keys
    previewer = Previewer(stores.instruments, stores.bars, stores.fundamentals, table, ManualClock(0), stores.chains)
    return previewer.answer(Question(command, keys, days, until, tuple(shown)))


WALK = [100.0, 101, 99, 98, 102, 103, 101, 97, 96, 104, 105, 103, 99, 98, 97, 101, 103, 106, 104, 100]


def crossings(closes: Sequence[float], level: float) -> list[int]:
    """Days at whose close the price has crossed above the level."""
    return [at for at in range(1, len(closes)) if closes[at - 1] <= level < closes[at]]


def test_daily_rules_see_each_close_when_it_is_there(stores: MemoryStores) -> None:
    for key in m.KEYS[:2]:
        put(stores, "1d", key, m.OPENS[:DAYS], WALK)
    found = preview(stores, 'alert "up" on TEN when close crosses above 100 at 1d close')
    wanted = crossings(WALK, 100.0)
    closes = [m.OPENS[at] + 120 * MINUTE for at in wanted]
    assert sorted({one["time"] for one in found["markers"]}) == closes
    assert (found["fires"], found["symbols_fired"]) == (2 * len(wanted), 2)
    assert [one["count"] for one in found["by_day"]] == [2 if at in wanted else 0 for at in range(DAYS)]
    assert found["markers"][0]["value"] == WALK[wanted[0]]
    history = found["history"]
    assert (history["timeframe"], history["bars"], history["instruments"], history["gaps"]) == ("1d", 2 * DAYS, 2, [])
    (after,) = [one for one in found["outcomes"] if one["after"] == "1d"]
    changes = [(WALK[at + 1] / WALK[at] - 1) * 100 for at in wanted if at + 1 < DAYS]
    assert after["count"] == 2 * len(changes)
    assert after["mean_pct"] == pytest.approx(np.mean(changes), abs=1e-3)


def test_a_preview_fires_as_the_engine_does_live(stores: MemoryStores) -> None:
    """The same bars through an engine that is fed as the stream feeds it give the same ids."""
    starts = [m.OPENS[0] + at * MINUTE for at in range(100)]
    closes = [100 + 3 * np.sin(at / 3.0) for at in range(100)]
    put(stores, "1m", "NSE:A", starts, closes)
    text = 'alert "edge" on $NSE:A when close crosses above sma(close, 5)@1m at 1m close fire every time'
    found = preview(stores, text, until=m.OPENS[0] + 120 * MINUTE)
    engine = m.new()
    rule = parse_rule(text)
    market = Market(m.INSTRUMENTS)
    armed = m.frame(FrameKind.COMMAND, arm_command(rule, market.instrument(rule.on[0].symbol), "owner"))
    outputs = [engine.apply([armed])]
    for at, close in zip(starts, closes, strict=True):
        columns = {
            "instrument_id": np.array([m.IDS["NSE:A"]], np.int64),
            "timeframe_s": np.array([60], np.int32),
            "start": np.array([at], np.int64),
            **{name: np.array([close]) for name in ("open", "high", "low", "close")},
            "volume": np.array([1_000.0]),
        }
        outputs.append(engine.apply([Frame(FrameKind.BAR, 0, 0, 0, 0, 0, 0, 1, columns, b'{"role": "source"}')]))
    outputs.append(engine.finish())
    assert sorted(one["firing_id"] for one in found["markers"]) == m.ids(*outputs)
    assert found["fires"] > 3


def test_what_lies_before_the_stretch_warms_and_does_not_fire(stores: MemoryStores) -> None:
    put(stores, "1d", "NSE:A", m.OPENS[:DAYS], WALK)
    text = 'alert "above" on $NSE:A when close > sma(close, 10) at 1d close fire every time'
    days = 6
    found = preview(stores, text, days=days)
    start = UNTIL - days * DAY
    means = [np.mean(WALK[at - 9 : at + 1]) for at in range(9, DAYS)]
    wanted = [at for at, mean in zip(range(9, DAYS), means, strict=True) if WALK[at] > mean and m.OPENS[at] >= start]
    assert [one["time"] for one in found["markers"]] == [m.OPENS[at] + 120 * MINUTE for at in wanted]
    assert len(found["by_day"]) == sum(start <= opened < UNTIL for opened in m.OPENS)


def test_the_future_changes_nothing_before_it(stores: MemoryStores) -> None:
    """No look-ahead: with other prices from a day on, what fired before is the same."""
    text = 'alert "high" on $NSE:A when close >= highest(close, 3) at 1d close fire every time'
    other = MemoryStores()
    other.instruments.put(m.INSTRUMENTS)
    put(stores, "1d", "NSE:A", m.OPENS[:DAYS], WALK)
    put(other, "1d", "NSE:A", m.OPENS[:DAYS], [*WALK[:12], *[1_000.0 - at for at in range(8)]])
    edge = m.OPENS[12]
    both = [
        [one["firing_id"] for one in preview(each, text)["markers"] if one["time"] <= edge] for each in (stores, other)
    ]
    assert both[0] == both[1]
    assert both[0]


def test_facts_count_from_their_publication_on(stores: MemoryStores) -> None:
    put(stores, "1d", "NSE:A", m.OPENS[:DAYS], WALK)
    published = m.OPENS[10] + 30 * MINUTE
    stores.fundamentals.put([Fact(m.IDS["NSE:A"], "fund.roe", "2021-03-31", 25.0, published, "test")])
    found = preview(stores, 'alert "good" on $NSE:A when roe > 20 at 1d close fire every time')
    assert [one["time"] for one in found["markers"]] == [m.OPENS[at] + 120 * MINUTE for at in range(10, DAYS)]
    update = preview(stores, 'alert "news" on $NSE:A when roe > 20 at update fundamentals fire every time')
    assert [one["time"] for one in update["markers"]] == [published]
    assert "Fundamentals count from their publication on." in found["notes"]


def test_rules_of_minutes_say_from_when_minutes_are_known(stores: MemoryStores) -> None:
    put(stores, "1d", "NSE:A", m.OPENS[:DAYS], WALK)
    starts = [m.OPENS[day] + at * MINUTE for day in (18, 19) for at in range(120)]
    put(stores, "1m", "NSE:A", starts, [100.0 + at % 7 for at in range(240)])
    found = preview(stores, 'alert "five" on $NSE:A when close > 0 at 5m close fire every time')
    assert found["fires"] == 2 * 24
    assert (found["history"]["timeframe"], found["history"]["bars"]) == ("1m", 240)
    assert found["history"]["gaps"] == ["Minutes are known from 2021-05-14 on: nothing before was looked at."]
    level = preview(stores, 'alert "lvl" on $NSE:A when close > 0 at tick fire every time')
    assert level["fires"] == 18 + 240
    assert level["history"]["gaps"] == [
        "Minutes are known from 2021-05-14 on: each day before counts with its close alone."
    ]
    assert any("the close of each minute" in note for note in level["notes"])


def test_minutes_before_the_stretch_warm_however_far_a_rule_looks_back(stores: MemoryStores) -> None:
    """Fifty bars of five minutes are two sessions; the engine itself keeps an hour."""
    starts = [opened + n * MINUTE for opened in m.OPENS[DAYS - 6 : DAYS] for n in range(120)]
    put(stores, "1m", "NSE:A", starts, [100.0 + n / 10 for n in range(len(starts))])
    found = preview(stores, 'alert "up" on $NSE:A when close > sma(close, 50)@5m at 5m close fire every time', days=1)
    assert [one["time"] for one in found["markers"]] == [m.OPENS[DAYS - 1] + 5 * (n + 1) * MINUTE for n in range(24)]


def test_a_price_level_is_tried_too(stores: MemoryStores) -> None:
    put(stores, "1d", "NSE:A", m.OPENS[:DAYS], WALK)
    found = preview(stores, 'alert "lvl" on $NSE:A when close crosses above 100 at tick fire once')
    assert [one["time"] for one in found["markers"]] == [m.OPENS[crossings(WALK, 100.0)[0]] + 120 * MINUTE]


def test_rules_that_read_others_are_given_them(stores: MemoryStores) -> None:
    for at, key in enumerate(m.KEYS):
        put(stores, "1d", key, m.OPENS[:DAYS], [one + (at * 5 if day % 2 else -at) for day, one in enumerate(WALK)])
    text = 'alert "best" on TEN when rank(close, ALL) = 2 at 1d close fire every time'
    found = preview(stores, text)
    assert {one["instrument"] for one in found["markers"]} == {"NSE:B"}
    assert found["fires"] == DAYS
    only = preview(stores, text, shown=["NSE:A"])
    assert (only["fires"], only["history"]["instruments"]) == (0, 1)


def test_live_values_are_flagged_as_repainting(stores: MemoryStores) -> None:
    put(stores, "1m", "NSE:A", [m.OPENS[19] + at * MINUTE for at in range(60)], [100.0 + at for at in range(60)])
    found = preview(stores, 'alert "live" on $NSE:A when live(close@1d) > 110 at 5m close')
    assert found["may_repaint"]
    assert any("still form" in note for note in found["notes"])


def test_nothing_stored_is_said_and_nobody_known_is_an_error(stores: MemoryStores) -> None:
    found = preview(stores, 'alert "x" on $NSE:A when close > 1 at 1d close')
    assert (found["fires"], found["history"]["bars"], found["history"]["from"]) == (0, 0, None)
    assert found["history"]["gaps"][0].startswith("No bars of these instruments are stored")
    with pytest.raises(UserError, match="nothing is known"):
        Previewer(MemoryStores().instruments, stores.bars, stores.fundamentals, table, ManualClock(0)).answer(
            Question({"type": "arm_rule"}, ("NSE:A",), 30, UNTIL)
        )


def test_suppressed_firings_are_counted_apart(stores: MemoryStores) -> None:
    put(stores, "1d", "NSE:A", m.OPENS[:DAYS], WALK)
    text = 'alert "up" on $NSE:A when close crosses above 100 at 1d close cooldown 6d'
    found = preview(stores, text)
    free = preview(stores, text.replace(" cooldown 6d", ""))
    assert found["suppressed"] > 0
    assert found["fires"] + found["suppressed"] == free["fires"]
    removed = {one["cooldown"]: one["removed"] for one in free["cooldowns"]}
    assert set(removed) == {"3d", "1w", "30d"}


def _chains(stores: MemoryStores, pcrs: Sequence[float], walls: Sequence[float]) -> list[int]:
    """A chain of two expiries every ten minutes of the last day, with these metrics; gives the moments."""
    opened = m.OPENS[DAYS - 1]
    times = [opened + (10 * at + 5) * MINUTE for at in range(len(pcrs))]
    for time, pcr, wall in zip(times, pcrs, walls, strict=True):
        for weeks, value in ((1, pcr), (2, 9.0)):
            expiry = date(1970, 1, 1) + timedelta(days=m.FIRST_DAY + DAYS + 7 * weeks)
            chain = Chain("NSE:A", expiry, time, 100.0, np.array([100.0]), Side.of(1), Side.of(1))
            metrics = {"pcr_oi": value, "max_call_oi_strike": wall, "skew_25": 2.0, "atm_iv": 10.0 + weeks}
            stores.chains.put([ChainRecord(chain, metrics)])
    return times


def test_stored_chains_are_seen_when_they_came(stores: MemoryStores) -> None:
    opened = m.OPENS[DAYS - 1]
    closes = [100.0 + at / 10 for at in range(60)]
    put(stores, "1m", "NSE:A", [opened + at * MINUTE for at in range(60)], closes)
    times = _chains(stores, [1.0, 1.5, 1.2, 1.6], [102.0, 102.0, 103.0, 104.0])
    text = 'alert "pcr" on $NSE:A when opt.pcr_oi crosses above 1.4 and close > 0 at update chain fire every time'
    answer = preview(stores, text)
    assert [one["time"] for one in answer["markers"]] == [times[1], times[3]]
    assert not [note for note in answer["notes"] if "chain" in note]
    wall = preview(stores, 'alert "wall" on $NSE:A when close crosses above opt.max_call_oi_strike at 5m close')
    # the bar that goes over 102 ends when the wall moves to 103, the one over 103 when it moves to 104
    assert [one["time"] for one in wall["markers"]] == [opened + 45 * MINUTE]


def test_a_preview_says_when_no_chains_are_stored(stores: MemoryStores) -> None:
    put(stores, "1m", "NSE:A", [m.OPENS[DAYS - 1]], [100.0])
    answer = preview(stores, 'alert "slope" on $NSE:A when opt.term_slope > 1 and fut.basis > 0 at update chain')
    assert answer["fires"] == 0
    assert len([note for note in answer["notes"] if "stored" in note]) == 2
