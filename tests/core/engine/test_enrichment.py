"""Published facts in the engine: visible when the log's clock passes them, wherever the log is cut."""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.enrichment import NAMES, Enrichment
from marketbell.core.fundamentals.ratios import FORMULAS, MEDIAN_LEAST
from marketbell.core.language.fields import BY_NAME
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, MINUTE, SECOND, SessionTable
from marketbell.core.primitives.errors import CheckpointError

FIRST_DAY = 18_700
INSTRUMENTS = [Instrument("NSE:A"), Instrument("NSE:B", shares_outstanding=50.0)]
IDS = [int(one.instrument_id) for one in INSTRUMENTS]


def sessions(name: str) -> SessionTable:
    days = np.arange(FIRST_DAY, FIRST_DAY + 10, dtype=np.int64)
    opens = days * DAY + 4 * 3_600 * SECOND
    return SessionTable(name, "UTC", opens, opens + 59 * MINUTE, days, np.zeros(10, np.uint8))


OPEN = int(sessions("").open[0])


def new() -> Engine:
    engine = Engine(EngineConfig(), sessions)
    engine.define(INSTRUMENTS)
    return engine


def operator(engine: Engine) -> Enrichment:
    (found,) = [one for one in engine.operators if isinstance(one, Enrichment)]
    return found


def frame(kind: FrameKind, columns: Columns | None = None, payload: Any = None, at: int = OPEN) -> Frame:
    raw = json.dumps(payload).encode() if payload else b""
    return Frame(kind, 0, 7, 0, 0, at, at, len((columns or {}).get("instrument_id", ())), columns or {}, raw)


def facts(instrument: int, *entries: tuple[str, float | None, str, int]) -> Frame:
    listed = [
        {"name": name, "value": value, "period_end": period, "published_at": at, "version": 1, "source": "filings"}
        for name, value, period, at in entries
    ]
    items = [{"instrument_id": IDS[instrument], "facts": listed}]
    return frame(FrameKind.REFERENCE, payload={"type": "fundamentals", "items": items})


def tick(seconds: float, price: float, instrument: int = 0) -> Frame:
    at = OPEN + round(seconds * SECOND)
    columns: Columns = {
        "instrument_id": np.array([IDS[instrument]], np.int64),
        "event_time": np.array([at]),
        "ingest_time": np.array([at]),
        "price": np.array([price]),
        "volume": np.array([math.nan]),
    }
    return frame(FrameKind.TRADE, columns, at=at)


def beat(seconds: float) -> Frame:
    return frame(FrameKind.HEARTBEAT, at=OPEN + round(seconds * SECOND))


def at(engine: Engine, name: str, instrument: int = 0) -> float:
    return float(engine.columns()[name][instrument])


def test_a_future_fact_waits_for_the_clock() -> None:
    later = OPEN + 10 * SECOND
    engine = new()
    engine.apply([facts(0, ("fund.roe", 12.0, "2021-03-31", later)), tick(9, 100)])
    assert math.isnan(at(engine, "fund.roe"))
    engine.take_changed()
    engine.apply([beat(9.99)])
    assert engine.take_changed().tolist() == []
    engine.apply([beat(10)])
    assert at(engine, "fund.roe") == 12
    assert engine.take_changed().tolist() == [0]


def test_a_tick_moves_the_clock_of_its_own_instrument() -> None:
    later = OPEN + 10 * SECOND
    engine = new()
    both = [facts(row, ("fund.roe", 12.0 + row, "2021-03-31", later)) for row in range(2)]
    engine.apply([*both, tick(11, 100, 1)])
    np.testing.assert_array_equal(engine.columns()["fund.roe"], [math.nan, 13])
    engine.apply([tick(10, 100, 0)])
    np.testing.assert_array_equal(engine.columns()["fund.roe"], [12, 13])


def test_the_older_form_of_an_item_is_read() -> None:
    engine = new()
    item = {"instrument_id": IDS[0], "values": {"fund.pe": 8, "fund.pb": None, "other": 1}, "published_at": OPEN}
    strange = {"instrument_id": 5, "values": {"fund.pe": 8}, "published_at": OPEN}
    engine.apply([frame(FrameKind.REFERENCE, payload={"type": "fundamentals", "items": [item, strange]}), tick(1, 9)])
    assert at(engine, "fund.pe") == 8
    assert math.isnan(at(engine, "fund.pb"))


def test_ratios_move_with_the_price() -> None:
    engine = new()
    entries = (
        ("fund.eps", 5.0, "2021-03-31", OPEN),
        ("fund.pe", 99.0, "2021-03-31", OPEN),
        ("fund.book_value_per_share", 40.0, "2021-03-31", OPEN),
        ("fund.dividend_per_share", 2.0, "2021-03-31", OPEN),
        ("fund.shares_outstanding", 1000.0, "2021-03-31", OPEN),
        ("fund.sales", 50_000.0, "2021-03-31", OPEN),
    )
    engine.apply([facts(0, *entries), tick(1, 100)])
    row = {name: float(values[0]) for name, values in engine.columns().items() if name.startswith("fund.")}
    assert (row["fund.pe"], row["fund.pb"], row["fund.dividend_yield"]) == (20, 2.5, 2)
    assert (row["fund.market_cap"], row["fund.ps"], row["fund.earnings_yield"]) == (100_000, 2, 5)
    engine.apply([tick(2, 110)])
    assert (at(engine, "fund.pe"), at(engine, "fund.market_cap")) == (22, 110_000)


