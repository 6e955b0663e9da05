"""Instruments, bars, snapshots, quality counts and fundamentals: one contract over every store."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketbell.adapters.stores.memory import MemoryStores
from marketbell.adapters.stores.postgres import PostgresStores
from marketbell.core.columns.frame import Columns
from marketbell.core.market.instrument import Instrument
from marketbell.ports.stores import Fact, Stores

MINUTE = 60 * 10**9
DAY = 86_400 * 10**9
APRIL_28 = 1_619_581_500 * 10**9  # 2021-04-28 09:15 IST

RELIANCE = Instrument(
    "NSE:RELIANCE",
    "Reliance Industries",
    sector="Energy",
    isin="INE002A01018",
    indices=("NIFTY 50", "NIFTY ENERGY"),
    shares_outstanding=6.7e9,
    source="replay",
)
TCS = Instrument("NSE:TCS", "Tata Consultancy Services", tick_size=0.1)
TATAMOTORS = Instrument("NSE:TATAMOTORS", "Tata Motors", is_simulated=True)
M_AND_M = Instrument("NSE:M&M", "Mahindra & Mahindra")


def bars(instrument_id: int, starts: list[int], close: float = 100.0, **more: Any) -> Columns:
    count = len(starts)
    columns = {
        "instrument_id": np.full(count, instrument_id, dtype=np.int64),
        "start": np.array(starts, dtype=np.int64),
        **{name: np.full(count, close) for name in ("open", "high", "low", "close", "vwap")},
        "volume": np.arange(count, dtype=np.float64),
        "trades": np.arange(count, dtype=np.int64),
    }
    return columns | more


def same(left: Columns, right: Columns) -> bool:
    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype
        and np.array_equal(left[name], right[name], equal_nan=left[name].dtype.kind == "f")
        for name in left
    )


def test_an_instrument_comes_back_as_it_was_put(stores: Stores) -> None:
    stores.instruments.put([RELIANCE, TCS])
    assert stores.instruments.get("NSE:RELIANCE") == RELIANCE
    assert stores.instruments.get("NSE:NONE") is None
    assert stores.instruments.all() == [RELIANCE, TCS]


def test_putting_an_instrument_twice_updates_it(stores: Stores) -> None:
    stores.instruments.put([RELIANCE])
    changed = replace(RELIANCE, name="Reliance", indices=())
    stores.instruments.put([changed])
    stores.instruments.put([])
    assert stores.instruments.all() == [changed]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tcs", ["NSE:TCS"]),
        ("RELI", ["NSE:RELIANCE"]),
        ("tata", ["NSE:TATAMOTORS", "NSE:TCS"]),
        ("motors", ["NSE:TATAMOTORS"]),
        ("nse:t", ["NSE:TATAMOTORS", "NSE:TCS"]),
        ("m&m", ["NSE:M&M"]),
        ("mahindra & m", ["NSE:M&M"]),
        ("%", []),
        ("_", []),
        ("\\", []),
        ("'; DROP TABLE market.instruments; --", []),
        ("ata", []),
    ],
)
def test_search_takes_symbols_first_then_words_of_names(stores: Stores, text: str, found: list[str]) -> None:
    stores.instruments.put([RELIANCE, TCS, TATAMOTORS, M_AND_M])
    assert [item.key for item in stores.instruments.search(text)] == found


def test_search_is_bounded_and_empty_text_is_everything(stores: Stores) -> None:
    stores.instruments.put([RELIANCE, TCS, TATAMOTORS, M_AND_M])
    assert len(stores.instruments.search("", limit=3)) == 3
    assert len(stores.instruments.search("  ")) == 4


def test_bars_come_back_oldest_first_with_their_types(stores: Stores) -> None:
    put = bars(7, [APRIL_28 + i * MINUTE for i in (2, 0, 1)])
    stores.bars.put("1m", put)
    stores.bars.put("1m", bars(8, [APRIL_28]))
    read = stores.bars.last(7, "1m", 10)
    assert {name: column.dtype.str for name, column in read.items()} == {
        "instrument_id": "<i8",
        "start": "<i8",
        **dict.fromkeys(("open", "high", "low", "close", "volume"), "<f8"),
        "trades": "<i8",
        "vwap": "<f8",
    }
    assert read["start"].tolist() == [APRIL_28 + i * MINUTE for i in range(3)]
    assert read["volume"].tolist() == [1.0, 2.0, 0.0]
    assert read["trades"].tolist() == [1, 2, 0]


def test_the_later_of_two_equal_bars_stays(stores: Stores) -> None:
    stores.bars.put("1m", bars(7, [APRIL_28, APRIL_28 + MINUTE], close=1.0))
    stores.bars.put("1m", bars(7, [APRIL_28], close=2.0))
    assert stores.bars.last(7, "1m", 5)["close"].tolist() == [2.0, 1.0]
    both = bars(7, [APRIL_28, APRIL_28], close=0.0)
    both["close"] = np.array([3.0, 4.0])
    stores.bars.put("1m", both)
    assert stores.bars.last(7, "1m", 5)["close"].tolist() == [4.0, 1.0]


def test_last_and_between_take_their_edges(stores: Stores) -> None:
    starts = [APRIL_28 + i * MINUTE for i in range(10)]
    stores.bars.put("1m", bars(7, starts))
    assert stores.bars.last(7, "1m", 3)["start"].tolist() == starts[-3:]
    assert stores.bars.last(7, "1m", 3, before=starts[5])["start"].tolist() == starts[2:5]
    assert stores.bars.last(7, "1m", 0)["start"].tolist() == []
    assert stores.bars.between(7, "1m", starts[2], starts[5])["start"].tolist() == starts[2:5]
    assert stores.bars.between(7, "1m", starts[5], starts[5])["start"].tolist() == []
    assert stores.bars.last(99, "1m", 3)["close"].dtype == np.float64


def test_bars_across_instruments_come_in_the_order_of_time(stores: Stores) -> None:
    starts = [APRIL_28 + i * MINUTE for i in range(4)]
    for ident in (9, 7, 8):
        stores.bars.put("1d", bars(ident, starts))
    found = stores.bars.across([9, 7], "1d", starts[1], starts[3])
    assert list(zip(found["start"].tolist(), found["instrument_id"].tolist(), strict=True)) == [
        (starts[1], 7), (starts[1], 9), (starts[2], 7), (starts[2], 9),
    ]  # fmt: skip
    assert same(found, stores.bars.across([7, 9, 9], "1d", starts[1], starts[3]))
    assert len(stores.bars.across([], "1d", 0, starts[3])["start"]) == 0


def test_timeframes_do_not_mix_and_history_of_any_year_is_taken(stores: Stores) -> None:
    days = [-400 * DAY, 0, 20_000 * DAY, 40_000 * DAY]
    stores.bars.put("1d", bars(7, days))
    stores.bars.put("1m", bars(7, [APRIL_28, APRIL_28 + 40 * DAY]))
    assert stores.bars.last(7, "1d", 10)["start"].tolist() == days
    assert stores.bars.last(7, "1m", 10)["start"].tolist() == [APRIL_28, APRIL_28 + 40 * DAY]


def test_what_history_lacks_is_unknown(stores: Stores) -> None:
    put = bars(7, [APRIL_28])
    del put["vwap"], put["trades"]
    put["open"] = np.array([math.nan])
    stores.bars.put("1d", put)
    read = stores.bars.last(7, "1d", 1)
    assert math.isnan(read["open"][0])
    assert math.isnan(read["vwap"][0])
    assert read["trades"].tolist() == [0]
    stores.bars.put("1d", bars(7, [APRIL_28], trades=np.array([math.nan])))
    assert stores.bars.last(7, "1d", 1)["trades"].tolist() == [0]


def test_wrong_bars_are_a_programmers_mistake(stores: Stores) -> None:
    with pytest.raises(ValueError, match="not for 5m"):
        stores.bars.put("5m", bars(7, [APRIL_28]))
    with pytest.raises(ValueError, match="lack the columns"):
        stores.bars.put("1m", {"start": np.array([1])})
    stores.bars.put("1m", bars(7, []))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.lists(
            st.tuples(st.integers(1, 3), st.integers(-50, 50), st.floats(allow_infinity=True, allow_nan=True)),
            max_size=12,
        ),
        max_size=4,
    )
)
def test_both_stores_keep_the_same_bars(
    postgres_stores: PostgresStores, batches: list[list[tuple[int, int, float]]]
) -> None:
    memory = MemoryStores()
    with postgres_stores.database.transaction() as connection:
        connection.execute("TRUNCATE market.bars_1m")
    for batch in batches:
        ids, minutes, closes = (list(column) for column in zip(*batch, strict=True)) if batch else ([], [], [])
        put = bars(0, [APRIL_28 + minute * MINUTE for minute in minutes])
        put |= {"instrument_id": np.array(ids, dtype=np.int64), "close": np.array(closes, dtype=np.float64)}
        memory.bars.put("1m", put)
        postgres_stores.bars.put("1m", put)
    for key in (1, 2, 3):
        assert same(memory.bars.last(key, "1m", 100), postgres_stores.bars.last(key, "1m", 100))
        edges = (APRIL_28 - 10 * MINUTE, APRIL_28 + 10 * MINUTE)
        assert same(memory.bars.between(key, "1m", *edges), postgres_stores.bars.between(key, "1m", *edges))


def test_the_newest_row_of_each_instrument_is_the_latest_snapshot(stores: Stores) -> None:
    stores.snapshots.put("2021-04-28", {7: {"close": 1.5, "vwap": math.nan}, 8: {"close": 9}}, as_of=100)
    stores.snapshots.put("2021-04-29", {7: {"close": 2.5}}, as_of=200)
    assert stores.snapshots.latest() == {7: {"close": 2.5}, 8: {"close": 9}}
    stores.snapshots.put("2021-04-28", {8: {"close": 8}}, as_of=50)
    assert stores.snapshots.latest()[8] == {"close": 9}
    stores.snapshots.put("2021-04-28", {8: {"close": 10, "vwap": math.nan}}, as_of=150)
    assert stores.snapshots.latest()[8] == {"close": 10, "vwap": None}
    stores.snapshots.put("2021-04-28", {}, as_of=1)


def test_quality_totals_are_set_not_added(stores: Stores) -> None:
    assert stores.quality.get("2021-04-28") == {}
    stores.quality.put("2021-04-28", {7: {"late": 2, "duplicate": 1}, 8: {}})
    stores.quality.put("2021-04-28", {7: {"late": 5}})
    stores.quality.put("2021-04-29", {7: {"late": 1}})
    assert stores.quality.get("2021-04-28") == {7: {"late": 5, "duplicate": 1}}
    assert stores.quality.get("2021-04-29") == {7: {"late": 1}}


def test_a_fact_is_not_known_before_it_was_published(stores: Stores) -> None:
    first = Fact(7, "fund.pe", "2020-12-31", 20.0, published_at=100, source="results")
    second = Fact(7, "fund.pe", "2021-03-31", 22.0, published_at=200, source="results")
    restated = replace(first, value=21.0, published_at=300, version=2)
    again = replace(second, value=23.0, published_at=400, version=2)
    other = Fact(8, "fund.roe", "2020-12-31", 9.0, published_at=150, source="results")
    stores.fundamentals.put([first, second, restated, again, other])
    stores.fundamentals.put([first])
    assert stores.fundamentals.as_of(99) == {}
    assert stores.fundamentals.as_of(100) == {7: {"fund.pe": 20.0}}
    assert stores.fundamentals.as_of(200) == {7: {"fund.pe": 22.0}, 8: {"fund.roe": 9.0}}
    assert stores.fundamentals.as_of(300, [7]) == {7: {"fund.pe": 22.0}}
    assert stores.fundamentals.as_of(400, [7, 9]) == {7: {"fund.pe": 23.0}}
    assert stores.fundamentals.as_of(400, []) == {}
    # the whole past of several instruments, for who walks through it
    assert stores.fundamentals.published([7, 8], 200) == [first, other, second]
    everything = stores.fundamentals.published([7, 9], 400)
    assert {fact.instrument_id for fact in everything} == {7}
    assert [fact.published_at for fact in everything] == sorted(fact.published_at for fact in everything)
    assert len(everything) == 4
    assert stores.fundamentals.published([], 400) == []
    assert stores.fundamentals.history(7, "fund.pe") == [first, restated, second, again]
    assert stores.fundamentals.history(7, "fund.pb") == []


def test_a_value_that_is_not_known_is_kept_as_such(stores: Stores) -> None:
    stores.fundamentals.put([Fact(7, "fund.pe", "2020-12-31", math.nan, published_at=100, source="demo")])
    assert math.isnan(stores.fundamentals.as_of(100)[7]["fund.pe"])


def test_a_corrected_fact_takes_the_place_of_its_version(stores: Stores) -> None:
    fact = Fact(7, "fund.pe", "2020-12-31", 20.0, published_at=100, source="demo")
    stores.fundamentals.put([fact, replace(fact, value=30.0)])
    assert stores.fundamentals.history(7, "fund.pe") == [replace(fact, value=30.0)]
    stores.fundamentals.put([])
