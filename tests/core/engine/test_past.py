"""Stored bars for who begins to watch: armed in the middle of a session is as good as armed from the beginning."""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from tests.core.engine.series_market import (
    DAY_5,
    IDS,
    KEYS,
    OPENS,
    TABLE,
    heartbeat,
    minute_history,
    new,
    past,
    stored,
    table,
    trades,
    watch,
)

from marketbell.core.columns.frame import Columns, FrameKind, decode, encode
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.needs import bars_needed
from marketbell.core.engine.outputs import BAR_COLUMNS, Outputs, joined
from marketbell.core.engine.past_bars import PAST, cut_by_instrument, holes_of, series_of
from marketbell.core.engine.watching import compile_texts
from marketbell.core.market.session import MINUTE, SECOND
from marketbell.core.market.timeframe import Timeframe

M5 = Timeframe.parse("5m")
TEXTS = {
    "window": "sma(close, 4)@5m",
    "volume": "volume@5m > 2 * sma(volume, 3)@5m",
    "slow": "ema(close, 3)@15m",
    "minute": "rsi(close, 3)@1m",
    "held": "(close - sma(close, 2)@1h)@5m",
    "before": "close[7]@5m",
    "over": "sma(close@15m, 6)@5m",
    "opened": "vwap()@5m",
    "held for": "(close > sma(close, 2) for 3 bars)@15m",
    "move": "(close moves by 3% within 40m)@5m",
    "seen": "(close > 58 seen in last 30m)@5m",
    "order": "(close > sma(close, 2) then close < 55 within 3 bars)@1m",
    "far": "(close - sma(close, 2)@1d)@5m",
}
PLAN = compile_texts(TEXTS, M5)
EXACT = {"window", "volume", "held", "before", "over", "held for", "move", "seen", "order", "far"}
"""Those of which nothing lies before their window."""


def kept(outputs: Sequence[Outputs]) -> Columns:
    """What a bar store holds of these outputs."""
    return joined([out.bars_1m for out in outputs if len(out.bars_1m["start"])], BAR_COLUMNS)


def without_newest(columns: Columns, count: int) -> Columns:
    """A store that is `count` bars behind."""
    at = np.arange(max(len(columns["start"]) - count, 0))
    return {name: column[at] for name, column in columns.items()}


def market(seed: int) -> list[tuple[int, int, float]]:
    """Ticks of eight sessions: one instrument trades each minute, one now and then, one seldom; some come late."""
    rng = np.random.default_rng(seed)
    found = []
    for row, share in enumerate((0.97, 0.4, 0.05)):
        price = 55.0
        for opened, close in zip(TABLE.open[:8].tolist(), TABLE.close[:8].tolist(), strict=True):
            for start in range(opened, close, MINUTE):
                if rng.random() < share:
                    price += float(rng.integers(-2, 3))
                    at = min(start + int(rng.integers(0, 60)) * SECOND, close - 1)
                    found.append((at + int(rng.integers(0, 2)) * SECOND, row, at, price))
    return [(row, at, price) for _, row, at, price in sorted(found)]


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.integers(0, 1_000_000), st.floats(0.1, 1), st.lists(st.floats(0, 1), max_size=4), st.integers(0, 5),
       st.integers(0, 8))  # fmt: skip
@example(44961, 0.7892197684516485, [], 5, 3)  # nobody trades at the end of the newest longer bar
def test_armed_in_the_middle_equals_armed_from_the_beginning(
    seed: int, place: float, cuts: list[float], restart: int, behind: int
) -> None:
    ticks = market(seed)
    arm = int(place * len(ticks))
    whole, engine = new(), new()
    begin = heartbeat(int(OPENS[0]) - MINUTE)
    whole.apply([begin, watch(TEXTS)])
    whole.apply_trades(trades(ticks[:arm]))
    engine.apply([begin])
    store = without_newest(kept([engine.apply_trades(trades(ticks[:arm]))]), behind)
    told = stored(store, PLAN)
    engine.apply([watch(TEXTS), told])
    steps = sorted({arm, *(arm + int(cut * (len(ticks) - arm)) for cut in cuts), len(ticks)})
    for number, (low, high) in enumerate(zip(steps, [*steps[1:], len(ticks)], strict=True)):
        if number == restart:
            engine = Engine.restore(engine.checkpoint(), EngineConfig(), table)
        if number == 0:
            engine.apply([told])  # told twice: nothing changes
        agree(engine, whole)
        if low < high:
            for one in (engine, whole):
                one.apply_trades(trades(ticks[low:high]))
    for one in (engine, whole):
        one.finish()
    agree(engine, whole)


