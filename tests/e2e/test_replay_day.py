"""What the browser and the API show of a recorded day is what pandas gives from the file."""

import re
from pathlib import Path
from typing import Any

import pytest
from harness import RELIANCE_DAY, System, until
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

OPEN, CLOSE = "09:15:00", "15:30:00"
LATE_S, REPEAT_S = 2, 2


def accepted(path: Path) -> Any:
    """The ticks that count, by the definitions, told here a second time and without the product's code."""
    import pandas as pd

    rows = pd.read_csv(path)
    rows["at"] = pd.to_datetime(rows["timestamp"]).dt.tz_localize(None)
    clock = rows["at"].dt.strftime("%H:%M:%S")
    on_day = rows["at"].dt.strftime("%Y-%m-%d") == "2021-04-28"
    rows = rows[on_day & (clock >= OPEN) & (clock < CLOSE) & (rows["ltp"] > 0)].reset_index(drop=True)
    kept: list[int] = []
    newest = None
    seen: dict[tuple[Any, float, float], Any] = {}
    for index, at, price, volume in rows[["at", "ltp", "volume"]].itertuples():
        behind = 0 if newest is None else (newest - at).total_seconds()
        repeat = seen.get((at, price, volume))
        if repeat is not None and behind <= REPEAT_S:
            continue
        if behind > LATE_S:
            continue
        seen[at, price, volume] = True
        newest = at if newest is None else max(newest, at)
        kept.append(index)
    return rows.loc[kept]


@pytest.fixture(scope="module")
def facts(shared_data: Path) -> dict[str, Any]:
    """Day and minute figures of RELIANCE by pandas."""
    file = next((shared_data / RELIANCE_DAY).glob("RELIANCE*"))
    ticks = accepted(file)
    in_order = ticks[ticks["at"] == ticks["at"].cummax()]
    minutes = ticks.assign(minute=ticks["at"].dt.floor("min")).groupby("minute")["ltp"].agg(["min", "max", "size"])
    ordered = ticks.sort_values("at", kind="stable")
    first = ordered.assign(minute=ordered["at"].dt.floor("min")).groupby("minute")["ltp"].agg(["first", "last"])
    cumulative = ticks.assign(minute=ticks["at"].dt.floor("min")).groupby("minute")["volume"].max().cummax()
    volumes = cumulative.diff().fillna(cumulative.iloc[0])
    return {
        "close": float(in_order["ltp"].iloc[-1]),
        "open": float(ordered["ltp"].iloc[0]),
        "high": float(ticks["ltp"].max()),
        "low": float(ticks["ltp"].min()),
        "volume": int(ticks["volume"].max()),
        "trades": len(ticks),
        "minutes": minutes.join(first).assign(volume=volumes),
    }


@pytest.fixture(scope="module")
def ended(replayed: System) -> System:
    """The replay at its end."""

    def last_tick() -> bool:
        feed = replayed.get("/api/feeds")["items"]
        return bool(feed) and feed[0]["state"] == "ended"

    until(last_tick, 180, "the end of the replay")
    return replayed


def test_the_day_of_reliance_in_the_api(ended: System, facts: dict[str, Any]) -> None:
    def settled() -> Any:
        with ended.api as client:
            answer = client.get("/api/stocks/NSE:RELIANCE")
        if answer.status_code == 404:
            return None  # the day is over before its instruments have been read
        stock = answer.raise_for_status().json()
        return stock if stock["day"]["trades"] == facts["trades"] else None

    stock = until(settled, 60, f"{facts['trades']} accepted ticks of RELIANCE")
    day = {name: float(stock["day"][name]) for name in ("open", "high", "low")}
    assert day == {name: facts[name] for name in ("open", "high", "low")}
    assert float(stock["close"]) == facts["close"]
    assert stock["day"]["volume"] == facts["volume"]


def test_every_minute_of_reliance_in_the_api(ended: System, facts: dict[str, Any]) -> None:
    def complete() -> Any:
        items = ended.get("/api/stocks/NSE:RELIANCE/bars", timeframe="1m", limit=1000)["items"]
        return items if len(items) == len(facts["minutes"]) else None

    bars = until(complete, 60, f"{len(facts['minutes'])} minutes of RELIANCE")
    for bar, (minute, row) in zip(bars, facts["minutes"].iterrows(), strict=True):
        start = minute.tz_localize("Asia/Kolkata").tz_convert("UTC")
        assert bar["start"].startswith(start.strftime("%Y-%m-%dT%H:%M:%S"))
        got = [float(bar[name]) for name in ("open", "high", "low", "close")]
        assert got == [row["first"], row["max"], row["min"], row["last"]], bar
        assert bar["volume"] == row["volume"], bar
        assert bar["trades"] == row["size"], bar


def test_the_symbol_page_shows_the_same(ended: System, facts: dict[str, Any], page: Page) -> None:
    page.goto(f"{ended.url}/symbol/NSE:RELIANCE?chart=table")
    expect(page.get_by_test_id("price")).to_have_text(f"{facts['close']:,.2f}", timeout=30_000)
    key_facts = page.get_by_role("region", name="Key facts")
    expect(key_facts).to_contain_text(f"{facts['low']:,.2f}")
    expect(key_facts).to_contain_text(f"{facts['high']:,.2f}")
    volume = key_facts.locator(f"[title='{indian(facts['volume'])}']")
    expect(volume).to_have_count(1)
    last = facts["minutes"].iloc[-1]
    row = page.get_by_role("table", name="Bars of RELIANCE").locator("tbody tr").first
    for value in (last["first"], last["max"], last["min"], last["last"]):
        expect(row).to_contain_text(f"{value:,.2f}")
    expect(row).to_contain_text(indian(int(last["volume"])))


def test_the_chart_draws_and_says_what_it_shows(ended: System, facts: dict[str, Any], page: Page) -> None:
    page.goto(f"{ended.url}/symbol/NSE:RELIANCE")
    figure = page.get_by_role("figure", name="Chart of RELIANCE")
    expect(figure.locator("canvas").first).to_be_visible(timeout=30_000)
    expect(figure.locator("figcaption")).to_contain_text(f"highest {facts['high']:,.2f}")
    expect(figure.locator("figcaption")).to_contain_text(f"lowest {facts['low']:,.2f}")


def test_the_banner_says_replay_and_when(ended: System, page: Page) -> None:
    page.goto(ended.url)
    banner = page.get_by_role("complementary", name="Where these prices come from")
    expect(banner).to_contain_text("REPLAY", timeout=30_000)
    expect(banner).to_contain_text(re.compile("28 Apr 2021"))
    expect(banner).to_contain_text("IST")


def indian(count: int) -> str:
    """12345678 → 1,23,45,678"""
    text = str(count)
    head, tail = text[:-3], text[-3:]
    groups = []
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*groups, tail])
