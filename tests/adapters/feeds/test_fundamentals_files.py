"""Providers' files of published values: names, units, dates; beside prices and alone; against each other."""

import csv
import gzip
import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketbell.adapters.feeds.replay import ReplayFeed
from marketbell.adapters.feeds.replay.fundamentals import FactsFile, is_facts_file, number, read_facts
from marketbell.adapters.feeds.replay.fundamentals_dates import date_in_name, day_of, moment_of
from marketbell.adapters.feeds.replay.fundamentals_join import stated_date
from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.fundamentals.published import PublishedFact
from marketbell.core.market.session import SessionTable
from marketbell.core.primitives.errors import InvalidSourceError
from marketbell.flows.stream.evaluate import evaluate, read
from marketbell.wiring.calendars import calendars
from marketbell.wiring.replay import replay_to_files

Sessions = Callable[[str], SessionTable]


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    return calendars().sessions


def of(file: FactsFile, symbol: str) -> dict[str, PublishedFact]:
    return {fact.name.removeprefix("fund."): fact for fact in file.facts[symbol]}


def utc(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).isoformat()


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def values(
    sources: Sequence[str | Path], sessions: Sessions, *wanted: str, **options: Any
) -> dict[tuple[str, str], list[float]]:
    """By (instrument, field): the values in time order."""
    feed = ReplayFeed(sources, sessions, **options)
    expressions = read([(name, name) for name in wanted])
    table = evaluate(feed, lambda: Engine(EngineConfig(), sessions), sessions, expressions)
    found: dict[tuple[str, str], list[float]] = {}
    for key, name, value in zip(table["instrument"], table["name"], table["value"], strict=True):
        found.setdefault((key, name), []).append(float(value))
    return found


# --- one file ----------------------------------------------------------------------------------


def test_the_financials_of_the_sp500(shared_data: Path) -> None:
    path = shared_data / "fundamentals" / "us_sp500_financials.csv"
    file = read_facts(path, stated=date(2026, 8, 22))
    aos = of(file, "AOS")
    assert aos["pe"].value == 17.571032
    assert aos["dividend_yield"].value == pytest.approx(2.31), "the file has a fraction"
    assert aos["pb"].value == 4.6546636
    assert aos["shares_outstanding"].value == pytest.approx(8573113344 / 63.08)
    assert aos["shares_outstanding"].source.endswith("implied by the price in it")
    assert utc(aos["pe"].published_at) == "2026-08-23T03:59:59+00:00", "the end of the day in New York"
    assert not aos["pe"].is_estimated
    assert file.profiles["AOS"].sector == "Building Products"
    assert file.notes == []
    guessed = read_facts(path)
    assert all(fact.is_estimated for facts in guessed.facts.values() for fact in facts)
    assert "published_at_estimated" in guessed.notes[0]


def test_the_ratios_of_two_providers_side_by_side(shared_data: Path) -> None:
    file = read_facts(shared_data / "fundamentals" / "us_ratios_edgar_yahoo_202608.csv.gz")
    aaon = of(file, "AAON")
    assert (aaon["pe"].value, aaon["eps"].value, aaon["dividend_yield"].value) == (63.64, 1.49, 0.42)
    assert (aaon["roe"].value, aaon["cagr_5y"].value, aaon["sales_growth_3y"].value) == (13.5, 9.2, 18.5)
    assert aaon["eps"].period_end == "2026-03-31"
    assert utc(aaon["eps"].published_at) == "2026-08-09T03:59:59+00:00", "its series was 130 days old"
    assert len({fact.published_at for facts in file.facts.values() for fact in facts if not fact.is_estimated}) == 1
    assert "pe_ratio_provider and pe_ratio both are pe: the first counts" in file.notes


def test_the_ratios_of_the_nse(shared_data: Path) -> None:
    file = read_facts(shared_data / "fundamentals" / "nse_ratios_202607.csv")
    bpcl = of(file, "BPCL")
    assert (bpcl["pe"].value, bpcl["roce"].value, bpcl["debt_to_equity"].value) == (5.26, 32.1, 0.22)
    assert bpcl["sales_growth_3y"].value == pytest.approx(-1.288, abs=1e-3)
    assert bpcl["eps"].value == pytest.approx(317.6 / 5.26)
    assert utc(bpcl["pe"].published_at) == "2026-07-31T18:29:59+00:00", "a month is its last day, in India"
    assert bpcl["pe"].is_estimated


