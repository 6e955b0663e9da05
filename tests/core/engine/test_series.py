"""Watched series: equal to the same expressions over closed bars, wherever the log was cut and whatever was saved."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.engine.series_market import (
    DAY_5,
    IDS,
    KEYS,
    M5,
    OPENS,
    TABLE,
    TICKS,
    frame,
    heartbeat,
    history,
    live_ticks,
    log_of,
    minute_history,
    new,
    past,
    table,
    trades,
    watch,
)

from marketbell.adapters.calendars.dated import CalendarCatalogue
from marketbell.core.columns.frame import FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.outputs import Outputs
from marketbell.core.engine.program import evaluate
from marketbell.core.engine.timeframes import Bars, Sessions, roll
from marketbell.core.engine.watching import compile_texts
from marketbell.core.indicators import moves
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, MINUTE, SECOND
from marketbell.core.market.timeframe import DAY_1, MINUTE_1, Timeframe

# ruff: noqa: PD011 — the values of bars are no DataFrame

TEXTS = {
    "fast": "ema(close, 3)@5m",
    "cross": "sma(close, 2)@5m > ema(close, 2)@15m",
    "minute": "rsi(close, 3)@1m",
    "change": "pct_change(close, 1)@5m",
    "day": "sma(close, 2)@1d",
    "far": "(close - sma(close, 2)@1d)@5m",
    "week": "highest(high, 1)@1w",
    "move": "(close moves by 3% within 40m)@5m",
    "held": "(close > sma(close, 2) for 11m)@5m",
    "order": "(close > sma(close, 2) then close < 55 within 3 bars)@1m",
}

FIELDS = {
    "change": "change_pct@5m", "volume": "day.volume@15m", "high": "highest(day.high, 2)@1m", "eps": "fund.eps@5m",
    "close": "day.open@1d",
}  # fmt: skip

TICKWISE = {"ten": "sma(close, 2)@10s", "volume": "volume@90s", "tick": "(sma(close, 3) - close@1m)@tick",
            "move": "(close rises by 2 within 40m)@tick", "seen": "(close > 58 seen in last 3m)@tick"}  # fmt: skip


def bars_of(outputs: Sequence[Outputs], engine: Engine) -> dict[Timeframe, Bars]:
    """The engine's closed minutes and days, and longer bars rolled from them at once."""
    sessions = Sessions.of([TABLE] * len(KEYS))
    out: dict[Timeframe, Bars] = {}
    for timeframe, name in ((MINUTE_1, "bars_1m"), (DAY_1, "bars_1d")):
        parts = [getattr(one, name) for one in outputs]
        column = {c: np.concatenate([part[c] for part in parts]) for c in parts[0]}
        rows = np.array([engine.row(int(ident)) for ident in column["instrument_id"]], np.int64)
        values = np.column_stack([column[c] for c in ("open", "high", "low", "close", "volume", "vwap")])
        make = sessions.minute_bars if timeframe == MINUTE_1 else sessions.day_bars
        out[timeframe] = make(rows, column["start"], values, column["trades"])
    for text in ("5m", "15m", "1w"):
        timeframe = Timeframe.parse(text)
        base = out[MINUTE_1 if timeframe.is_intraday else DAY_1]
        # All sessions are over: what has no later minute is closed by time.
        found = list(roll(base, timeframe, sessions))
        out[timeframe] = Bars.joined(found) if timeframe.is_intraday else found[0]
    return out


def expected(outputs: Sequence[Outputs], engine: Engine, texts: dict[str, str]) -> dict[str, list[float]]:
    """The last values by the one-shot form."""
    found = evaluate(compile_texts(texts, M5), bars_of(outputs, engine), is_strict=True)
    last: dict[str, list[float]] = {}
    for name, (rows, _, values) in found.items():
        last[name] = [values[rows == row][-1] if (rows == row).any() else np.nan for row in range(len(KEYS))]
    return last


