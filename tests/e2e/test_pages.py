"""Every page in every mode and theme: no accessibility fault; keys, alerts and watchlists do what they say."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from harness import MODES, WCAG, System, axe, axe_in_both_themes, choose
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def stock(demo: System) -> dict[str, Any]:
    """The most active company, once the market moves."""
    return demo.active(1)[0]


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("heading", level=1).first.wait_for(timeout=30_000)
    expect(page.get_by_role("button", name=re.compile("^Live"))).to_be_visible(timeout=30_000)
    # Skeletons come after 150 ms and go with the first answer: faults are looked for on the settled page.
    expect(page.get_by_role("status", name="Loading")).to_have_count(0, timeout=30_000)


@pytest.mark.parametrize("mode", MODES)
def test_axe_finds_nothing(demo: System, stock: dict[str, Any], page: Page, mode: str) -> None:
    choose(page, demo.url, mode=mode, theme="dark")
    faults = []
    for path in ("/", "/?map=table", f"/symbol/{stock['instrument']}", "/watchlists", "/alerts", "/alerts?show=rules",
                 "/health", "/settings"):  # fmt: skip
        open_page(page, demo.url + path)
        look = axe_in_both_themes if mode == MODES[-1] else axe  # the last mode shows what the others do, and more
        faults += [f"{path}: {fault}" for fault in look(page)]
    assert faults == []


def test_axe_finds_nothing_in_open_dialogs(demo: System, stock: dict[str, Any], page: Page) -> None:
    # WCAG alone: the kit gives each dialog a <header>, which a best-practice rule takes for a second banner.
    choose(page, demo.url, theme="dark")
    open_page(page, f"{demo.url}/symbol/{stock['instrument']}?alert=above:1")
    expect(page.get_by_role("form", name="New alert")).to_be_visible()
    faults = axe_in_both_themes(page, WCAG)
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^Live")).click()
    expect(page.get_by_role("dialog", name="Connections")).to_be_visible()
    page.wait_for_timeout(400)  # it fades in: half-way its words are pale
    faults += axe_in_both_themes(page, WCAG)
    page.keyboard.press("Escape")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.wait_for_timeout(400)
    faults += axe_in_both_themes(page, WCAG)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()
    page.keyboard.press("Control+k")
    page.get_by_role("textbox", name="Search or command").fill(stock["symbol"])
    expect(page.get_by_text(stock["name"]).last).to_be_visible()
    page.wait_for_timeout(400)
    faults += axe_in_both_themes(page, WCAG)
    assert faults == []


def test_every_state_of_a_panel_is_accessible(demo: System, page: Page) -> None:
    choose(page, demo.url, theme="dark")
    open_page_without_wait(page, f"{demo.url}/dev/ui")
    assert axe_in_both_themes(page) == []


def open_page_without_wait(page: Page, url: str) -> None:
    """The states page shows a skeleton for ever: there is nothing to wait for."""
    page.goto(url)
    page.get_by_role("heading", name="Parts and states").wait_for(timeout=30_000)
    page.wait_for_timeout(500)


def test_keys_go_to_pages_change_the_mode_and_rest_while_typing(demo: System, page: Page) -> None:
    choose(page, demo.url, mode="beginner")
    open_page(page, demo.url)
    for key, title in (
        ("w", "Watchlists"),
        ("s", "Screener"),
        ("p", "Options"),
        ("a", "Alerts"),
        ("h", "Data health"),
        ("o", "Overview"),
    ):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
    page.keyboard.press("m")
    expect(page.get_by_role("radio", name="Intermediate")).to_be_checked()
    expect(page.get_by_role("region", name="At 52-week highs")).to_be_visible()
    page.keyboard.press("/")
    box = page.get_by_role("textbox", name="Search or command")
    box.press_sequentially("mgw")
    expect(box).to_have_value("mgw")
    page.keyboard.press("Escape")
    expect(page.get_by_role("radio", name="Intermediate")).to_be_checked()


def test_the_mode_is_kept_and_every_address_works_in_each(demo: System, stock: dict[str, Any], page: Page) -> None:
    for mode in MODES:
        choose(page, demo.url, mode=mode)
        open_page(page, f"{demo.url}/symbol/{stock['instrument']}?range=6M&chart=line")
        expect(page.get_by_role("radio", name=mode.capitalize())).to_be_checked()
        expect(page.get_by_role("radio", name="6M")).to_be_checked()
        expect(page.get_by_role("radio", name="Line")).to_be_checked()


def test_arrow_keys_move_over_the_heat_map(demo: System, page: Page) -> None:
    open_page(page, demo.url)
    tiles = page.get_by_role("group", name=re.compile("^Heat map")).get_by_role("button")
    expect(tiles.first).to_be_visible(timeout=30_000)
    tiles.first.focus()
    page.keyboard.press("ArrowRight")
    moved = page.evaluate("document.activeElement.dataset.tile")
    assert moved not in {None, "0"}
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/symbol/"))


def test_prices_move_without_a_reload(demo: System, stock: dict[str, Any], page: Page) -> None:
    open_page(page, f"{demo.url}/symbol/{stock['instrument']}")
    price = page.get_by_test_id("price")
    before = price.inner_text()
    expect(price).not_to_have_text(before, timeout=60_000)


@pytest.fixture
def hurried(demo: System) -> Iterator[None]:
    """The market at twenty times its speed: what takes minutes there takes seconds here."""
    with demo.api as client:
        client.post("/api/feeds/control", json={"speed": 20}).raise_for_status()
        yield
        client.post("/api/feeds/control", json={"speed": 1}).raise_for_status()


def test_an_alert_is_armed_by_keyboard_fires_and_is_told(
    demo: System, stock: dict[str, Any], page: Page, hurried: None
) -> None:
    open_page(page, f"{demo.url}/symbol/{stock['instrument']}")
    now = demo.get(f"/api/stocks/{stock['instrument']}")
    tick, price = float(now["tick_size"]), float(now["close"])
    page.keyboard.press("a")
    form = page.get_by_role("form", name="New alert")
    level = form.get_by_role("textbox", name="Level")
    expect(level).to_be_focused()
    # One step to either side of where it stands: a moving price leaves that band at once, whichever way it goes.
    level.fill(f"{price + tick:.2f}")
    level.press("Enter")
    armed = page.get_by_role("region", name=f"Alerts on {stock['symbol']}")
    expect(armed).to_contain_text(re.compile("Crosses above|Fired"), timeout=20_000)
    with demo.api as client:
        below = f'alert "{stock["symbol"]} below" on ${stock["instrument"]} when close crosses below {price - tick:.2f}'
        client.post("/api/rules", json={"text": below}).raise_for_status()
    expect(armed).to_contain_text("Fired", timeout=60_000)
    page.keyboard.press("g")
    page.keyboard.press("a")
    inbox = page.get_by_role("region", name="Inbox")
    expect(inbox).to_contain_text(stock["symbol"])
    expect(inbox).to_contain_text(re.compile(f"{stock['symbol']} (above|below)"))
    expect(page.get_by_role("link", name=re.compile(r"Alerts: \d+ unread"))).to_be_visible()
    page.get_by_role("button", name="Mark all read").click()
    expect(page.get_by_role("link", name="Alerts: none unread")).to_be_visible()
    with demo.api as client:
        for rule in demo.get("/api/rules")["items"]:
            client.delete(f"/api/rules/{rule['rule_uid']}").raise_for_status()


def test_a_wrong_level_is_refused_with_words(demo: System, stock: dict[str, Any], page: Page) -> None:
    open_page(page, f"{demo.url}/symbol/{stock['instrument']}?alert=above:10")
    form = page.get_by_role("form", name="New alert")
    form.get_by_role("textbox", name="Level").fill("ten")
    expect(form).to_contain_text("A price, for example")
    expect(form.get_by_role("button", name="Arm the alert")).to_be_disabled()


def test_an_alert_is_deleted_from_the_symbol_page(demo: System, stock: dict[str, Any], page: Page) -> None:
    far = f"{float(stock['close']) * 3:.0f}"
    open_page(page, f"{demo.url}/symbol/{stock['instrument']}?alert=above:{far}")
    page.get_by_role("button", name="Arm the alert").click()
    delete = page.get_by_role("button", name=re.compile("^Delete the alert at"))
    expect(delete).to_have_count(1, timeout=20_000)
    delete.click()
    expect(delete).to_have_count(0)


def test_a_watchlist_is_made_pasted_ordered_starred_and_deleted(
    demo: System, stock: dict[str, Any], page: Page
) -> None:
    others = [row["symbol"] for row in demo.get("/api/stocks/most-active", limit=4)["items"]][1:]
    open_page(page, f"{demo.url}/watchlists")
    page.get_by_role("button", name=re.compile("Make a watchlist|New list")).first.click()
    page.get_by_role("textbox", name="Name").fill("Pasted")
    page.get_by_role("textbox", name="Symbols").fill(", ".join(others))
    page.get_by_role("button", name="Make the list").click()
    rows = page.get_by_role("table", name="Pasted").locator("tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text(others[0])
    page.get_by_role("button", name=f"Move {others[0]} down").click()
    expect(rows.nth(1)).to_contain_text(others[0])
    page.get_by_role("button", name=f"Remove {others[2]}").click()
    expect(rows).to_have_count(2)
    page.goto(f"{demo.url}/symbol/{stock['instrument']}")
    page.get_by_role("button", name="Add to the watchlist").click()
    expect(page.get_by_role("button", name="Remove from the watchlist")).to_be_visible()
    page.goto(f"{demo.url}/watchlists")
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="This list").click()
    page.get_by_role("menuitem", name="Delete the list").click()
    expect(page.get_by_role("button", name="Make a watchlist")).to_be_visible()


def test_the_banner_pauses_and_resumes_the_market(demo: System, page: Page) -> None:
    open_page(page, demo.url)
    banner = page.get_by_role("complementary", name="Where these prices come from")
    expect(banner).to_contain_text("SIMULATED")
    banner.get_by_role("button", name="Pause the market").click()
    expect(banner).to_contain_text("paused", timeout=20_000)
    banner.get_by_role("button", name="Resume the market").click()
    expect(banner).not_to_contain_text("paused", timeout=20_000)


def test_the_page_needs_nothing_from_elsewhere_and_keeps_its_policy(demo: System, page: Page) -> None:
    asked: set[str] = set()
    refused: list[str] = []
    page.on("request", lambda request: asked.add(request.url.split("/")[2]))
    page.on("console", lambda message: refused.append(message.text) if "Content Security" in message.text else None)
    for path in ("/", "/settings", "/dev/ui"):
        page.goto(demo.url + path)
        page.get_by_role("heading", level=1).first.wait_for(timeout=30_000)
    hosts = {host.split(":")[0] for host in asked}
    assert hosts == {"127.0.0.1"}
    assert refused == []


def test_small_screens_have_their_own_bar_and_no_sideways_scroll(demo: System, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    open_page_on_phone(page, demo.url)
    expect(page.get_by_role("navigation", name="Main, phone")).to_be_visible()
    for path in ("/", "/watchlists", "/alerts", "/health", "/settings"):
        open_page_on_phone(page, demo.url + path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 361, f"{path} is {wide} px wide"


def open_page_on_phone(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("heading", level=1).first.wait_for(timeout=30_000)
    page.wait_for_timeout(800)


def test_without_a_cookie_there_is_only_the_door(demo: System, browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    answer = page.goto(demo.url)
    assert answer is not None
    assert answer.status == 401
    assert "marketbell status --link" in page.content()
    context.close()