def test_quarterly_results_in_crore(shared_data: Path) -> None:
    file = read_facts(shared_data / "fundamentals" / "nse_quarterly_results.csv", stated=date(2026, 8, 1))
    one = of(file, "3MINDIA")
    assert (one["sales_quarter"].value, one["net_profit_quarter"].value) == (1_057e7, 146.1e7)
    assert (one["eps_quarter"].value, one["eps"].value, one["operating_margin"].value) == (129.7, 475.7, 18.48)
    assert of(file, "AIAENG")["net_profit"].value == pytest.approx(1_216.1e7)
    assert file.profiles["AIAENG"].industry == "OTHER INDUSTRIAL GOODS"


def test_quarterly_growth_says_when_it_was_made(shared_data: Path) -> None:
    file = read_facts(shared_data / "fundamentals" / "nse_quarter_growth_202608.csv")
    abb = of(file, "ABB")
    assert (abb["profit_growth_yoy"].value, abb["sales_growth_qoq"].value) == (237.55, -9.54)
    assert utc(abb["operating_margin"].published_at) == "2026-07-31T23:54:30+00:00"
    assert not any(fact.is_estimated for fact in file.facts["ABB"])


def test_promoter_holdings_are_public_three_weeks_after_the_quarter(shared_data: Path) -> None:
    file = read_facts(shared_data / "fundamentals" / "nse_promoter_holding_quarterly.csv")
    assert len(file.facts) == 16
    newest = max(file.facts["RELIANCE"], key=lambda fact: fact.period_end)
    assert (newest.value, newest.period_end, newest.is_estimated) == (50.48, "2026-06-30", True)
    assert utc(newest.published_at) == "2026-07-21T18:29:59+00:00"
    assert newest.source == "nse_promoter_holding_quarterly.csv (published_at_estimated)"


def test_lists_of_members_describe_instruments(shared_data: Path) -> None:
    nifty = read_facts(shared_data / "fundamentals" / "nse_nifty500_list_2026.csv")
    one = nifty.profiles["360ONE"]
    assert (one.name, one.sector, one.isin, one.indices) == (
        "360 ONE WAM Ltd.", "Financial Services", "INE466L01038", ("NIFTY500",),
    )  # fmt: skip
    assert nifty.facts == {}
    sp500 = read_facts(shared_data / "fundamentals" / "us_sp500_constituents.csv")
    assert sp500.profiles["MMM"].industry == "Industrial Conglomerates"
    assert sp500.profiles["MMM"].indices == ("SP500",)


def test_recorded_answers_of_providers(shared_data: Path) -> None:
    held = read_facts(shared_data / "providers" / "nse_samples" / "shareholding.json")
    one = of(held, "MARKSANS")
    assert (one["promoter_holding"].value, one["public_holding"].value) == (43.87, 56.13)
    assert one["promoter_holding"].period_end == "2025-12-31"
    assert utc(one["promoter_holding"].published_at) == "2026-01-13T10:11:40+00:00", "when it was broadcast"
    ibm = of(read_facts(shared_data / "providers" / "alpha_vantage" / "company_overview.json"), "IBM")
    assert (ibm["pe"].value, ibm["eps"].value, ibm["shares_outstanding"].value) == (14.1327, 8.811, 890579008)
    assert ibm["dividend_yield"].value == pytest.approx(5.29)
    assert ibm["roe"].value == pytest.approx(40.97)
    assert (ibm["pe"].period_end, ibm["pe"].is_estimated) == ("2020-06-30", True)