def agree(engine: Engine, whole: Engine, texts: Collection[str] = TEXTS) -> None:
    for name in texts:
        mine, theirs = engine.series.values("w", name), whole.series.values("w", name)
        np.testing.assert_array_equal(np.isnan(mine), np.isnan(theirs), err_msg=name)
        np.testing.assert_allclose(mine, theirs, rtol=1e-9 if name in EXACT else 1e-4, err_msg=name)
    rows = np.arange(len(KEYS))
    mine, theirs = engine.tentative(), whole.tentative()
    for name in EXACT.intersection(texts):
        found = mine.values(engine.series.result("w", name), rows)
        np.testing.assert_allclose(found, theirs.values(whole.series.result("w", name), rows), rtol=1e-9, err_msg=name)


def armed_at(place: float, texts: dict[str, str], seed: int = 3) -> tuple[Engine, Engine, Columns]:
    """An engine that is watched from the beginning, and one that is from `place` of the market on, and its store."""
    ticks = market(seed)
    arm = int(place * len(ticks))
    whole, engine = new(), new()
    begin = heartbeat(int(OPENS[0]) - MINUTE)
    whole.apply([begin, watch(texts)])
    engine.apply([begin])
    whole.apply_trades(trades(ticks[:arm]))
    store = kept([engine.apply_trades(trades(ticks[:arm]))])
    engine.apply([watch(texts)])
    return engine, whole, store


def test_forming_bars_go_on_from_stored_ones() -> None:
    texts = {"live": "(close - live(sma(close, 2)@15m))@5m"}
    engine, whole, store = armed_at(0.4, texts)
    engine.apply([stored(store, compile_texts(texts, M5))])
    agree(engine, whole, texts)
    ticks = market(3)
    for one in (engine, whole):
        one.apply_trades(trades(ticks[int(0.4 * len(ticks)) :][:100]))
    agree(engine, whole, texts)


def test_who_comes_later_shares_what_is_known_and_gets_what_is_not() -> None:
    """The second watch reads a series of the first, which is known: what it makes of it has a past too."""
    texts = {"over": "sma(ema(close, 2)@15m, 6)@5m"}
    engine, whole, store = armed_at(0.6, texts)
    first = {"mean": "ema(close, 2)@15m"}
    both, _, _ = armed_at(0.6, first)
    both.apply([stored(store, compile_texts(first, M5))])
    assert np.isfinite(both.series.values("w", "mean")[0])
    both.apply([watch(texts, "again")])
    assert np.isnan(both.series.values("again", "over")[0])
    both.apply([stored(store, compile_texts(texts, M5), series=[*series_of(compile_texts(texts, M5)), "nobody"])])
    np.testing.assert_allclose(both.series.values("again", "over"), whole.series.values("w", "over"), rtol=1e-4)
    engine.apply([stored(store, compile_texts(texts, M5), series=["nobody"])])
    assert np.isnan(engine.series.values("w", "over")[0])


def test_fields_that_nobody_can_tell_of_the_past_keep_what_was_seen() -> None:
    texts = {"field": "sma(day.volume, 3)@5m", "price": "sma(close, 30)@5m"}
    engine, whole, store = armed_at(0.5, texts)
    ticks = market(3)
    half = len(ticks) // 2
    for one in (engine, whole):
        one.apply_trades(trades(ticks[half : half + 40]))
    assert np.isfinite(engine.series.values("w", "field")[0])
    engine.apply([stored(store, compile_texts(texts, M5))])
    agree(engine, whole, texts)
    assert np.isfinite(engine.series.values("w", "price")[0])


