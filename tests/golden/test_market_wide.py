"""Market-wide numbers on recorded days, against pandas and against what others published."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.aggregates import Aggregates, Groups
from marketbell.core.engine.cross_section import PctOf, rank
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.lists import READ, Universe, market_lists
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, MINUTE, SessionTable

SMA = 200


@pytest.fixture(scope="module")
def full_market(shared_data: Path) -> Any:
    import pandas as pd

    frame = pd.read_parquet(shared_data / "daily_ohlcv" / "nse_full_market_days_202608.parquet")
    lists = pd.read_csv(shared_data / "fundamentals" / "nse_nifty500_list_2026.csv")
    industry = dict(zip(lists["Symbol"], lists["Industry"], strict=True))
    return frame.assign(
        key="NSE:" + frame["symbol"].astype(str),
        industry=frame["symbol"].map(industry).fillna(""),
        change_pct=(frame["close"] - frame["prev_close"]) / frame["prev_close"] * 100.0,
    )


def two_sessions(dates: "np.ndarray[Any, np.dtype[np.int64]]") -> SessionTable:
    opens = dates * DAY + 225 * MINUTE
    return SessionTable("XNSE", "Asia/Kolkata", opens, opens + 375 * MINUTE, dates, np.zeros(len(dates), np.uint8))


def test_gainers_and_losers_of_the_whole_market(full_market: Any) -> None:
    """5,256 rows as source bars through the engine; the order of pandas is by change, then key."""
    days = full_market["date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    sessions = two_sessions(np.unique(days))
    for day, date in zip(np.unique(days).tolist(), sorted(full_market["date"].unique()), strict=True):
        rows = full_market[full_market["date"] == date]
        instruments = [Instrument(key) for key in rows["key"]]
        engine = Engine(EngineConfig(), lambda _: sessions)
        engine.define(instruments)
        start = int(sessions.open[np.searchsorted(sessions.date, day)])
        bars: Columns = {
            "instrument_id": np.array([int(one.instrument_id) for one in instruments], np.int64),
            "timeframe_s": np.full(len(rows), 86_400, np.int32),
            "start": np.full(len(rows), start, np.int64),
            **{name: rows[name].to_numpy(np.float64) for name in ("open", "high", "low", "close", "volume")},
            "prev_close": rows["prev_close"].to_numpy(np.float64),
        }
        engine.apply([Frame(FrameKind.BAR, 0, 1, 0, 0, start, start, len(rows), bars, b'{"role": "source"}')])
        found = engine.lists(100)
        for name, ascending, sign in (("top_gainers", False, 1), ("top_losers", True, -1)):
            chosen = rows[rows["change_pct"] * sign > 0]
            ordered = chosen.sort_values(["change_pct", "key"], ascending=[ascending, True], kind="stable")
            assert found["lists"][name] == ordered["key"].head(100).tolist()
        counts = np.sign(rows["change_pct"]).value_counts()
        assert found["breadth"] == {
            "advances": counts[1.0],
            "declines": counts[-1.0],
            "unchanged": counts[0.0],
            "unknown": 0,
        }


def test_most_active_and_sectors_of_a_day(full_market: Any) -> None:
    """Industries of the NIFTY 500 list: turnover, heads and the mean change against a pandas groupby."""
    rows = full_market[full_market["date"] == full_market["date"].max()]
    instruments = [
        Instrument(key, sector=industry, indices=("NIFTY500",) if industry else ())
        for key, industry in zip(rows["key"], rows["industry"], strict=True)
    ]
    columns = {name: np.full(len(rows), np.nan) for name in READ}
    columns["close"] = rows["close"].to_numpy()
    columns["change_pct"] = rows["change_pct"].to_numpy()
    columns["turnover"] = rows["turnover_lacs"].to_numpy() * 1e5
    found = market_lists(Universe.of(instruments), columns, 50, {})
    busiest = rows.sort_values(["turnover_lacs", "key"], ascending=[False, True]).head(50)
    assert found["lists"]["most_active"] == busiest["key"].tolist()
    members = rows[rows["industry"] != ""]
    assert len(members) > 450
    grouped = members.groupby("industry")
    assert [one["sector"] for one in found["sectors"]] == sorted(grouped.groups)
    for one in found["sectors"]:
        group = grouped.get_group(one["sector"])
        assert one["change_pct"] == one["equal_weighted_pct"] == pytest.approx(group["change_pct"].mean(), rel=1e-12)
        assert not one["is_weighted"]
        assert one["turnover"] == pytest.approx(group["turnover_lacs"].sum() * 1e5, rel=1e-12)
        assert one["advances"] == (group["change_pct"] > 0).sum()
        assert one["declines"] == (group["change_pct"] < 0).sum()
        assert one["count"] == len(group)
    (index,) = found["index_members"]
    assert (index["index"], index["count"]) == ("NIFTY500", len(members))
    assert index["equal_weighted_pct"] == pytest.approx(members["change_pct"].mean(), rel=1e-12)


def test_sectors_by_market_value(shared_data: Path) -> None:
    """The last day of 280 American stocks, weighted with the market values of another file."""
    import pandas as pd

    daily = pd.read_parquet(shared_data / "daily_ohlcv" / "us_sp500_daily_2013_2018.parquet")
    closes = daily.pivot_table(index="date", columns="symbol", values="close").iloc[-2:]
    facts = pd.read_csv(shared_data / "fundamentals" / "us_sp500_financials.csv").set_index("Symbol")
    symbols = [symbol for symbol in closes.columns if symbol in facts.index]
    table = pd.DataFrame(
        {
            "change": (closes.iloc[1] / closes.iloc[0] - 1).loc[symbols] * 100,
            "cap": facts.loc[symbols, "Market Cap"],
            "sector": facts.loc[symbols, "Sector"],
        }
    )
    columns = {
        "change_pct": table["change"].to_numpy(),
        "fund.market_cap": table["cap"].to_numpy(np.float64),
        "turnover": np.full(len(table), np.nan),
    }
    instruments = [
        Instrument(f"US:{symbol}", sector=sector) for symbol, sector in zip(symbols, table["sector"], strict=True)
    ]
    sectors = Aggregates.whole(Groups.of(instruments), columns).sectors()
    assert len(symbols) > 100
    assert sum(one.is_weighted for one in sectors) >= 8
    for one in sectors:
        group = table[table["sector"] == one.name].dropna(subset=["change"])
        weighed = group.dropna(subset=["cap"])
        if len(weighed):
            by_cap = (weighed["change"] * weighed["cap"]).sum() / weighed["cap"].sum()
            assert one.cap_weighted_pct == pytest.approx(by_cap, rel=1e-12)
        assert one.equal_weighted_pct == pytest.approx(group["change"].mean(), rel=1e-12)
        assert one.change_pct == (one.cap_weighted_pct if len(weighed) == len(group) else one.equal_weighted_pct)


def test_share_above_the_200_day_average(shared_data: Path) -> None:
    """`pct_of(U, close > sma(close, 200))` day by day.

    The published file counts stocks of a universe that it does not name (up to 620 of them); ours are 161. So
    counts cannot be equal; what can be compared is how the share moves, and that its sectors add up.
    """
    import pandas as pd

    published = pd.read_csv(
        shared_data / "indicators" / "nse_published_breadth_above_200sma.csv", parse_dates=["Date"]
    ).set_index("Date")
    total = published["Total_Above_200_SMA"]
    assert (published.drop(columns=["Total_Above_200_SMA", "Index_Close"]).sum(axis=1) == total).all()
    daily = pd.read_parquet(shared_data / "daily_ohlcv" / "nse_daily_2015_2019.parquet")
    closes = daily[daily["close"] > 0].pivot_table(index="date", columns="symbol", values="close")
    averages = closes.rolling(SMA).mean()
    condition = (closes > averages).where(closes.notna() & averages.notna()).astype(np.float64)
    share = PctOf(closes.shape[1])
    share.set_members(np.ones(closes.shape[1], np.bool_))
    before = np.full(closes.shape[1], np.nan)
    ours = []
    for values in condition.to_numpy():
        rows = np.flatnonzero(~((values == before) | (np.isnan(values) & np.isnan(before))))
        share.update(rows, values[rows])
        before = values
        ours.append(share.value)
    found = pd.Series(ours, closes.index)
    pd.testing.assert_series_equal(found, condition.mean(axis=1) * 100, rtol=1e-12, check_names=False)
    both = pd.DataFrame({"ours": found, "published": total}).dropna()
    assert len(both) > 850
    assert both["ours"].corr(both["published"]) > 0.99
    recent = both.rolling(20).mean().dropna()
    assert recent["ours"].corr(recent["published"]) > 0.99


def test_ranks_of_the_whole_market(full_market: Any) -> None:
    for _, rows in full_market.groupby("date"):
        change = rows["change_pct"].round(1)
        found = rank(change.to_numpy(), np.ones(len(rows), np.bool_))
        assert found.tolist() == change.rank(method="min", ascending=False).tolist()