def test_recordings_of_prices_are_no_facts(shared_data: Path) -> None:
    for name in ("daily_ohlcv/nse_daily_2015_2019.parquet", "intraday/us_spy_minute_202012.csv.gz",
                 "fundamentals/nse_fno_lot_sizes_202608.csv", "fundamentals/nse_fii_dii_flows_202608.csv",
                 "providers/nse_samples/gainers.json"):  # fmt: skip
        assert not is_facts_file(shared_data / name), name


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    wide = read_facts(
        write(tmp_path / "own.csv", "symbol,published_at,period_end,fund.pe,roe,dividend_yield,version\n"
              "abc,2026-05-02T09:00:00+00:00,2026-03-31,12,15%,0.02,2\nxyz,2026-05-03,2026-03-31,None,,0.01,\n")
    )  # fmt: skip
    abc = of(wide, "ABC")
    assert (abc["pe"].value, abc["roe"].value, abc["dividend_yield"].value, abc["pe"].version) == (12, 15, 2, 2)
    assert utc(abc["pe"].published_at) == "2026-05-02T09:00:00+00:00"
    assert of(wide, "XYZ").keys() == {"dividend_yield"}
    assert "read as a fraction" in wide.notes[0]
    long = read_facts(
        write(
            tmp_path / "long.csv", "symbol,field,value,period_end,published_at\nABC,fund.eps,5,2026-03-31,2026-05-02\n"
        )
    )
    assert of(long, "ABC")["eps"].value == 5
    with pytest.raises(InvalidSourceError, match="no row has a symbol"):
        read_facts(write(tmp_path / "none.csv", "symbol,pe\nABC,\n"))
    with pytest.raises(InvalidSourceError, match="no rows"):
        read_facts(write(tmp_path / "empty.csv", "symbol,pe\n"))
    with pytest.raises(InvalidSourceError, match="cannot be read"):
        read_facts(write(tmp_path / "broken.json", "{"))


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    table = pa.table(
        {
            "symbol": ["ABC"],
            "published_at": pa.array([date(2026, 5, 2)]).cast(pa.timestamp("ns")),
            "period_end": [date(2026, 3, 31)],
            "roe": [15.5],
        }
    )
    pq.write_table(table, tmp_path / "own.parquet")
    assert is_facts_file(tmp_path / "own.parquet")
    roe = of(read_facts(tmp_path / "own.parquet"), "ABC")["roe"]
    assert (roe.value, roe.period_end) == (15.5, "2026-03-31")
    assert utc(roe.published_at) == "2026-05-02T23:59:59+00:00", "a day is its last second"


def test_numbers_and_dates_as_providers_write_them() -> None:
    assert [number(text) for text in ("1,057", "18.48%", " -3 ")] == [1057, 18.48, -3]
    assert math.isnan(number("None"))
    assert day_of("30-JUN-2026") == date(2026, 6, 30)
    assert day_of("soon") is None
    moment = moment_of("13-JAN-2026 15:41:40", "Asia/Kolkata")
    assert moment is not None
    assert utc(moment.ns) == "2026-01-13T10:11:40+00:00"
    names = {"a_202608.csv": (date(2026, 8, 31), True), "a_20260822.csv": (date(2026, 8, 22), False),
             "a-2026-08-22.csv": (date(2026, 8, 22), False), "list_2019.csv": (date(2019, 12, 31), True),
             "plain.csv": None}  # fmt: skip
    for name, wanted in names.items():
        assert date_in_name(Path(name)) == wanted, name
    assert stated_date("x.csv@2026-08-22") == ("x.csv", date(2026, 8, 22))
    assert stated_date("x.csv") == ("x.csv", None)
    with pytest.raises(InvalidSourceError, match="is no date"):
        stated_date("x.csv@2026-13-22")


# --- beside prices, and alone ------------------------------------------------------------------