def test_what_lies_before_a_hole_is_left_out_and_said() -> None:
    plan = compile_texts({"mean": "sma(close, 10)@5m"}, M5)
    history = minute_history(DAY_5, 180)
    hole = (int(OPENS[3]) + 20 * MINUTE, int(OPENS[3]) + 40 * MINUTE)
    engine = new()
    engine.apply([watch({"mean": "sma(close, 10)@5m"}), past(history, plan, [hole])])
    assert np.isfinite(engine.series.values("w", "mean")[0])
    (gap,) = engine.series.gaps("w")
    assert (gap["from"], gap["until"]) == hole
    late = new()
    late.apply([watch({"mean": "sma(close, 10)@5m"}), past(history, plan, [(hole[0], int(OPENS[4]) + 21 * MINUTE)])])
    assert np.isnan(late.series.values("w", "mean")[0]), "only seven whole bars lie behind it"
    there = new()  # a stream that was there saw that nobody traded
    there.apply([heartbeat(int(OPENS[1])), watch({"mean": "sma(close, 10)@5m"}), past(history, plan, [hole])])
    assert there.series.gaps("w") == []


def test_bars_that_do_not_reach_the_kept_minutes_prime_nothing() -> None:
    texts = {"mean": "sma(close, 60)@5m"}
    engine, _, store = armed_at(0.9, texts)
    until = int(OPENS[4])
    at = np.flatnonzero(store["start"] < until)
    engine.apply([stored({name: column[at] for name, column in store.items()}, compile_texts(texts, M5))])
    assert np.isnan(engine.series.values("w", "mean")).all()
    assert {gap["instrument_id"] for gap in engine.series.gaps("w")} >= {IDS[0], IDS[1]}
    engine.apply([stored(store, compile_texts(texts, M5))])
    assert np.isfinite(engine.series.values("w", "mean")[0])
    assert engine.series.gaps("w") == []


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("close@1d > 5", {}),
        ("sma(volume, 20)@5m", {"5m": 20}),
        ("rsi(close, 14)@15m", {"15m": 141}),
        ("close[3]@15m", {"15m": 5}),
        ("sma(close, 2)@1h > close@5m", {"1h": 3, "5m": 1}),
        ("(close > sma(close@15m, 6))@5m", {"5m": 6, "15m": 4}),
        ("(close > 5 seen in last 2h)@10m", {"10m": 14}),
        ("(close > 5 for 4 bars)@1m", {"1m": 5}),
        ("(close < live(close@1h))@5m", {"5m": 13, "1h": 2}),
        ("close@30s > 5", {}),
    ],
)
def test_how_far_back_a_plan_looks(text: str, needed: dict[str, int]) -> None:
    assert {str(one): bars for one, bars in bars_needed(compile_texts({"x": text}, M5)).items()} == needed


def test_the_message_keeps_whole_instruments_together() -> None:
    _, _, store = armed_at(0.9, TEXTS)
    whole = stored(store, PLAN, [(1, 2)])
    pieces = cut_by_instrument(whole.columns, 100)
    assert [len(np.unique(piece["instrument_id"])) for piece in pieces] == [1, 1, 1]
    assert sum(len(piece["start"]) for piece in pieces) == whole.count
    assert len(cut_by_instrument(whole.columns, 10_000)) == 1
    together, apart = new(), new()
    for one in (together, apart):
        one.apply([watch(TEXTS)])
    together.apply([decode(encode(whole))])
    for piece in pieces:
        apart.apply([replace(whole, columns=piece, count=len(piece["start"]))])
    for name in TEXTS:
        np.testing.assert_array_equal(together.series.values("w", name), apart.series.values("w", name))
    assert whole.kind is FrameKind.BAR
    assert json.loads(whole.payload) == {
        "role": PAST, "timeframes": ["5m", "15m", "1h"], "until": int(store["start"].max()) + MINUTE, "holes": [[1, 2]],
    }  # fmt: skip


def test_session_time_that_nobody_traded_in_is_a_hole() -> None:
    opened, close = int(TABLE.open[0]), int(TABLE.close[0])
    starts = np.array([opened, opened + 4 * MINUTE, opened + 10 * MINUTE, opened + 17 * MINUTE, int(OPENS[1])])
    holes = holes_of(starts, TABLE, opened, int(OPENS[2]))
    assert holes == [(opened + 11 * MINUTE, opened + 17 * MINUTE), (opened + 18 * MINUTE, int(OPENS[1]))]
    full = np.concatenate(
        [np.arange(opened, close, MINUTE), np.arange(int(OPENS[1]), int(OPENS[1]) + 9 * MINUTE, MINUTE)]
    )
    assert holes_of(full, TABLE, opened, int(OPENS[2])) == []
    assert holes_of(full[:1], TABLE, opened, int(OPENS[2])) == []
