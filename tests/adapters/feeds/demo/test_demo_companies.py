"""Names, identifiers, accounts and owners of the simulated companies."""

from collections import defaultdict
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from marketbell.adapters.feeds.demo.feed import DemoFeed
from marketbell.adapters.feeds.demo.names import SECTORS, security_code
from marketbell.adapters.feeds.demo.session import MINUTE, MINUTES
from marketbell.adapters.feeds.demo.universe import universe
from marketbell.core.fundamentals.valuation import Thresholds, undervalued_mask
from marketbell.core.language.fields import BY_NAME

DATE = date(2026, 11, 20)


@pytest.fixture(scope="module")
def feed() -> DemoFeed:
    return DemoFeed(DATE)


@pytest.fixture(scope="module")
def items(feed: DemoFeed) -> list[dict[str, object]]:
    payload = next(batch.payload for batch in feed.reference() if batch.payload.get("type") == "fundamentals")
    assert payload["type"] == "fundamentals"
    return list(payload["items"])


@pytest.fixture(scope="module")
def newest(items: list[dict[str, object]]) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = defaultdict(dict)
    for item in items:  # oldest publication first
        found[item["instrument_id"]].update(item["values"])
    return found


def test_everyone_is_labelled_simulated(feed: DemoFeed) -> None:
    instruments = feed.instruments()
    assert len(instruments) == 302
    assert all(i.is_simulated and i.venue == "SIM" and i.calendar == "SIM" and i.source == "demo" for i in instruments)
    assert len({i.key for i in instruments}) == len({i.instrument_id for i in instruments}) == 302
    assert len({i.name for i in instruments}) == 302
    assert {i.sector for i in instruments if i.kind == "equity"} == set(SECTORS)
    assert len(SECTORS) == 12
    assert [i.kind for i in instruments[-2:]] == ["index", "index"]
    assert all(i.shares_outstanding > 0 and i.tick_size == 0.05 for i in instruments[:-2])


def test_no_name_or_code_is_a_real_one(feed: DemoFeed, shared_data: Path) -> None:
    codes = [i.isin for i in feed.instruments()[:-2]]
    assert len(set(codes)) == 300
    assert all(code.startswith("ZZ") and len(code) == 12 for code in codes)
    real_symbols: set[str] = set()
    real_words: set[str] = set()
    for name in ("nse_nifty500_list_2026.csv", "nse_nifty500_list_2019.csv", "us_sp500_constituents.csv"):
        table = pd.read_csv(shared_data / "fundamentals" / name)
        lower = {column.lower(): column for column in table.columns}
        real_symbols |= set(table[lower["symbol"]].astype(str))
        company = next(
            column for key, column in lower.items() if key in {"company", "company name", "security", "name"}
        )
        real_words |= {word.lower() for text in table[company].astype(str) for word in text.split()}
    for instrument in feed.instruments():
        assert instrument.symbol not in real_symbols
    for instrument in feed.instruments()[:-2]:
        assert instrument.name.split()[0].lower() not in real_words


def test_check_digits_are_right() -> None:
    # The same sum that ends US0378331005: letters as two digits, every second digit from the right doubled.
    def is_valid(code: str) -> bool:
        digits = "".join(str(int(c, 36)) for c in code)
        doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits))]
        return sum(d // 10 + d % 10 for d in doubled) % 10 == 0

    assert is_valid("US0378331005")
    assert all(is_valid(security_code(number)) for number in range(1_000, 1_300))


def test_ratios_agree_with_price_and_accounts(feed: DemoFeed, newest: dict[int, dict[str, float]]) -> None:
    bars = feed.reference()[0].columns
    last = dict(zip(bars["instrument_id"].tolist(), bars["close"].tolist(), strict=True))  # the last one stays
    for key, values in newest.items():
        price = last[key]
        if values["fund.eps"] > 0:
            assert values["fund.pe"] == pytest.approx(price / values["fund.eps"], abs=0.02, rel=0.002)
        else:
            assert "fund.pe" not in values
            assert values["fund.roe"] < 0
        if abs(values["fund.roe"]) > 1 and "fund.pe" in values:
            # P/B = P/E x ROE
            assert values["fund.pb"] == pytest.approx(values["fund.pe"] * values["fund.roe"] / 100, rel=0.02, abs=0.05)
        assert 0 <= values["fund.dividend_yield"] < 12
        assert values["fund.debt_to_equity"] >= 0


def test_owners_add_up_for_eight_quarters(items: list[dict[str, object]]) -> None:
    quarters: dict[int, set[str]] = defaultdict(set)
    for item in items:
        values = item["values"]
        if "fund.promoter_holding" not in values:
            continue
        quarters[item["instrument_id"]].add(item["period_end"])
        held = [values[f"fund.{who}_holding"] for who in ("promoter", "fii", "dii", "public")]
        assert sum(held) == pytest.approx(100, abs=1e-9)
        assert min(held) >= 0
        assert 0 <= values["fund.pledged_pct"] <= 60
    assert len(quarters) == 300
    assert min(len(found) for found in quarters.values()) >= 8


def test_nothing_is_known_before_its_publication(feed: DemoFeed, items: list[dict[str, object]]) -> None:
    published = [item["published_at"] for item in items]
    assert published == sorted(published)
    assert max(published) < feed.start_time
    assert max(published) == feed.start_time - 24 * 60 * MINUTE + MINUTES * MINUTE  # yesterday's close
    for item in items:
        assert np.datetime64(item["period_end"]) <= np.datetime64(item["published_at"], "ns").astype("datetime64[D]")
        assert set(item["values"]) <= set(BY_NAME)


def test_there_are_undervalued_picks(newest: dict[int, dict[str, float]]) -> None:
    u = universe()
    names = ("fund.pe", "fund.pb", "fund.roe", "fund.debt_to_equity")
    columns = {
        name: np.array([newest[int(i.instrument_id)].get(name, np.nan) for i in u.instruments[:-2]]) for name in names
    }
    picks = undervalued_mask(columns, u.sector, Thresholds())
    assert 5 <= int(picks.sum()) <= 60
