"""Rules in the engine: what they mean at bars, ticks and instants, and that nothing depends on where the log is cut."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.rules import market as m

from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.market.session import MINUTE, SECOND
from marketbell.core.rules.book import RuleBook

MANY = (
    'alert "above" on ALL when close > 101 at 1m close',
    'alert "edge" on $NSE:A when close crosses above sma(close, 3)@1m at 1m close fire every time',
    'alert "both" on $NSE:A, $NSE:C when close > 100 and day.volume > 20 at tick cooldown 5m',
    'alert "fast" on ALL when close moves by 0.5% within 2m at tick cooldown 1m',
    'alert "hold" on ALL when close > 100.5 at tick hold 45s',
    'alert "window" on ALL when close crosses 100 at tick session NSE 09:20-10:40 fire every time',
    'alert "again" on $NSE:B when close > 100 at 2m close rearm after 6m',
    'alert "when" on ALL when close > 101 at 1m close rearm when close < 100',
    'alert "live" on $NSE:A when close > highest(high, 3)[1] at 2m live',
    'alert "exit" on TEN when close > 100.5 at 1m close fire on exit',
    'alert "gate" on ALL where day.volume > 40 when close < 99.5 at 1m close',
    'alert "span" on ALL when close > 100 for 3 bars at 1m close',
    'alert "order" on ALL when close > 101 then close < 100.5 within 6 bars at 1m close',
)
JOINT = (
    'alert "pair" on $NSE:A when close - $NSE:B.close > 0.5 at 1m close fire every time',
    'alert "rank" on ALL when rank(close, TEN) <= 1 at 2m close fire on enter',
    'alert "broad" on $NSE:A when pct_of(ALL, close > sma(close, 2)) > 60% at 1m close',
    'alert "apart" on $NSE:A when close < $NSE:C.close at tick hold 20s',
)
CLOCK = ('alert "half past" on ALL when close > 100 at schedule "30 9 * * *" fire every time',)

WALK = st.lists(st.tuples(st.sampled_from(m.KEYS), st.integers(0, 40), st.integers(-3, 3)), min_size=1, max_size=200)


def _rows(walk: list[tuple[str, int, int]]) -> list[tuple[str, float, float]]:
    """Ticks of prices that wander about 100; long waits lead into the next session."""
    prices = dict.fromkeys(m.KEYS, 100.0)
    second, found = 0.0, []
    for key, wait, step in walk:
        second += wait if wait < 38 else 4_000.0
        prices[key] = min(103.0, max(97.0, prices[key] + step * 0.4))
        found.append((key, second, prices[key]))
    return found


def _inside(rows: list[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Times of the sessions alone: what lies between two of them is left out."""
    day, length = 86_400.0, 7_200.0
    return [(key, int(second // length) * day + second % length, price) for key, second, price in rows]


def _run(texts: tuple[str, ...], rows: list[tuple[str, float, float]], cuts: list[int], restarts: set[int]) -> Any:
    engine = m.new()
    outputs = [engine.apply(m.arm(*texts))]
    edges = [0, *sorted({cut % (len(rows) + 1) for cut in cuts}), len(rows)]
    for n, (begin, end) in enumerate(itertools.pairwise(edges)):
        if n in restarts:
            engine = Engine.restore(engine.checkpoint(), EngineConfig(), m.table, (RuleBook,))
        if begin < end:
            outputs.append(engine.apply_trades(m.ticks(rows[begin:end]) | _volumes(begin, end)))
    outputs.append(engine.finish())
    return m.ids(*outputs)


def _volumes(begin: int, end: int) -> dict[str, Any]:
    return {"volume": np.arange(begin + 1, end + 1, dtype=np.float64)}


@settings(max_examples=12, deadline=None)
@given(WALK, st.lists(st.integers(0, 400), max_size=6), st.sets(st.integers(0, 6), max_size=3))
def test_firings_do_not_depend_on_cuts_and_restarts(
    walk: list[tuple[str, int, int]], cuts: list[int], restarts: set[int]
) -> None:
    rows = _inside(_rows(walk))
    texts = (*MANY, *JOINT, *CLOCK)
    assert _run(texts, rows, cuts, restarts) == _run(texts, rows, [], set())


def test_the_market_of_the_test_above_fires_every_rule() -> None:
    rng = np.random.default_rng(3)
    walk = [(m.KEYS[rng.integers(3)], int(rng.integers(0, 30)), int(rng.integers(-3, 4))) for _ in range(1_500)]
    engine = m.new()
    out = [engine.apply(m.arm(*MANY, *JOINT, *CLOCK)), engine.apply_trades(m.ticks(_inside(_rows(walk))))]
    out.append(engine.finish())
    assert out[0].rejected_rules == []
    names = {text.split('"')[1] for text in (*MANY, *JOINT, *CLOCK)}
    assert {one.rule for one in m.fired(*out)} == names


def test_a_checkpoint_is_the_state() -> None:
    rng = np.random.default_rng(4)
    walk = [(m.KEYS[rng.integers(3)], int(rng.integers(0, 30)), int(rng.integers(-3, 4))) for _ in range(300)]
    engine = m.new()
    engine.apply(m.arm(*MANY, *JOINT, *CLOCK))
    engine.apply_trades(m.ticks(_inside(_rows(walk))))
    kept = engine.checkpoint()
    again = Engine.restore(kept, EngineConfig(), m.table, (RuleBook,)).checkpoint()
    assert kept.keys() == again.keys()
    for name, array in kept.items():
        np.testing.assert_array_equal(array, again[name], err_msg=name)


def test_a_hold_is_completed_by_the_clock() -> None:
    engine = m.new()
    out = [engine.apply(m.arm('alert "h" on $NSE:A when close > 100 at tick hold 60s'))]
    out.append(engine.apply_trades(m.ticks([("NSE:A", 10, 101.0)])))
    out.append(engine.apply([m.heartbeat(71.9)]))
    assert m.told(*out) == []
    out.append(engine.apply([m.heartbeat(72.0)]))
    assert m.told(*out) == [("h", "NSE:A", 70.0)], "when it was complete, two seconds of lateness behind it"
    (one,) = m.fired(*out)
    assert one.values["p1"] == 101.0


def test_previous_of_a_rule_with_a_session_is_its_last_evaluation_inside() -> None:
    engine = m.new()
    out = [engine.apply(m.arm('alert "w" on $NSE:A when close crosses above 100 at tick session NSE 09:30-11:00'))]
    rows = [("NSE:A", 600.0, 99.0), ("NSE:A", 901.0, 101.0), ("NSE:A", 902.0, 99.0), ("NSE:A", 6_400.0, 101.0)]
    out.append(engine.apply_trades(m.ticks(rows)))
    out.append(engine.apply_trades(m.ticks([("NSE:A", 900.0, 102.0)], m.OPENS[1])))
    assert m.told(*out) == [("w", "NSE:A", 86_400.0 + 900.0)], "901 s was the first inside, 6,400 s lies outside"
    assert m.fired(*out)[0].previous == {"p1": 99.0, "p2": 100.0}


@pytest.mark.parametrize("order", [1, -1])
def test_what_a_rule_remembers_is_its_own_whatever_was_armed_before_it(order: int) -> None:
    """A restart lays the rules out in another order than that of their arming; what they saw stays where it was."""
    parts = ("close crosses above 100", "vwap crosses above 50")
    alone = [f'alert "{part}" on $NSE:C when {part} > 1 at tick' for part in ("close", "day.high")]
    crosses = [f'alert "{part}" on $NSE:A when {part} at tick session NSE 09:00-11:00' for part in parts]
    texts = [*alone[::order], *crosses[::order]]
    texts.append(f'alert "either" on $NSE:A when {" or ".join(parts)} at tick session NSE 09:00-11:00')
    texts.append('alert "hold" on $NSE:B when close > 100 and day.high > 50 at tick hold 60s')
    begin = m.ticks(
        [("NSE:A", 1, 99.0), ("NSE:A", 2, 120.0), ("NSE:A", 3, 98.0), ("NSE:B", 4, 120.0), ("NSE:B", 5, 110.0)]
    )
    later = m.ticks([("NSE:A", 90, 111.0), ("NSE:B", 91, 99.0)])
    told = []
    for is_restarted in (False, True):
        engine = m.new()
        out = [engine.apply(m.arm(*texts)), engine.apply_trades(begin)]
        if is_restarted:
            engine = Engine.restore(engine.checkpoint(), EngineConfig(), m.table, (RuleBook,))
        out.append(engine.apply_trades(later))
        told.append([(one.rule, one.event_time, dict(one.values), dict(one.previous)) for one in m.fired(*out)])
    assert sorted(told[0], key=str) == sorted(told[1], key=str)
    assert {("either", 90.0), ("hold", 64.0)} <= {(rule, (time - m.OPEN) / SECOND) for rule, time, _, _ in told[1]}
    (hold,) = [values for rule, _, values, _ in told[1] if rule == "hold"]
    assert (hold["p2"], hold["p5"]) == (110.0, 120.0), "the price and the day's high while it was held"


def test_schedules_come_by_the_log() -> None:
    engine = m.new()
    out = [engine.apply(m.arm('alert "s" on ALL when close > sma(close, 2) at schedule "0 10 * * 1-5"'))]
    for day in range(3):
        rows = [("NSE:A", 100.0, 100.0 + day), ("NSE:A", 3_600.0, 90.0)]
        out.append(engine.apply_trades(m.ticks(rows, m.OPENS[day])))
    out.append(engine.finish())
    # 10:00 is 45 minutes behind the open; the price is that of the tick before, the days are closed ones
    assert m.told(*out) == [("s", "NSE:A", 2 * 86_400 + 2_700.0)]


def beats(seconds: list[float]) -> list[Frame]:
    """The log's clock alone: the market is quiet."""
    return [m.frame(FrameKind.HEARTBEAT, time=m.OPEN + round(second * SECOND)) for second in seconds]


@pytest.mark.parametrize("every_s", [1.0, 7.0, 900.0, 2_000.0])
@pytest.mark.parametrize("restarts", [False, True])
def test_schedules_come_in_a_quiet_market_once_each_over_restarts(every_s: float, *, restarts: bool) -> None:
    """No tick comes for an hour; heartbeats do, some of them twice as after a crash, some that tell an older time."""
    text = 'alert "s" on $NSE:A when close > 1 at schedule "*/10 * * * *" fire every time'
    engine = m.new()
    out = [engine.apply(m.arm(text)), engine.apply_trades(m.ticks([("NSE:A", 1.0, 100.0)]))]
    times = [2.0 + n * every_s for n in range(int(3_600 / every_s) + 2)]
    step = max(1, len(times) // 40)
    for at in range(0, len(times), step):
        part = times[at : at + step]
        out.append(engine.apply(beats(part)))
        if restarts:
            engine = Engine.restore(engine.checkpoint(), EngineConfig(), m.table, (RuleBook,))
            out.append(engine.apply(beats([part[-1], part[0]])))
    fired = [second for _, _, second in m.told(*out)]
    # 09:20, 09:30 … in India: five minutes behind the open, and every ten from there
    assert fired == [float(second) for second in range(300, int(times[-1]) + 1, 600)]


def test_a_log_that_stood_still_gives_what_was_missed_once_and_in_its_order() -> None:
    text = 'alert "s" on $NSE:A when close > 1 at schedule "*/10 * * * *" fire every time'
    engine = m.new()
    out = [engine.apply(m.arm(text)), engine.apply_trades(m.ticks([("NSE:A", 1.0, 100.0)]))]
    out.append(engine.apply(beats([2.0])))
    # the provider was away from here for forty minutes; its first tick is of the time when it was back
    out.append(engine.apply_trades(m.ticks([("NSE:A", 2_400.0, 0.5)])))
    out.append(engine.apply(beats([2_401.0, 2_401.0])))
    assert [second for _, _, second in m.told(*out)] == [300.0, 900.0, 1_500.0, 2_100.0]
    prices = [set(one.values.values()) & {100.0, 0.5} for one in m.fired(*out)]
    assert prices == [{100.0}] * 4, "by the price of then, not by the one that came later"


def test_news_brings_an_evaluation_about() -> None:
    engine = m.new()
    text = 'alert "p" on ALL when fund.promoter_holding - fund.promoter_holding[1q] >= 1 at update shareholding'
    out = [engine.apply(m.arm(text)), engine.apply_trades(m.ticks([("NSE:A", 1, 100.0), ("NSE:B", 1, 100.0)]))]

    def published(key: str, value: float, period: str, second: float) -> dict[str, Any]:
        fact = {"name": "fund.promoter_holding", "value": value, "period_end": period}
        fact["published_at"] = m.OPEN + round(second * SECOND)
        return {"instrument_id": m.IDS[key], "facts": [fact]}

    items = [published("NSE:A", 50.0, "2020-12-31", 5), published("NSE:A", 52.0, "2021-03-31", 60)]
    items += [published("NSE:B", 50.0, "2020-12-31", 5), published("NSE:B", 50.5, "2021-03-31", 60)]
    out.append(engine.apply([m.frame(FrameKind.REFERENCE, {"type": "fundamentals", "items": items})]))
    out.append(engine.apply_trades(m.ticks([("NSE:C", 59.0, 1.0)])))
    assert m.told(*out) == []
    out.append(engine.apply_trades(m.ticks([("NSE:C", 61.0, 1.0)])))
    assert m.told(*out) == [("p", "NSE:A", 60.0)]


def test_watchlists_screens_and_universes() -> None:
    engine = m.new()
    frames = m.arm('alert "w" on watchlist "core" when close > 1 at 1m close', members={"watchlist:core": ["NSE:C"]})
    frames += m.arm(
        'alert "s" on screen "dear" when close > 1 at 1m close',
        screens={"dear": m.screen('screen "dear" when close > 150')},
    )
    frames += m.arm('alert "u" on TEN when close > 1 at 1m close')
    out = [engine.apply(frames)]
    rows = [("NSE:A", 1, 100.0), ("NSE:B", 1, 200.0), ("NSE:C", 1, 100.0)]
    out += [engine.apply_trades(m.ticks(rows)), engine.finish()]
    assert [(rule, key) for rule, key, _ in m.told(*out)] == [
        ("s", "NSE:B"), ("u", "NSE:A"), ("u", "NSE:B"), ("w", "NSE:C"),
    ]  # fmt: skip


def test_what_cannot_be_armed_is_rejected_with_a_reason() -> None:
    engine = m.new()
    out = engine.apply(
        m.arm('alert "u" on NIFTY9 when close > 1', 'alert "w" on watchlist "core" when close > 1 at 1m close')
    )
    reasons = [reason for _, reason in out.rejected_rules]
    assert reasons == ["there is no index, sector or list `NIFTY9`", 'there is no watchlist "core"']


def test_versions_and_disarming() -> None:
    engine = m.new()
    first = m.command('alert "a" on $NSE:A when close > 100 at tick')
    second = m.command('alert "a" on $NSE:A when close > 200 at tick', 2)
    uid = first["rule_uid"]
    engine.apply([m.frame(FrameKind.COMMAND, second), m.frame(FrameKind.COMMAND, first)])
    assert m.book(engine).rules[uid].version == 2, "an older version changes nothing"
    assert m.told(engine.apply_trades(m.ticks([("NSE:A", 1, 150.0)]))) == []
    engine.apply([m.frame(FrameKind.COMMAND, {"type": "disarm", "rule_uid": uid, "version": 1})])
    assert uid in m.book(engine).rules
    engine.apply([m.frame(FrameKind.COMMAND, {"type": "disarm", "rule_uid": uid, "version": 2})])
    assert uid not in m.book(engine).rules
    assert engine.series.watches == {}, "nobody needs its series any more"
    assert m.told(engine.apply_trades(m.ticks([("NSE:A", 2, 250.0)]))) == []


def test_the_first_evaluation_cannot_cross() -> None:
    engine = m.new()
    engine.apply_trades(m.ticks([("NSE:A", n * 60.0, 99.0) for n in range(4)]))
    engine.apply(m.arm('alert "c" on $NSE:A when close crosses above 100 at 1m close'))
    out = [engine.apply_trades(m.ticks([("NSE:A", 240.0, 101.0), ("NSE:A", 300.0, 99.0), ("NSE:A", 360.0, 101.0)]))]
    out.append(engine.finish())
    # the minute of 180 s was open at the arming: it is the first evaluation, the one of 240 s crosses
    assert m.told(*out) == [("c", "NSE:A", 300.0), ("c", "NSE:A", 420.0)]


def test_unknown_never_fires_and_is_no_false_for_not() -> None:
    engine = m.new()
    out = [engine.apply(m.arm('alert "n" on ALL when not (opt.pcr_oi(expiry: "nearest") > 1) at 1m close'))]
    out.append(engine.apply(m.arm('alert "k" on $NSE:A when not (opt.atm_iv is known) at 1m close')))
    out += [engine.apply_trades(m.ticks([("NSE:A", 1, 100.0)])), engine.finish()]
    assert m.told(*out) == [("k", "NSE:A", 60.0)]
    status = m.book(engine).status(m.command('alert "n" on ALL when close > 1')["rule_uid"], 0)
    assert (status.state, status.truth) == ("unknown", None)


def test_status_says_what_suppresses() -> None:
    engine = m.new()
    text = 'alert "c" on $NSE:A when close > 100 at tick cooldown 10m'
    engine.apply(m.arm(text))
    out = engine.apply_trades(m.ticks([("NSE:A", 1, 101.0), ("NSE:A", 62, 99.0), ("NSE:A", 63, 101.0)]))
    assert [(one.nth, one.suppressed) for one in m.fired(out)] == [(1, ""), (1, "cooldown")]
    status = m.book(engine).status(m.command(text)["rule_uid"], 0)
    assert (status.state, status.reason, status.until) == ("suppressed", "cooldown", m.OPEN + SECOND + 10 * MINUTE)
    assert status.values["p1"] == 101.0


def test_several_shards_split_and_put_together_are_the_whole() -> None:
    from marketbell.core.engine.handover import merge, split
    from marketbell.core.market.homes import Homes
    from marketbell.core.primitives.shards import ALL_SHARDS, Shards

    rng = np.random.default_rng(5)
    walk = [(m.KEYS[rng.integers(3)], int(rng.integers(0, 30)), int(rng.integers(-3, 4))) for _ in range(300)]
    engine = m.new()
    engine.apply(m.arm(*MANY))
    engine.apply_trades(m.ticks(_inside(_rows(walk))))
    homes = Homes(ALL_SHARDS)
    homes.learn(m.INSTRUMENTS)
    extra = (RuleBook,)
    whole = merge([engine.checkpoint()], homes, extra)
    shards = sorted(one.shard for one in m.INSTRUMENTS)
    low, high = Shards(0, shards[1] - 1), Shards(shards[1], 63)
    parts = [split(engine.checkpoint(), one, homes, first=0, extra=extra) for one in (low, high)]
    parts = [Engine.restore(one, EngineConfig(), m.table, extra).checkpoint() for one in parts]
    joined = merge(parts, homes, extra)
    for name in (name for name in whole if name.startswith("rules.")):
        np.testing.assert_array_equal(whole[name], joined[name], err_msg=name)


def test_parts_that_went_their_own_way_are_the_whole_when_put_together() -> None:
    from marketbell.core.engine.handover import merge, split
    from marketbell.core.market.homes import Homes
    from marketbell.core.primitives.shards import ALL_SHARDS, Shards

    rng = np.random.default_rng(6)
    walk = [(m.KEYS[rng.integers(3)], int(rng.integers(0, 20)), int(rng.integers(-3, 4))) for _ in range(400)]
    rows = _inside(_rows(walk))
    engine = m.new()
    engine.apply(m.arm(*MANY))
    engine.apply_trades(m.ticks(rows[:200]))
    homes = Homes(ALL_SHARDS)
    homes.learn(m.INSTRUMENTS)
    shards = sorted(one.shard for one in m.INSTRUMENTS)
    halves = (Shards(0, shards[1] - 1), Shards(shards[1], 63))
    kept = engine.checkpoint()
    parts = [
        Engine.restore(split(kept, one, homes, first=0, extra=(RuleBook,)), EngineConfig(), m.table, (RuleBook,))
        for one in halves
    ]
    end = m.heartbeat(rows[-1][1])
    later = m.ticks(rows[200:])
    outputs = [[engine.apply_trades(later), engine.apply([end])]]
    for part, half in zip(parts, halves, strict=True):
        mine = np.isin(later["instrument_id"], [m.IDS[one.key] for one in m.INSTRUMENTS if one.shard in half])
        own = {name: column[mine] for name, column in later.items()}
        outputs.append([part.apply_trades(own), part.apply([end])])
    assert m.ids(*outputs[0]) == sorted(m.ids(*outputs[1]) + m.ids(*outputs[2])) != []
    whole, joined = (merge([one.checkpoint() for one in group], homes, (RuleBook,)) for group in ([engine], parts))
    assert whole.keys() == joined.keys()
    for name in whole.keys() - {"touched"}:
        np.testing.assert_array_equal(whole[name], joined[name], err_msg=name)