def test_facts_beside_prices_are_seen_from_their_publication_on(tmp_path: Path, sessions: Sessions) -> None:
    prices = write(
        tmp_path / "nse_prices.csv",
        "date,symbol,open,high,low,close,volume\n"
        + "".join(f"2026-05-{day:02},ABC,{p},{p},{p},{p},10\n" for day, p in ((4, 100), (5, 110), (6, 121))),
    )
    own = write(
        tmp_path / "own.csv",
        "symbol,published_at,period_end,eps,shares_outstanding\n"
        "ABC,2026-05-03,2025-12-31,10,50\nABC,2026-05-05,2026-03-31,11,60\nOTHER,2026-05-03,2025-12-31,1,1\n",
    )
    found = values([prices, own], sessions, "fund.pe", "fund.market_cap")
    assert found["NSE:ABC", "fund.pe"] == [10, 11, 11], "known at the end of the 5th: in the bar of the 6th"
    assert found["NSE:ABC", "fund.market_cap"] == [5_000, 5_500, 7_260]
    feed = ReplayFeed([prices, own], sessions)
    assert [one.key for one in feed.instruments()] == ["NSE:ABC"]
    assert feed.facts is not None
    assert (feed.facts["facts"], feed.facts["without_price"]) == (4, 1)
    assert [batch.kind for batch in feed.reference()] == [FrameKind.REFERENCE]


def test_facts_alone_give_their_values_at_their_date(shared_data: Path, sessions: Sessions) -> None:
    path = shared_data / "fundamentals" / "us_sp500_financials.csv"
    found = values([f"{path}@2026-08-22"], sessions, "pe", "fund.market_cap")
    with path.open(encoding="utf-8") as stream:
        rows = {row["Symbol"]: row for row in csv.DictReader(stream)}
    assert found["US:AOS", "pe"] == [17.571032]
    for symbol, row in rows.items():
        wanted = float(row["Price/Earnings"]) if row["Price/Earnings"] else math.nan
        assert found["US:" + symbol, "pe"] == pytest.approx([wanted], nan_ok=True)
    feed = ReplayFeed([f"{path}@2026-08-22"], sessions)
    assert utc(feed.end_time or 0) == "2026-08-23T03:59:59+00:00"
    assert feed.card.supports == ("fundamentals",)


def test_published_ratios_follow_recorded_prices(shared_data: Path, sessions: Sessions) -> None:
    """Two days of August 2026 with the ratios of July: price over the EPS that the file implies."""
    prices = shared_data / "daily_ohlcv" / "nse_full_market_days_202608.parquet"
    ratios = shared_data / "fundamentals" / "nse_ratios_202607.csv"
    members = shared_data / "fundamentals" / "nse_nifty500_list_2026.csv"
    feed = ReplayFeed([prices, ratios, members], sessions)
    of_key = {one.key: one for one in feed.instruments()}
    assert (of_key["NSE:BPCL"].isin, of_key["NSE:BPCL"].indices) == ("INE029A01011", ("NIFTY500",))
    found = values([prices, ratios], sessions, "close", "fund.pe", "roce")
    eps = 317.6 / 5.26
    assert found["NSE:BPCL", "fund.pe"] == pytest.approx([close / eps for close in found["NSE:BPCL", "close"]])
    assert found["NSE:BPCL", "roce"] == [32.1, 32.1]
    known = sum(math.isfinite(series[-1]) for (_, name), series in found.items() if name == "fund.pe")
    assert known >= 85


def test_a_symbol_on_several_venues_is_not_guessed(tmp_path: Path, sessions: Sessions) -> None:
    for venue in ("NSE", "US"):
        write(tmp_path / f"{venue}.csv", f"timestamp,instrument,price,position\n2026-05-04T10:00:00Z,{venue}:ABC,5,1\n")
    own = write(tmp_path / "own.csv", "symbol,published_at,pe\nABC,2026-05-03,10\n")
    feed = ReplayFeed([tmp_path / "NSE.csv", tmp_path / "US.csv", own], sessions)
    assert feed.facts is not None
    assert feed.facts["facts"] == 0
    assert "several venues" in feed.facts["notes"][-1]


# --- golden: recomputed against published ------------------------------------------------------


def share_within(ours: Sequence[float], theirs: Sequence[float], tolerance: float) -> tuple[float, int]:
    a, b = np.array(ours), np.array(theirs)
    both = np.isfinite(a) & np.isfinite(b)
    return float((np.abs(a[both] / b[both] - 1) <= tolerance).mean()), int(both.sum())