def test_a_published_ratio_stands_where_its_inputs_are_unknown() -> None:
    engine = new()
    published = [("fund.pe", 20.0), ("fund.pb", 3.0), ("fund.market_cap", 7.0), ("fund.dividend_yield", 1.5)]
    engine.apply([facts(0, *((name, value, "2021-03-31", OPEN) for name, value in published)), tick(1, 100)])
    for name, value in published:
        assert at(engine, name) == value
    engine.apply([facts(1, ("fund.pe", 20.0, "2021-03-31", OPEN)), tick(1, 3, 1)])
    assert at(engine, "fund.market_cap", 1) == 150, "the listing's shares"


@pytest.mark.parametrize("eps", [0.0, -2.0])
def test_a_loss_has_no_price_earnings_ratio(eps: float) -> None:
    engine = new()
    engine.apply([facts(0, ("fund.pe", 20.0, "2020-12-31", OPEN), ("fund.eps", eps, "2021-03-31", OPEN)), tick(1, 100)])
    assert math.isnan(at(engine, "fund.pe"))
    assert at(engine, "fund.earnings_yield") == eps


def test_earnings_are_those_of_the_last_four_published_quarters() -> None:
    ends = ("2020-03-31", "2020-06-30", "2020-09-30", "2020-12-31", "2021-03-31")
    engine = new()
    quarters = [("fund.eps_quarter", float(n + 1), end, OPEN + n * SECOND) for n, end in enumerate(ends)]
    engine.apply([facts(0, *quarters), tick(2, 100)])
    assert math.isnan(at(engine, "fund.eps")), "three quarters are not four"
    engine.apply([tick(3, 100)])
    assert (at(engine, "fund.eps"), at(engine, "fund.pe")) == (10, 10)
    engine.apply([tick(4, 140)])
    assert (at(engine, "fund.eps"), at(engine, "fund.pe")) == (14, 10)
    engine.apply([facts(0, ("fund.eps", 7.0, "2021-03-31", OPEN))])
    assert at(engine, "fund.pe") == 20, "a yearly figure of the same quarter is the company's own"


def test_growth_and_changes_follow_from_earlier_periods() -> None:
    engine = new()
    entries = [("fund.sales", 100.0 * 1.1**n, f"{2018 + n}-03-31", OPEN) for n in range(4)]
    entries += [("fund.eps", 2.0**n, f"{2016 + n}-03-31", OPEN) for n in range(6)]
    entries += [
        ("fund.promoter_holding", 50.0, "2020-12-31", OPEN),
        ("fund.promoter_holding", 51.5, "2021-03-31", OPEN),
    ]
    entries += [("fund.fii_holding", 10.0, "2021-03-31", OPEN)]
    engine.apply([facts(0, *entries), beat(0)])
    assert at(engine, "fund.sales_growth_3y") == pytest.approx(10)
    assert at(engine, "fund.cagr_5y") == pytest.approx(100)
    assert at(engine, "fund.promoter_holding_change") == 1.5
    assert math.isnan(at(engine, "fund.fii_holding_change"))
    found = operator(engine).offset("fund.promoter_holding", np.array([0, 1]), np.array([OPEN, OPEN]), 1)
    np.testing.assert_array_equal(found, [50, math.nan])


def daily(months: int, closes: Sequence[float]) -> Columns:
    start = np.datetime64("2021-03", "M") - months
    days = np.array([(start + n).astype("datetime64[D]").astype(np.int64) + 10 for n in range(months)])
    return {
        "instrument_id": np.full(months, IDS[0], np.int64),
        "timeframe_s": np.full(months, 86_400, np.int64),
        "start": days * DAY,
        **{name: np.array(closes, np.float64) for name in ("open", "high", "low", "close")},
        "volume": np.full(months, math.nan),
    }


def test_the_median_pe_uses_the_earnings_known_at_each_month() -> None:
    known = 40
    closes = [100.0 + n for n in range(known)]
    cut = int(daily(known, closes)["start"][20]) + 1
    engine = new()
    eps = [("fund.eps", 5.0, "2017-03-31", 1), ("fund.eps", 10.0, "2018-12-31", cut)]
    engine.apply([facts(0, *eps), frame(FrameKind.BAR, daily(known, closes)), beat(0)])
    wanted = [close / (5 if n <= 20 else 10) for n, close in enumerate(closes)]
    assert at(engine, "fund.pe_median_5y") == pytest.approx(np.median(wanted))
    few = new()
    few.apply([facts(0, *eps), frame(FrameKind.BAR, daily(MEDIAN_LEAST - 1, closes[: MEDIAN_LEAST - 1])), beat(0)])
    assert math.isnan(at(few, "fund.pe_median_5y"))
    few.apply([facts(0, ("fund.pe_median_5y", 17.0, "2021-01-01", OPEN))])
    assert at(few, "fund.pe_median_5y") == 17


