"""The screener in every mode: who matches, who enters and leaves, a query as chips and as text, what is kept."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import MODES, WCAG, System, axe_in_both_themes, choose, until
from playwright.sync_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

TEMPLATES = ("Value Picks", "Safe Bets", "Growth Rockets", "52-Week Highs", "52-Week Lows", "Top Gainers",
             "Top Losers", "Undervalued Picks", "Volume Shockers")  # fmt: skip
CURRENT = re.compile("true|page")


@pytest.fixture(scope="module", autouse=True)
def moving(demo: System) -> None:
    """Prices and fundamentals are there before anybody looks."""
    demo.active(20)


def open_screener(page: Page, url: str, **search: str) -> None:
    query = "&".join(f"{name}={value}" for name, value in search.items())
    page.goto(f"{url}/screener?{query}" if query else f"{url}/screener")
    page.get_by_role("heading", name="Screener", level=1).wait_for(timeout=30_000)
    expect(page.get_by_role("button", name=re.compile("^(Live|Feed paused)"))).to_be_visible(timeout=30_000)
    expect(page.get_by_role("status", name="Loading")).to_have_count(0, timeout=30_000)


def rows_of(page: Page, name: str) -> Locator:
    return page.get_by_role("table", name=name, exact=True).locator("tbody tr")


def run(demo: System, **body: Any) -> dict[str, Any]:
    with demo.api as client:
        answer = client.post("/api/screens/run", json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def screens(demo: System) -> Iterator[dict[str, str]]:
    """Saved screens by name, made through the API; all saved ones are gone afterwards."""
    yield {}
    with demo.api as client:
        for screen in client.get("/api/screens").json()["items"]:
            if screen["kind"] == "saved":
                client.delete(f"/api/screens/{screen['screen_id']}").raise_for_status()


def save(demo: System, name: str, text: str) -> str:
    with demo.api as client:
        answer = client.post("/api/screens", json={"name": name, "text": text})
        answer.raise_for_status()
        return str(answer.json()["screen_id"])


@pytest.mark.parametrize("mode", MODES)
def test_axe_finds_nothing(demo: System, page: Page, mode: str) -> None:
    choose(page, demo.url, mode=mode, theme="dark")
    faults = []
    for search in ({"screen": "top-gainers"}, {"text": "change_pct > 0", "view": "text"}, {"text": "roo > 1"}):
        open_screener(page, demo.url, **search)
        faults += [f"{search}: {fault}" for fault in axe_in_both_themes(page)]
    assert faults == []


def test_axe_finds_nothing_in_what_opens(demo: System, page: Page) -> None:
    choose(page, demo.url, mode="advanced", theme="dark")
    open_screener(page, demo.url, text="pe < 30 and roe > 10")
    page.get_by_role("button", name=re.compile("^P.E < 30")).click()
    expect(page.get_by_role("form", name="Change the condition")).to_contain_text("A quarter are under")
    page.wait_for_timeout(400)  # it fades in: half-way its words are pale
    faults = axe_in_both_themes(page, WCAG)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Columns").click()
    expect(page.get_by_role("dialog", name="Columns")).to_be_visible()
    page.wait_for_timeout(400)
    faults += axe_in_both_themes(page, WCAG)
    page.keyboard.press("Escape")
    editor = page.get_by_role("textbox", name="Query as text")
    editor.click()
    page.keyboard.press("Control+End")
    editor.press_sequentially(" and ro")
    expect(page.get_by_role("option", name=re.compile("roe")).first).to_be_visible()
    faults += axe_in_both_themes(page, WCAG)
    assert faults == []


def test_a_beginner_chooses_a_ready_screen_and_opens_a_company(demo: System, page: Page) -> None:
    choose(page, demo.url, mode="beginner")
    open_screener(page, demo.url)
    shelf = page.get_by_role("navigation", name="Screens")
    for name in TEMPLATES:
        expect(shelf.get_by_role("link", name=re.compile(f"^{name}", re.IGNORECASE))).to_be_visible()
    shelf.get_by_role("link", name=re.compile("^Top gainers", re.IGNORECASE)).click()
    results = page.get_by_role("region", name=re.compile("Top gainers", re.IGNORECASE))
    expect(results).to_contain_text("match now, live")
    first = results.locator("tbody tr").first.get_by_role("link")
    symbol = first.inner_text()
    first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(symbol)


def test_each_address_works_in_each_mode(demo: System, page: Page) -> None:
    for mode in MODES:
        choose(page, demo.url, mode=mode)
        open_screener(page, demo.url, text="change_pct > 0", sort="-change_pct", columns="fund.pe|fund.roe")
        table = page.get_by_role("table", name="Your query")
        expect(table.get_by_role("columnheader", name="Change")).to_have_attribute("aria-sort", "descending")
        expect(table.get_by_role("columnheader", name="P/E")).to_be_visible()
        expect(table.get_by_role("columnheader", name="ROE")).to_be_visible()


def test_rows_and_counts_are_those_of_the_api(demo: System, page: Page, paused: None) -> None:
    choose(page, demo.url, mode="advanced")
    text = "pe < 20 and change_pct > 0"
    open_screener(page, demo.url, text=text, sort="-fund.pe", columns="fund.pe")
    said = run(demo, text=text, sort="fund.pe", descending=True, columns=["fund.pe"])
    assert 0 < said["count"] <= 60  # a longer table draws only the rows in sight
    rows = rows_of(page, "Your query")
    expect(rows).to_have_count(said["count"], timeout=20_000)
    shown = [rows.nth(index).inner_text() for index in range(said["count"])]
    for text_of_row, row in zip(shown, said["items"], strict=True):
        assert row["symbol"] in text_of_row
        assert f"{float(row['close']):,.2f}" in text_of_row
        assert f"{float(row['values'][0]):,.2f}" in text_of_row
    for chip, name in zip(said["chips"], ("P.E < 20", "Change % > 0"), strict=True):
        expect(page.get_by_role("button", name=re.compile(f"^{name}"))).to_contain_text(str(chip["count"]))
    alone = run(demo, text="pe < 20")["count"]
    assert said["chips"][0]["count"] == alone


@pytest.fixture
def paused(demo: System) -> Iterator[None]:
    """The market stands still: what the page shows and what the API says are of one moment."""
    with demo.api as client:
        client.post("/api/feeds/control", json={"paused": True}).raise_for_status()
        try:
            until(lambda: settled(demo), 60, "an evaluator that has read everything")
            yield
        finally:
            client.post("/api/feeds/control", json={"paused": False}).raise_for_status()


def settled(demo: System) -> bool:
    states = {feed["state"] for feed in demo.get("/api/feeds")["items"]}
    lag = [row["lag"] or 0 for row in demo.get("/api/status")["partitions"]]
    return states <= {"paused", "idle"} and max(lag, default=0) == 0


def test_a_live_screen_shows_who_enters_and_leaves(
    demo: System, page: Page, screens: dict[str, str], hurried: None
) -> None:
    # About half of the companies rise: some pass through zero every few seconds.
    screen_id = save(demo, "Rising", 'screen "Rising" on ALL when change_pct > 0')
    choose(page, demo.url, mode="beginner")
    open_screener(page, demo.url, screen=screen_id)
    events = page.get_by_role("list", name="Entered and left").get_by_role("listitem")
    expect(events.first).to_contain_text(re.compile(r"\d\d:\d\d\s+\S+ (entered|left)"), timeout=90_000)
    entered = page.get_by_role("list", name="Entered and left").get_by_text("entered").first
    expect(entered).to_be_visible(timeout=90_000)
    # A member that the room named is a row of the table, without a reload.
    told = events.filter(has_text="entered").first.get_by_role("link").inner_text()
    rows = rows_of(page, "Rising")
    until(
        lambda: (
            rows.get_by_role("link", name=told, exact=True).count() == 1
            or events.filter(has_text=re.compile(f" {re.escape(told)} left")).count() > 0
        ),
        30,
        f"{told} in the table, or gone again",
    )


@pytest.fixture
def hurried(demo: System) -> Iterator[None]:
    """The market at twenty times its speed: what takes minutes there takes seconds here."""
    with demo.api as client:
        client.post("/api/feeds/control", json={"speed": 20}).raise_for_status()
        yield
        client.post("/api/feeds/control", json={"speed": 1}).raise_for_status()


def test_a_query_is_saved_is_there_after_a_reload_renamed_and_deleted(
    demo: System, page: Page, screens: dict[str, str]
) -> None:
    choose(page, demo.url, mode="intermediate")
    open_screener(page, demo.url, text="pe < 30 and roe > 10", sort="-fund.roe", columns="fund.pe|fund.roe")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("textbox", name="Name").fill("Cheap and good")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    mine = page.get_by_role("navigation", name="Screens").get_by_role("link", name=re.compile("^Cheap and good"))
    expect(mine).to_have_attribute("aria-current", CURRENT)
    page.reload()
    expect(mine).to_have_attribute("aria-current", CURRENT, timeout=30_000)
    heads = page.get_by_role("table", name="Cheap and good").get_by_role("columnheader")
    expect(heads.filter(has_text="P/E")).to_be_visible()
    expect(heads.filter(has_text="ROE")).to_be_visible()
    page.get_by_role("button", name="Cheap and good: more").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_role("textbox", name="Name").fill("Cheaper")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    renamed = page.get_by_role("navigation", name="Screens").get_by_role("link", name=re.compile("^Cheaper"))
    expect(renamed).to_be_visible()
    expect(mine).to_have_count(0)
    page.get_by_role("button", name="Cheaper: more").click()
    page.get_by_role("menuitem", name="Delete the screen").click()
    expect(renamed).to_have_count(0)


def test_an_error_of_the_text_is_marked_at_its_place_and_the_rows_stay(demo: System, page: Page) -> None:
    choose(page, demo.url, mode="advanced")
    open_screener(page, demo.url, text="pe < 30")
    rows = rows_of(page, "Your query")
    expect(rows.first).to_be_visible(timeout=30_000)
    editor = page.get_by_role("textbox", name="Query as text")
    editor.fill("pe < 30\n  and roo > 2")
    expect(page.locator('mark[data-at="2:7"]')).to_have_text("roo", timeout=20_000)
    expect(editor).to_have_attribute("aria-invalid", "true")
    place = page.get_by_role("button", name=re.compile("^2:7 .*roo"))
    place.click()
    assert page.evaluate("document.activeElement.selectionStart") == len("pe < 30\n  and ")
    expect(rows.first).to_be_visible()
    editor.fill("pe < 30 and roe > 2")
    expect(page.locator("mark")).to_have_count(0, timeout=20_000)


def test_names_are_completed_by_keyboard(demo: System, page: Page) -> None:
    choose(page, demo.url, mode="advanced")
    open_screener(page, demo.url, text="pe < 30")
    editor = page.get_by_role("textbox", name="Query as text")
    editor.click()
    page.keyboard.press("Control+End")
    editor.press_sequentially(" and debt_to")
    option = page.get_by_role("option", name=re.compile("debt_to_equity"))
    expect(option).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Tab")
    expect(editor).to_have_value(re.compile(r"^pe < 30 and (fund\.)?debt_to_equity$"))
    page.keyboard.press("Control+z")
    expect(editor).to_have_value("pe < 30 and debt_to")


def test_a_chip_and_the_text_are_one_query(demo: System, page: Page) -> None:
    choose(page, demo.url, mode="intermediate")
    open_screener(page, demo.url, text="pe < 30 and roe > 10", view="text")
    editor = page.get_by_role("textbox", name="Query as text")
    page.get_by_role("button", name=re.compile("^P.E < 30")).click()
    form = page.get_by_role("form", name="Change the condition")
    form.get_by_role("textbox", name="Value").fill("22")
    form.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("button", name=re.compile("^P.E < 22"))).to_be_visible()
    expect(editor).to_have_value(re.compile(r"pe < 22"))
    page.get_by_role("button", name=re.compile("^Remove ROE")).click()
    expect(editor).not_to_have_value(re.compile("roe"))
    page.get_by_role("button", name="Condition", exact=True).click()
    form = page.get_by_role("form", name="New condition")
    form.get_by_role("combobox", name="What").fill("Market cap")
    page.get_by_role("option", name="Market cap").click()
    form.get_by_role("textbox", name="Value").fill("90000 cr")
    form.get_by_role("button", name="Add").click()
    expect(editor).to_have_value(re.compile(r"market_cap < 900000000000"))
    page.reload()
    expect(editor).to_have_value(re.compile(r"pe < 22.*market_cap < 900000000000"), timeout=30_000)


def test_columns_are_chosen_and_an_own_one_is_tried_first(demo: System, page: Page) -> None:
    choose(page, demo.url, mode="advanced")
    open_screener(page, demo.url, text="pe < 30")
    page.get_by_role("button", name="Columns").click()
    dialog = page.get_by_role("dialog", name="Columns")
    dialog.get_by_role("textbox", name="Find a field").fill("debt")
    dialog.get_by_role("checkbox", name=re.compile("Debt")).first.check()
    own = dialog.get_by_role("textbox", name="Your own expression")
    own.fill("fund.market_cap / fund.sales")
    own.press("Enter")
    expect(dialog.locator("dl dt")).to_have_count(5, timeout=20_000)
    dialog.get_by_role("button", name="Add as a column").click()
    dialog.get_by_role("button", name="Show these columns").click()
    heads = page.get_by_role("table", name="Your query").get_by_role("columnheader")
    expect(heads.filter(has_text=re.compile("Debt"))).to_be_visible()
    expect(page).to_have_url(re.compile("columns="))
    page.reload()
    expect(heads.filter(has_text=re.compile("Debt"))).to_be_visible(timeout=30_000)


def test_the_rows_are_saved_as_csv(demo: System, page: Page, paused: None, tmp_path: Path) -> None:
    choose(page, demo.url, mode="beginner")
    open_screener(page, demo.url, screen="top-gainers")
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Top gainers: more", re.IGNORECASE)).click()
        page.get_by_role("menuitem", name="Save as CSV").click()
    file = tmp_path / "rows.csv"
    download.value.save_as(file)
    head, *lines = file.read_text(encoding="utf-8").strip().splitlines()
    assert head.startswith("instrument,name,close,change_pct,volume")
    assert len(lines) == len(run(demo, screen_id="top-gainers", limit=500)["items"])


def test_an_alert_on_the_membership_goes_to_the_rule_builder(demo: System, page: Page) -> None:
    choose(page, demo.url, mode="advanced")
    open_screener(page, demo.url, screen="value-picks")
    page.get_by_role("button", name="Alert me").click()
    expect(page).to_have_url(re.compile("/rules/new"))
    expect(page.get_by_role("heading", name="New alert", level=1)).to_be_visible()


def test_small_screens_have_no_sideways_scroll(demo: System, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    for mode in MODES:
        choose(page, demo.url, mode=mode)
        page.goto(f"{demo.url}/screener?screen=top-gainers")
        page.get_by_role("table").first.wait_for(timeout=30_000)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 361, f"{mode} is {wide} px wide"
