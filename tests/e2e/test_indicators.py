"""Indicators on the chart: added by hand, kept in the address, equal to their bars, moving with the price."""

import re
from typing import Any

import pytest
from harness import System, axe, choose
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def stock(demo: System) -> dict[str, Any]:
    """The most active company, once the market moves."""
    return demo.active(1)[0]


def chips(page: Page) -> Any:
    return page.get_by_role("list", name="Indicators on the chart").get_by_role("listitem")


def add(page: Page, label: str) -> None:
    page.get_by_role("button", name=re.compile("^(Indicator|Another)$")).click()
    page.get_by_role("menuitem", name=re.compile(f"^{re.escape(label)}")).first.click()


def open_chart(page: Page, demo: System, stock: dict[str, Any], query: str = "") -> None:
    page.goto(f"{demo.url}/symbol/{stock['instrument']}{query}")
    expect(page.get_by_role("button", name=re.compile("^Live"))).to_be_visible(timeout=30_000)


def test_indicators_are_added_kept_and_removed(demo: System, stock: dict[str, Any], page: Page) -> None:
    choose(page, demo.url, mode="advanced")
    open_chart(page, demo, stock)
    add(page, "Moving average")
    add(page, "RSI")
    add(page, "MACD")
    expect(chips(page)).to_have_count(3)
    for at in range(3):
        expect(chips(page).nth(at).locator(".num").first).to_have_text(re.compile(r"\d"), timeout=30_000)
    expect(page).to_have_url(re.compile("studies=sma"))
    # Panes stand below the price: the figure holds a canvas for each of them.
    assert page.evaluate("document.querySelectorAll('figure tr').length") >= 5
    assert axe(page) == []
    page.reload()
    expect(chips(page)).to_have_count(3, timeout=30_000)
    page.get_by_role("button", name="Settings of RSI 14").click()
    page.get_by_role("textbox", name="Bars").fill("7")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Settings of RSI 7")).to_be_visible()
    page.get_by_role("button", name="Remove MACD 12, 26, 9").click()
    expect(chips(page)).to_have_count(2)


def test_a_value_on_the_screen_is_the_mean_of_the_bars(demo: System, stock: dict[str, Any], page: Page) -> None:
    """sma(close, 20)@1d of the closed days, by hand from the bars."""
    key = stock["instrument"]
    series = demo.get(f"/api/stocks/{key}/series", expressions="sma(close, 20); close", timeframe="1d", limit=60)
    closes = [float(value) for value in series["series"][1]["values"] if value is not None]
    means = series["series"][0]["values"]
    assert len(closes) >= 25
    at = len(closes) - 2  # the last is still forming
    assert float(means[at]) == pytest.approx(sum(closes[at - 19 : at + 1]) / 20, rel=1e-8)
    bars = demo.get(f"/api/stocks/{key}/bars", timeframe="1d", limit=60)["items"]
    closed = {bar["start"]: float(bar["close"]) for bar in bars if bar["is_closed"]}
    for start, close in zip(series["starts"][:-1], closes[:-1], strict=True):
        assert closed[start] == pytest.approx(close)


def test_the_forming_bar_moves_an_indicator(demo: System, stock: dict[str, Any], page: Page) -> None:
    open_chart(page, demo, stock, "?studies=sma~3")
    value = chips(page).first.locator(".num").first
    expect(value).to_have_text(re.compile(r"\d"), timeout=30_000)
    before = value.inner_text()
    expect(value).not_to_have_text(before, timeout=60_000)


def test_another_interval_is_rolled_up_by_the_server(demo: System, stock: dict[str, Any], page: Page) -> None:
    choose(page, demo.url, mode="intermediate")
    open_chart(page, demo, stock, "?interval=5m&studies=ema~9")
    expect(chips(page).first.locator(".num").first).to_have_text(re.compile(r"\d"), timeout=30_000)
    expect(page.get_by_text(re.compile("one bar each 5m"))).to_be_attached()
    series = demo.get(f"/api/stocks/{stock['instrument']}/series", expressions="high; low", timeframe="5m", limit=20)
    assert all(start.endswith(("0:00.000Z", "5:00.000Z")) for start in series["starts"])


def test_an_expression_of_ones_own_is_drawn_or_its_fault_is_told(
    demo: System, stock: dict[str, Any], page: Page
) -> None:
    choose(page, demo.url, mode="advanced")
    open_chart(page, demo, stock)
    add(page, "Expression")
    box = page.get_by_role("textbox", name="Expression in the rule language")
    box.fill("smma(close, 9)")
    box.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("sma", timeout=30_000)
    page.get_by_role("button", name="Remove smma(close, 9)").click()
    add(page, "Expression")
    box.fill("ema(close, 9) - ema(close, 21)")
    box.press("Enter")
    expect(chips(page).first.locator(".num").first).to_have_text(re.compile(r"\d"), timeout=30_000)


def test_the_keyboard_walks_the_bars_and_the_bar_is_named(demo: System, stock: dict[str, Any], page: Page) -> None:
    open_chart(page, demo, stock, "?studies=sma~3")
    expect(chips(page).first.locator(".num").first).to_have_text(re.compile(r"\d"), timeout=30_000)
    expect(page.get_by_text("Newest bar", exact=True)).to_be_visible()
    page.get_by_role("group", name=re.compile("^Chart")).focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(page.get_by_text(re.compile(r"^Bar of \d+ \w+, \d\d:\d\d IST$"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Newest bar", exact=True)).to_be_visible()