@settings(max_examples=20, deadline=None)
@given(TICKS, st.lists(st.integers(0, 150), max_size=8), st.integers(0, 8))
def test_values_do_not_depend_on_cuts_or_restarts(
    spots: list[tuple[int, int, int, int]], cuts: list[int], restart: int
) -> None:
    ticks = log_of(spots)
    whole = new()
    out = [
        whole.apply([watch(TEXTS), watch(FIELDS, "f", "1m"), watch(TICKWISE, "t", "10s")]),
        whole.apply_trades(trades(ticks)),
    ]
    out.append(whole.finish())
    wanted = expected(out, whole, TEXTS)
    for name, values in wanted.items():
        np.testing.assert_array_equal(whole.series.values("w", name, is_warm=False), values, err_msg=name)

    engine = new()
    engine.apply([watch(TEXTS), watch(FIELDS, "f", "1m"), watch(TICKWISE, "t", "10s")])
    parts: list[dict[Timeframe, Bars]] = []
    for number, (low, high) in enumerate(zip([0, *sorted(cuts)], [*sorted(cuts), len(ticks)], strict=True)):
        if number == restart:
            engine = Engine.restore(engine.checkpoint(), EngineConfig(), table)
        if low < high:
            engine.apply_trades(trades(ticks[low:high]))
        engine.tentative()
        parts.append(engine.series.take_bars())
    engine.finish()
    parts.append(engine.series.take_bars())
    for name in wanted:
        np.testing.assert_array_equal(engine.series.values("w", name), whole.series.values("w", name), err_msg=name)
    for name in FIELDS:
        np.testing.assert_array_equal(engine.series.values("f", name), whole.series.values("f", name), err_msg=name)
    for timeframe, bars in whole.series.take_bars().items():
        mine = Bars.joined([part[timeframe] for part in parts if timeframe in part])
        one, two = (np.lexsort((found.start, found.rows)) for found in (bars, mine))
        np.testing.assert_array_equal(bars.rows[one], mine.rows[two])
        np.testing.assert_array_equal(bars.start[one], mine.start[two])
        np.testing.assert_array_equal(bars.values[one], mine.values[two])
    one, two = engine.series.checkpoint(3), whole.series.checkpoint(3)
    for name, array in one.items():
        if name.startswith(("program.", "feed.", "ring.", "shelf.")):
            np.testing.assert_array_equal(array, two[name], err_msg=name)


def test_a_long_bar_closes_by_time_although_no_minute_did() -> None:
    engine = new()
    at = int(OPENS[0])
    engine.apply([watch({"c": "close@5m"})])
    engine.apply_trades(trades([(0, at + 10 * SECOND, 50.0), (0, at + 70 * SECOND, 51.0)]))
    engine.apply_trades(trades([(0, at + 4 * MINUTE, 52.0), (0, at + 301 * SECOND, 53.0)]))
    assert np.isnan(engine.series.values("w", "c")[0])
    engine.apply_trades(trades([(0, at + 302 * SECOND, 54.0)]))
    assert engine.series.values("w", "c")[0] == 52.0
    bars = engine.series.take_bars()[M5]
    assert bars.values[0].tolist() == [50.0, 52.0, 50.0, 52.0, 3.0, 51.0]
    assert engine.series.take_bars() == {}