def test_a_trace_sees_each_row_at_its_own_time() -> None:
    engine = new()
    engine.apply([facts(0, ("fund.eps", 5.0, "2020-12-31", 1), ("fund.eps", 10.0, "2021-03-31", OPEN + 2 * SECOND))])
    columns: Columns = {
        "instrument_id": np.full(4, IDS[0], np.int64),
        "event_time": OPEN + np.arange(4, dtype=np.int64) * SECOND,
        "ingest_time": OPEN + np.arange(4, dtype=np.int64) * SECOND,
        "price": np.full(4, 100.0),
        "volume": np.full(4, math.nan),
    }
    _, found = engine.trace(columns, FrameKind.TRADE)
    assert found["fund.pe"].tolist() == [20, 20, 10, 10]


def test_every_field_is_registered_and_every_formula_is_a_field() -> None:
    assert set(NAMES) == {name for name in BY_NAME if name.startswith("fund.")}
    assert FORMULAS.keys() <= BY_NAME.keys()
    assert {name for formula in FORMULAS.values() for name in formula.inputs} <= set(NAMES)
    needed = (
        *("promoter_holding", "pledged_pct", "fii_holding", "dii_holding", "public_holding", "roce"),
        *("debt_to_equity", "sales_growth_3y", "pe_median_5y", "cagr_5y", "market_cap", "pe"),
    )
    columns = new().columns()
    assert all(f"fund.{name}" in columns for name in needed)


# --- cuts, checkpoints, splits -----------------------------------------------------------------

EVENTS = st.lists(
    st.one_of(
        st.builds(
            lambda row, name, quarter, value, at, seconds: ("fact", seconds, row, name, quarter, value, at),
            st.integers(0, 1),
            st.sampled_from(("fund.eps", "fund.eps_quarter", "fund.promoter_holding", "fund.pe")),
            st.sampled_from(("2020-06-30", "2020-09-30", "2020-12-31", "2021-03-31")),
            st.sampled_from((-1.0, 2.0, 5.0, 8.0, None)),
            st.integers(-2, 40),
            st.integers(0, 3),
        ),
        st.builds(lambda row, price, seconds: ("tick", seconds, row, price), st.integers(0, 1), st.integers(1, 9),
                  st.integers(0, 3)),
        st.builds(lambda seconds: ("beat", seconds), st.integers(0, 3)),
    ),
    max_size=25,
)  # fmt: skip


def log_of(events: Sequence[tuple[Any, ...]]) -> list[Frame]:
    frames, clock = [], 0
    for event in events:
        clock += event[1]
        if event[0] == "fact":
            _, _, row, name, quarter, value, moment = event
            frames.append(facts(row, (name, value, quarter, OPEN + moment * SECOND)))
        elif event[0] == "tick":
            frames.append(tick(clock, float(event[3]), event[2]))
        else:
            frames.append(beat(clock))
    return frames


def same(one: Mapping[str, NDArray[Any]], other: Mapping[str, NDArray[Any]]) -> None:
    for name, column in one.items():
        if name.startswith("fund."):
            np.testing.assert_array_equal(other[name], column, err_msg=name)


@settings(max_examples=40, deadline=None)
@given(events=EVENTS, cuts=st.lists(st.integers(0, 25), max_size=4), kept=st.integers(0, 25))
def test_what_is_visible_depends_on_the_log_and_not_on_its_cuts(
    events: list[tuple[Any, ...]], cuts: list[int], kept: int
) -> None:
    frames = log_of(events)
    whole = new()
    whole.apply(frames)
    parts = new()
    edges = sorted({0, len(frames), *(min(cut, len(frames)) for cut in cuts)})
    for low, high in pairwise(edges):
        parts.apply(frames[low:high])
        parts.columns()
        if low <= kept < high:
            parts = Engine.restore(parts.checkpoint(), EngineConfig(), sessions)
    same(whole.columns(), parts.columns())
    own, theirs = operator(whole).checkpoint(2), operator(parts).checkpoint(2)
    for name, array in own.items():
        np.testing.assert_array_equal(theirs[name], array, err_msg=name)


@settings(max_examples=25, deadline=None)
@given(events=EVENTS)
def test_the_parts_of_a_split_know_what_the_whole_knows(events: list[tuple[Any, ...]]) -> None:
    whole = new()
    whole.apply(log_of(events))
    kept = operator(whole).checkpoint(2)
    tool = Enrichment()
    parts = [tool.split(kept, np.array([row]), 2) for row in (1, 0)]
    joined = tool.merge(parts, np.array([1, 0]), [1, 1])
    for name, array in kept.items():
        np.testing.assert_array_equal(joined[name], array, err_msg=name)


def test_a_checkpoint_without_facts_is_refused() -> None:
    arrays = {name: array for name, array in new().checkpoint().items() if not name.startswith("enrichment.")}
    with pytest.raises(CheckpointError, match="no published facts"):
        Engine.restore(arrays, EngineConfig(), sessions)
