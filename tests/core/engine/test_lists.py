"""Lists and aggregates: every order is total, and neither rows nor the way there make a difference."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from marketbell.core.engine.aggregates import FACTS, Aggregates, Groups
from marketbell.core.engine.lists import READ, Universe, market_lists
from marketbell.core.market.instrument import Instrument

Columns = dict[str, NDArray[np.float64]]
KINDS = ("equity", "equity", "equity", "index", "crypto", "option")


def market(seed: int, size: int) -> tuple[list[Instrument], Columns]:
    """A market with many ties, unknown values and every kind of instrument."""
    random = np.random.default_rng(seed)
    instruments = [
        Instrument(
            f"NSE:S{number:03d}",
            kind=KINDS[random.integers(len(KINDS))],
            sector=("", "IT", "Energy", "Metals")[random.integers(4)],
            indices=tuple(name for name in ("NIFTY50", "BANKS") if random.random() < 0.4),
        )
        for number in random.permutation(size)
    ]
    columns = {name: np.round(random.normal(1, 2, size), 1) for name in READ}
    for column in columns.values():
        column[random.random(size) < 0.15] = np.nan
    columns["fund.roe"] += 15
    columns["fund.market_cap"] = np.where(random.random(size) < 0.9, np.abs(columns["fund.market_cap"]) * 1e9, np.nan)
    return instruments, columns


def by_plain_sorting(instruments: list[Instrument], columns: Columns, limit: int) -> dict[str, list[str]]:
    """The definitions, one row after the other."""
    rows = [
        {"key": one.key, "kind": one.kind} | {name: float(columns[name][row]) for name in READ}
        for row, one in enumerate(instruments)
    ]
    listed: list[dict[str, Any]] = [row for row in rows if row["kind"] in {"equity", "crypto", "currency"}]

    def top(name: str, chosen: list[dict[str, Any]], sign: int) -> list[str]:
        known = [row for row in chosen if math.isfinite(row[name])]
        return [row["key"] for row in sorted(known, key=lambda row: (sign * row[name], row["key"]))[:limit]]

    def reach(row: dict[str, Any], name: str, best: Any) -> float:
        both = [value for value in (row[name], row["close"]) if not math.isnan(value)]
        return float(best(both)) if both else math.nan

    return {
        "top_gainers": top("change_pct", [row for row in listed if row["change_pct"] > 0], -1),
        "top_losers": top("change_pct", [row for row in listed if row["change_pct"] < 0], 1),
        "high_52w": top("change_pct", [row for row in listed if reach(row, "day.high", max) >= row["high_52w"]], -1),
        "low_52w": top("change_pct", [row for row in listed if reach(row, "day.low", min) <= row["low_52w"]], 1),
        "most_active": top("turnover", [row for row in listed if row["turnover"] > 0], -1),
        "unusual_volume": top("volume_spike", [row for row in listed if row["volume_spike"] >= 2], -1),
        "volatile": top("volatility", listed, -1),
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.sampled_from([1, 3, 100]))
def test_lists_are_what_plain_sorting_gives(seed: int, size: int, limit: int) -> None:
    instruments, columns = market(seed, size)
    found = market_lists(Universe.of(instruments), columns, limit, {})
    lists = dict(found["lists"])
    cheap = lists.pop("undervalued")
    assert lists == by_plain_sorting(instruments, columns, limit)
    assert len(cheap) <= limit
    assert found["indices"] == sorted(one.key for one in instruments if one.kind == "index")
    listed = np.array([one.kind in {"equity", "crypto", "currency"} for one in instruments], np.bool_)
    change = columns["change_pct"][listed]
    assert found["breadth"] == {
        "advances": int((change > 0).sum()),
        "declines": int((change < 0).sum()),
        "unchanged": int((change == 0).sum()),
        "unknown": int(np.isnan(change).sum()),
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_the_order_of_rows_makes_no_difference(seed: int, size: int) -> None:
    """Processes with other shards have other rows: lists, sums and all."""
    instruments, columns = market(seed, size)
    found = market_lists(Universe.of(instruments), columns, 5, {"sector_pe": 2})
    other = np.random.default_rng(seed + 1).permutation(size)
    mixed = [instruments[row] for row in other.tolist()]
    again = market_lists(
        Universe.of(mixed), {name: column[other] for name, column in columns.items()}, 5, {"sector_pe": 2}
    )
    assert again == found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_aggregates_follow_changes_bit_for_bit(seed: int, size: int) -> None:
    instruments, columns = market(seed, size)
    random = np.random.default_rng(seed)
    groups = Groups.of(instruments)
    kept = Aggregates(groups)
    assert kept.breadth()["unknown"] == groups.sizes[0]
    now: Columns = {name: np.full(size, np.nan) for name in columns}
    universe = Universe.of(instruments)
    for _ in range(6):
        rows = np.sort(random.choice(size, random.integers(1, size + 1), replace=False))
        for name in READ:
            now[name][rows] = columns[name][rows] * random.choice([1.0, -1.0, 1e-7, 1e200])
        kept.update(rows, {name: now[name][rows] for name in FACTS})
        assert repr((kept.sectors(), kept.indices(), kept.breadth())) == repr(
            ((whole := Aggregates.whole(groups, now)).sectors(), whole.indices(), whole.breadth())
        )
        assert market_lists(universe, now, 3, {}, kept) == market_lists(universe, now, 3, {})


def test_a_sector_by_weight_and_by_heads() -> None:
    instruments = [Instrument(f"NSE:{name}", sector="IT", indices=("TECH",)) for name in "ABCD"]
    columns = {
        "change_pct": np.array([1.0, -2.0, 0.0, np.nan]),
        "fund.market_cap": np.array([300.0, 100.0, 100.0, np.nan]),
        "turnover": np.array([10.0, np.nan, 5.0, 1.0]),
    }
    whole = Aggregates.whole(Groups.of(instruments), columns)
    (sector,), (index,) = whole.sectors(), whole.indices()
    assert (sector.name, index.name, sector.count, sector.turnover) == ("IT", "TECH", 4, 16)
    assert (sector.advances, sector.declines, sector.unchanged, sector.unknown) == (1, 1, 1, 1)
    assert (sector.change_pct, sector.is_weighted) == (100 / 500, True)
    assert sector.equal_weighted_pct == -1 / 3
    assert (index.change_pct, index.cap_weighted_pct) == (sector.change_pct, sector.cap_weighted_pct)
    columns["fund.market_cap"][0] = np.nan
    (sector,) = Aggregates.whole(Groups.of(instruments), columns).sectors()
    assert (sector.change_pct, sector.is_weighted, sector.cap_weighted_pct) == (-1 / 3, False, -1)
    columns["change_pct"][:] = np.nan
    (sector,) = Aggregates.whole(Groups.of(instruments), columns).sectors()
    assert math.isnan(sector.change_pct)
    assert sector.unknown == 4


def test_an_index_without_ticks_moves_with_its_members() -> None:
    instruments = [Instrument("NSE:A", indices=("NIFTY50", "OTHER")), Instrument("NSE:NIFTY50", kind="index")]
    columns = {name: np.full(2, np.nan) for name in READ}
    columns["change_pct"][0], columns["fund.market_cap"][0] = 2.5, 1e9
    found = market_lists(Universe.of(instruments), columns, 10, {})["index_members"]
    assert [(one["index"], one["instrument"], one["change_pct"], one["count"]) for one in found] == [
        ("NIFTY50", "NSE:NIFTY50", 2.5, 1),
        ("OTHER", None, 2.5, 1),
    ]


def test_an_empty_market_has_lists_too() -> None:
    found = market_lists(Universe.of([]), {name: np.empty(0) for name in READ}, 10, {})
    assert set(map(len, found["lists"].values())) == {0}
    assert found["sectors"] == found["indices"] == found["index_members"] == []


@pytest.mark.parametrize("seed", [1, 2])
def test_undervalued_is_sorted_by_pe_then_key(seed: int) -> None:
    instruments, columns = market(seed, 300)
    columns["fund.pe"] = np.abs(np.round(columns["fund.pe"])) + 1
    columns["fund.pb"][:] = 1.0
    columns["fund.debt_to_equity"][:] = 0.5
    found = market_lists(Universe.of(instruments), columns, 20, {"sector_pe": 2, "min_roe": 1})["lists"]["undervalued"]
    value = {one.key: pe for one, pe in zip(instruments, columns["fund.pe"].tolist(), strict=True)}
    assert len(found) > 5
    assert found == sorted(found, key=lambda key: (value[key], key))