def test_bars_of_seconds_and_ticks_come_from_accepted_ticks() -> None:
    at = int(OPENS[0])
    spots = [(0, at + 1 * SECOND, 50.0), (0, at + 9 * SECOND, 52.0), (0, at + 11 * SECOND, 60.0),
             (0, at + 9_500 * SECOND // 1_000, 70.0), (0, at + 14 * SECOND, 61.0),
             (0, at + 13 * SECOND, 90.0)]  # fmt: skip
    engine = new()
    engine.apply([watch({"close": "close@10s", "volume": "volume@10s"}, "ten", "10s")])
    engine.apply([watch({"mean": "sma(close, 3)@tick"}, "tick", "tick")])
    engine.apply_trades(trades(spots))
    assert engine.series.values("ten", "close")[0] == 70.0
    assert engine.series.values("ten", "volume")[0] == 3.0
    assert engine.series.values("tick", "mean")[0] == (52 + 60 + 61) / 3
    tentative = engine.tentative()
    assert tentative.values(engine.series.result("ten", "close"), np.arange(3))[0] == 61.0
    assert engine.series.take_bars()[Timeframe.parse("10s")].values[:, :5].tolist() == [[50.0, 70.0, 50.0, 70.0, 3.0]]


def test_tentative_values_are_those_of_the_bar_if_it_closed_now() -> None:
    engine = new()
    at = int(OPENS[0])
    texts = {"mean": "sma(close, 2)@5m", "day": "high@1d", "minute": "sma(close, 2)@1m"}
    for name, text in texts.items():
        engine.apply([watch({name: text}, name, text[-2:])])
    engine.apply_trades(
        trades([(0, at + 10 * SECOND, 50.0), (0, at + 299 * SECOND, 52.0), (0, at + 301 * SECOND, 60.0)])
    )
    rows = np.arange(3)
    tentative = engine.tentative()
    found = {name: tentative.values(engine.series.result(name, name), rows).tolist() for name in texts}
    # The bar of 52 is still open, by lateness: it is applied before the forming one of 60.
    assert found["mean"][0] == 56.0
    assert found["minute"][0] == 56.0
    assert found["day"][0] == 60.0
    assert np.isnan(found["mean"][1])
    assert np.isnan(engine.series.values("mean", "mean", is_warm=False)[0])
    engine.apply_trades(trades([(0, at + 302 * SECOND, 62.0)]))
    assert engine.tentative().values(engine.series.result("mean", "mean"), rows)[0] == 57.0


@pytest.mark.parametrize("order", ["history first", "watch first", "watch in the middle of the day"])
def test_history_and_live_bars_are_one_series(order: str) -> None:
    """300 minutes of history, then 20 live ones: the values are those of 320 minutes in one piece."""
    texts = {"mean": "sma(close, 30)@1m", "slow": "ema(close, 20)@5m", "held": "(close - ema(close, 3)@15m)@5m"}
    history_ = minute_history(DAY_5, 300)
    live = live_ticks(0, DAY_5, 22)
    stored = [*history_, *((0, t // MINUTE * MINUTE, p) for _, t, p in live[:11])]
    engine = new(ring_minutes=64)
    first, second = history(history_[:170]), history(history_[170:])
    if order == "history first":
        engine.apply([first, second])
        engine.apply([watch(texts)])
        engine.apply_trades(trades(live))
    elif order == "watch first":
        engine.apply([watch(texts), past(history_, compile_texts(texts, M5))])
        engine.apply_trades(trades(live))
    else:
        engine.apply_trades(trades(live[:12]))
        engine.apply([watch(texts), past(stored, compile_texts(texts, M5))])
        engine.apply_trades(trades(live[12:]))
    assert engine.series.gaps("w") == []
    sessions = Sessions.of([TABLE])
    closed = [*history_, *((0, t // MINUTE * MINUTE, p) for _, t, p in live[:21])]
    price = np.array([row[2] for row in closed])
    minutes = sessions.minute_bars(
        np.zeros(len(closed)), np.array([row[1] for row in closed]), np.column_stack([price] * 6)
    )
    bars = {MINUTE_1: minutes}
    for text in ("5m", "15m"):
        bars[Timeframe.parse(text)] = roll(minutes, Timeframe.parse(text), sessions)[0]
    found = evaluate(compile_texts(texts, M5), bars, is_strict=True)
    wanted = {name: one.values[-1] for name, one in found.items()}
    got = {name: engine.series.values("w", name, is_warm=False)[0] for name in texts}
    if order == "history first":  # only the ring's 64 minutes were kept, so 5m and 15m have a shorter past
        assert got["mean"] == wanted["mean"]
        assert np.isnan(got["slow"])
        assert np.isnan(got["held"]), "an average of 64 minutes still depends on where they begin"
    else:
        np.testing.assert_equal(got, wanted)
    assert np.isnan(engine.series.values("w", "mean")[1:]).all()


MEAN = {"mean": "sma(close, 10)@1m"}
MEAN_PLAN = compile_texts(MEAN, MINUTE_1)


@pytest.mark.parametrize("is_late", [False, True])
def test_a_hole_before_live_is_told_and_not_bridged(*, is_late: bool) -> None:
    engine = new()
    stored = past(minute_history(int(OPENS[4]), 100), MEAN_PLAN)  # a whole session is missing
    live = live_ticks(0, DAY_5, 13)
    engine.apply([watch(MEAN, timeframe="1m")])
    if is_late:
        engine.apply_trades(trades(live[:5]))
        engine.apply([stored])
    else:
        engine.apply([stored])
        assert engine.series.values("w", "mean")[0] == np.mean(range(91, 101))
        engine.apply_trades(trades(live[:5]))
    gap = {"instrument_id": IDS[0], "timeframe": "1m", "from": int(TABLE.close[3]), "until": DAY_5}
    assert engine.series.gaps("w") == [gap]
    engine.apply_trades(trades(live[5:10]))
    assert np.isnan(engine.series.values("w", "mean")[0])
    engine.apply_trades(trades(live[10:]))
    assert engine.series.values("w", "mean")[0] == np.mean([100.0 + n for n in range(2, 12)])
    assert engine.series.gaps("w") == [gap]


def test_an_instrument_that_trades_late_has_no_hole_where_the_stream_was_there() -> None:
    engine = new()
    stored = past(minute_history(DAY_5, 100), MEAN_PLAN)
    engine.apply([watch(MEAN, timeframe="1m"), heartbeat(DAY_5 - MINUTE), stored])
    engine.apply_trades(trades(live_ticks(0, DAY_5 + 20 * MINUTE, 3)))
    assert engine.series.gaps("w") == []
    assert engine.series.values("w", "mean")[0] == np.mean([*range(93, 101), 100.0, 101.0])
    without = new()
    without.apply([watch(MEAN, timeframe="1m"), stored])
    without.apply_trades(trades(live_ticks(0, DAY_5 + 20 * MINUTE, 3)))
    assert len(without.series.gaps("w")) == 1


def test_days_come_from_history_whenever_it_comes() -> None:
    texts = {"mean": "sma(close, 3)@1d", "week": "close@1w"}
    far = {"far": "(close - sma(close, 3)@1d)@5m"}
    past = [(0, int(OPENS[n]), float(10 + n)) for n in range(5)]
    for order in range(3):
        engine = new()
        steps = [history(past[:2], 86_400), history(past[2:], 86_400)]
        steps[order:order] = [watch(texts, timeframe="1d"), watch(far, "far")]
        engine.apply(steps)
        engine.apply_trades(trades(live_ticks(0, DAY_5, 8)))
        assert engine.series.values("w", "mean")[0] == 13.0
        assert engine.series.values("w", "week")[0] == 14.0
        assert engine.series.values("far", "far")[0] == 104.0 - 13.0
        engine.apply([heartbeat(int(TABLE.close[5]) + 2 * SECOND)])
        assert engine.series.values("w", "mean")[0] == (13 + 14 + 107) / 3
    late = new()
    late.apply([watch(texts, timeframe="1d")])
    late.apply_trades(trades(live_ticks(0, DAY_5, 8)))
    late.apply([history(past[:2], 86_400)])
    assert {gap["timeframe"] for gap in late.series.gaps("w")} == {"1d"}
    late.apply([watch({"again": "sma(close, 2)@1d"}, "again", "1d")])
    assert np.isnan(late.series.values("again", "again")[0])
    late.apply([history(past[2:], 86_400)])
    assert late.series.gaps("w") == []
    assert late.series.values("w", "mean")[0] == 13.0
    assert late.series.values("again", "again")[0] == 13.5
    hole = new()
    hole.apply([watch(texts, timeframe="1d"), history(past[:4], 86_400)])
    hole.apply_trades(trades(live_ticks(0, DAY_5, 8)))
    assert np.isnan(hole.series.values("w", "mean")[0])
    assert {gap["timeframe"] for gap in hole.series.gaps("w")} == {"1d"}


def test_a_day_without_a_trade_is_no_hole_where_others_traded() -> None:
    engine = new()
    past = [(row, int(OPENS[n]), float(10 + n)) for n in range(5) for row in (0, 1) if (row, n) != (0, 4)]
    engine.apply([watch({"mean": "sma(close, 3)@1d"}, timeframe="1d"), heartbeat(DAY_5 - MINUTE)])
    engine.apply([history(past, 86_400)])
    engine.apply_trades(trades(live_ticks(1, DAY_5, 2)))
    engine.apply([heartbeat(int(TABLE.close[5]) + 2 * SECOND)])
    engine.apply_trades(trades(live_ticks(0, int(OPENS[6]), 2)))
    assert engine.series.gaps("w") == []
    assert engine.series.values("w", "mean")[:2].tolist() == [12.0, (13 + 14 + 101) / 3]


def test_a_watch_that_is_not_warm_is_unknown() -> None:
    engine = new()
    engine.apply([watch({"slow": "ema(close, 3)@1m"}, timeframe="1m")])
    engine.apply_trades(trades(live_ticks(0, DAY_5, 12)))
    assert np.isnan(engine.series.values("w", "slow", is_warm=False)[0])
    assert np.isnan(engine.series.values("w", "slow")[0])
    engine.apply_trades(trades(live_ticks(0, DAY_5 + 12 * MINUTE, 12)))
    assert np.isfinite(engine.series.values("w", "slow")[0])


def test_watches_share_and_end_and_say_what_is_wrong() -> None:
    engine = new()
    engine.apply([watch({"a": "sma(close, 3)@5m"}, "one"), watch({"b": "sma(close, 3)@5m"}, "two")])
    shared = len(engine.series.program)
    assert engine.series.result("one", "a") == engine.series.result("two", "b")
    engine.apply([frame(FrameKind.COMMAND, payload={"type": "unwatch", "uid": "one"})])
    assert len(engine.series.program) == shared
    engine.apply([watch({"wrong": "sma(close"}, "three"), watch({"other": "rank(close, ALL)@1d"}, "four")])
    engine.apply([frame(FrameKind.COMMAND, payload={"type": "watch", "uid": "five"})])
    assert set(engine.series.rejected) == {"three", "four", "five"}
    engine.apply([watch({"b": "close@15m"}, "two")])
    assert engine.series.names("two") == ("b",)
    engine.apply([frame(FrameKind.COMMAND, payload={"type": "unwatch", "uid": "two"})])
    assert len(engine.series.program) == 0
    with pytest.raises(KeyError):
        engine.series.values("two", "b")


def test_checkpoints_are_cut_and_joined_by_rows() -> None:
    engine = new()
    engine.apply([watch(TEXTS), history(minute_history(DAY_5, 100)), history([(1, int(OPENS[4]), 7.0)], 86_400)])
    engine.apply_trades(trades([*live_ticks(0, DAY_5, 7), *live_ticks(2, DAY_5, 7)]))
    series = engine.series
    whole = series.checkpoint(3)
    parts = [series.split(whole, np.array(rows), 3) for rows in ([0, 2], [1])]
    back = series.merge(parts, np.array([0, 2, 1]), [2, 1])
    assert back.keys() == whole.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(back[name], array, err_msg=name)


def test_states_that_grew_apart_are_joined() -> None:
    """A row in which every minute was a new extreme needs more room than its neighbours."""
    engine = new()
    engine.apply([watch({"move": "(close moves by 50% within 2h)@1m"})])
    climb = [(0, DAY_5 + n * 60 * SECOND, 100.0 + n) for n in range(60)]
    still = [(row, DAY_5 + n * 60 * SECOND + 1, 100.0) for n in range(60) for row in (1, 2)]
    engine.apply_trades(trades(sorted(climb + still, key=lambda one: one[1])))
    series = engine.series
    whole = series.checkpoint(3)
    (name,) = (name for name, array in whole.items() if name.startswith("program.") and array.shape[1:] > (100,))
    parts = [series.split(whole, np.array(rows), 3) for rows in ([0, 2], [1])]
    parts[1] = dict(parts[1]) | {name: moves.settled(parts[1][name])}
    assert parts[1][name].shape[1] < parts[0][name].shape[1]
    back = series.merge(parts, np.array([0, 2, 1]), [2, 1])
    for other, array in whole.items():
        np.testing.assert_array_equal(back[other], array, err_msg=other)


def test_a_field_is_what_it_was_after_the_last_tick_before_the_bars_end() -> None:
    at = int(OPENS[0])
    spots = [(0, at + 10 * SECOND, 50.0), (0, at + 290 * SECOND, 52.0), (0, at + 301 * SECOND, 60.0),
             (0, at + 299_500 * SECOND // 1_000, 70.0), (0, at + 302 * SECOND, 61.0),
             (0, at + 640 * SECOND, 63.0)]  # fmt: skip
    texts = {"close": "close", "last": "day.volume", "change": "change_pct", "high": "day.high", "pe": "fund.pe"}
    facts = {"type": "fundamentals", "items": [
        {"instrument_id": IDS[0], "published_at": at - DAY, "values": {"fund.eps": 2.0}},
    ]}  # fmt: skip
    for cuts in ([], [3], [1, 2, 3, 4, 5]):
        engine = new()
        engine.apply([watch(texts, timeframe="5m"), frame(FrameKind.REFERENCE, payload=facts, at=at - DAY)])
        for low, high in zip([0, *cuts], [*cuts, 5], strict=True):
            engine.apply_trades(trades(spots[low:high]))
        found = {name: engine.series.values("w", name)[0] for name in texts}
        # The tick of 70 came late: it is in the bar, and in no field before its arrival.
        assert found == {"close": 70.0, "last": 2.0, "change": 4.0, "high": 52.0, "pe": 26.0}
        engine.apply_trades(trades(spots[5:]))
        assert engine.series.values("w", "high")[0] == 70.0
        assert engine.series.values("w", "last")[0] == 5.0
        assert engine.tentative().values(engine.series.result("w", "last"), np.arange(3))[0] == 6.0
        engine.finish()
        assert engine.series.values("w", "last")[0] == 6.0


def test_fields_within_a_minute_are_refused() -> None:
    engine = new()
    engine.apply([watch({"a": "fund.pe@10s"})])
    assert "minutes" in engine.series.rejected["w"]


def test_instruments_may_come_while_a_watch_runs() -> None:
    engine = new()
    engine.apply([watch({"mean": "sma(close, 2)@5m", "ten": "close@10s", "high": "day.high@5m"}, timeframe="5m")])
    engine.apply_trades(trades(live_ticks(0, DAY_5, 8)))
    more = [Instrument(f"NSE:N{n}") for n in range(100)]
    engine.define(more)
    engine = Engine.restore(engine.checkpoint(), EngineConfig(), table)
    late = trades(live_ticks(0, DAY_5, 12))
    late["instrument_id"][:] = int(more[-1].instrument_id)
    engine.apply_trades(late)
    engine.apply_trades(trades(live_ticks(0, DAY_5 + 8 * MINUTE, 4, 108.0)))
    for name, value in {"mean": (104 + 109) / 2, "high": 109.0}.items():
        found = engine.series.values("w", name)
        assert found[0] == found[102] == value
        assert np.isnan(found[1:102]).all()


def test_a_recorded_day_has_the_bars_of_pandas(shared_data: Path) -> None:
    import pandas as pd

    frame_ = pd.read_csv(shared_data / "intraday" / "nse_ticks" / "2021-04-28" / "RELIANCE.csv.gz")
    times = pd.to_datetime(frame_["timestamp"]).dt.tz_localize("Asia/Kolkata").dt.tz_convert("UTC").dt.tz_localize(None)
    stamp = times.astype("datetime64[ns]").astype(np.int64).to_numpy()
    one = Instrument("NSE:RELIANCE", calendar="XNSE")
    columns = {
        "instrument_id": np.full(len(stamp), int(one.instrument_id)),
        "event_time": stamp,
        "ingest_time": np.maximum.accumulate(stamp),
        "price": frame_["ltp"].to_numpy(float),
        "volume": frame_["volume"].to_numpy(float),
    }
    engine = Engine(EngineConfig(), CalendarCatalogue().sessions)
    engine.define([one])
    engine.apply([watch({"a": "close@5m", "b": "close@1h", "c": "close@15s", "d": "close@60s"})])
    outputs, found = [], []
    cuts = np.sort(np.random.default_rng(5).integers(0, len(stamp), 40))
    for low, high in zip([0, *cuts], [*cuts, len(stamp)], strict=True):
        outputs.append(engine.apply_trades({name: column[low:high] for name, column in columns.items()}))
        found.append(engine.series.take_bars())
    outputs.append(engine.finish())
    found.append(engine.series.take_bars())
    minutes = pd.concat([pd.DataFrame(out.bars_1m) for out in outputs], ignore_index=True)
    opened = minutes["start"].iloc[0]
    for text, length in (("5m", 5), ("1h", 60)):
        wanted = minutes.groupby((minutes["start"] - opened) // (length * MINUTE)).agg(
            start=("start", "first"), open=("open", "first"), high=("high", "max"), low=("low", "min"),
            close=("close", "last"), volume=("volume", "sum"), trades=("trades", "sum"),
        )  # fmt: skip
        bars = Bars.joined([part[Timeframe.parse(text)] for part in found if Timeframe.parse(text) in part])
        np.testing.assert_array_equal(bars.values[:, :5], wanted[["open", "high", "low", "close", "volume"]])
        np.testing.assert_array_equal(bars.trades, wanted["trades"])
        np.testing.assert_array_equal(bars.start, wanted["start"])
    # Bars of 15 s are their minutes when four of them are put together, late ticks included.
    quarter = Bars.joined([part[Timeframe.parse("15s")] for part in found if Timeframe.parse("15s") in part])
    together = pd.DataFrame({
        "start": quarter.start, "high": quarter.values[:, 1], "low": quarter.values[:, 2],
        "open": quarter.values[:, 0], "close": quarter.values[:, 3], "volume": quarter.values[:, 4],
        "trades": quarter.trades,
    }).groupby((quarter.start - opened) // MINUTE).agg(
        open=("open", "first"), high=("high", "max"), low=("low", "min"), close=("close", "last"),
        volume=("volume", "sum"), trades=("trades", "sum"),
    )  # fmt: skip
    names = ["open", "high", "low", "close", "volume", "trades"]
    np.testing.assert_array_equal(together[names], minutes[names])
    assert len(quarter) > 1_000