def live_row(feed: ReplayFeed, sessions: Sessions, prices: dict[str, float]) -> dict[str, dict[str, float]]:
    """Every field of each instrument after one trade at these prices."""
    engine = Engine(EngineConfig(), sessions)
    engine.define(list(feed.instruments()))

    engine.apply([Frame(b.kind, 0, 0, 0, 0, 0, 0, 0, {}, json.dumps(b.payload).encode()) for b in feed.reference()])
    table = sessions("XNYS")
    opened = int(table.open[np.searchsorted(table.open, feed.end_time)]) + 10**9
    ids = [int(one.instrument_id) for one in feed.instruments() if one.symbol in prices]
    engine.apply_trades(
        {
            "instrument_id": np.array(ids, np.int64),
            "event_time": np.full(len(ids), opened),
            "ingest_time": np.full(len(ids), opened),
            "price": np.array([prices[one.symbol] for one in feed.instruments() if one.symbol in prices]),
        }
    )
    columns = engine.columns()
    return {
        one.symbol: {name: float(column[row]) for name, column in columns.items()}
        for row, one in enumerate(feed.instruments())
    }


def test_golden_live_ratios_are_the_published_ones(shared_data: Path, sessions: Sessions) -> None:
    """P/E and P/B from price, EPS and book value against the provider's own; market cap from the shares."""
    path = shared_data / "fundamentals" / "us_sp500_financials.csv"
    with path.open(encoding="utf-8") as stream:
        rows = {row["Symbol"]: row for row in csv.DictReader(stream)}
    prices = {symbol: number(row["Price"]) for symbol, row in rows.items() if number(row["Price"]) > 0}
    feed = ReplayFeed([f"{path}@2026-08-21"], sessions)
    live = live_row(feed, sessions, prices)
    names = [symbol for symbol in rows if symbol in live and symbol in prices]
    share, known = share_within(
        [live[name]["fund.pe"] for name in names], [number(rows[name]["Price/Earnings"]) for name in names], 1e-4
    )
    assert (share, known >= 230) == (1, True)
    for name in names:
        if number(rows[name]["Earnings/Share"]) <= 0:
            assert math.isnan(live[name]["fund.pe"])
    share, known = share_within(
        [live[name]["fund.market_cap"] for name in names], [number(rows[name]["Market Cap"]) for name in names], 1e-9
    )
    assert (share, known >= 230) == (1, True)


def test_golden_market_cap_from_counted_shares(shared_data: Path, sessions: Sessions) -> None:
    """The other provider counts the shares: price x shares against the market cap that it publishes."""
    path = shared_data / "fundamentals" / "us_ratios_edgar_yahoo_202608.csv.gz"
    file = read_facts(path)

    with gzip.open(path, "rt", encoding="utf-8") as stream:
        rows = {row["ticker"]: row for row in csv.DictReader(stream)}
    prices = {name: number(row["current_price"]) for name, row in rows.items() if number(row["current_price"]) > 0}
    live = live_row(ReplayFeed([path], sessions), sessions, prices)
    names = [name for name in rows if name in prices and name in file.facts]
    for field, column, tolerance, least in (
        ("fund.market_cap", "market_cap", 1e-4, 1),
        ("fund.pe", "pe_ratio", 0.01, 1),
        ("fund.dividend_yield", "dividend_yield", 0.01, 0.9),
        # The published P/B rests on the equity of another report for many: only the size can be compared.
        ("fund.pb", "price_to_book", 0.1, 0.9),
    ):
        share, known = share_within(
            [live[name][field] for name in names], [number(rows[name][column]) for name in names], tolerance
        )
        assert known >= 300, field
        assert share >= least, (field, share)


def test_a_replay_of_facts_alone_writes_them_into_the_snapshot(shared_data: Path, tmp_path: Path) -> None:
    source = f"{shared_data / 'fundamentals' / 'us_sp500_financials.csv'}@2026-08-22"
    summary = replay_to_files([source], tmp_path)
    assert (summary["instruments"], summary["fundamentals"]["published_at_estimated"]) == (277, 0)
    rows = {row["instrument"]: row for row in pq.read_table(tmp_path / "snapshot.parquet").to_pylist()}
    assert (rows["US:AOS"]["fund.pe"], rows["US:AOS"]["event_time"], rows["US:AOS"]["close"]) == (17.571032, None, None)
