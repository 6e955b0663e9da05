"""Option chains in the browser: a recorded morning of NIFTY, minute by minute, with alerts where the file says."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import harness
import pytest
from harness import MODES, System, axe, axe_in_both_themes, choose, until
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

SNAPSHOTS = "options/nse_nifty_chain_snapshots_20260819_am.parquet"
CHAIN = "/options/NSE:NIFTY"
HIGH, LOW = 0.685, 0.675
"""The shape of a PCR alert, with levels that this morning crosses."""
ALERTS = {
    "PCR extreme": f'opt.pcr_oi(expiry: "nearest") crosses above {HIGH} or '
    f'opt.pcr_oi(expiry: "nearest") crosses below {LOW} at update chain fire every time',
    "OI wall breached": "close crosses above opt.max_call_oi_strike at 5m close",
}


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> Any:
    """The file as pandas reads it; its times are those of the exchange."""
    import pandas as pd

    rows = pd.read_parquet(shared_data / SNAPSHOTS)
    rows["at"] = rows["timestamp"].dt.tz_localize("Asia/Kolkata")
    return rows


@pytest.fixture(scope="module")
def nearest(recorded: Any) -> Any:
    """Of each minute: spot and PCR of the nearest expiry, told here without the product's code."""
    chain = recorded[recorded["expiry"] == recorded["expiry"].min()]
    sums = chain.pivot_table(index="at", columns="option_type", values="oi", aggfunc="sum")
    return sums.assign(pcr=sums["PE"] / sums["CE"], spot=chain.groupby("at")["spot"].first())


@pytest.fixture(scope="module")
def chains(built: None, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The recorded morning with two alerts that were armed before its second minute, at its end."""
    folder = tmp_path_factory.mktemp("chains")
    with harness.system(folder, "--feed", f"replay:{shared_data / SNAPSHOTS}", "--speed", "1") as running:
        until(lambda: running.get("/api/options")["items"] or None, 60, "the first chain")
        with running.api as client:
            for name, condition in ALERTS.items():
                text = f'alert "{name}" on $NSE:NIFTY when {condition}'
                client.post("/api/rules", json={"text": text}).raise_for_status()
            client.post("/api/feeds/control", json={"speed": "max"}).raise_for_status()
        until(lambda: running.get("/api/feeds")["items"][0]["state"] == "ended", 120, "the end of the morning")
        yield running


@pytest.fixture
def page(browser: Browser, chains: System) -> Iterator[Page]:
    """A signed-in page; its errors fail the test."""
    context = harness.signed_in(browser, chains)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    yield opened
    context.close()
    assert faults == []


def open_chain(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_role("table", name=re.compile("^Option chain of NIFTY"))).to_be_visible(timeout=30_000)
    expect(page.get_by_role("status", name="Loading")).to_have_count(0, timeout=30_000)


def crossings(nearest: Any) -> list[tuple[datetime, str]]:
    """When the ratio went over the upper level or under the lower one, from one minute to the next."""
    found = []
    ratios = nearest["pcr"]
    for before, now, at in zip(ratios.iloc[:-1], ratios.iloc[1:], ratios.index[1:], strict=True):
        if before <= HIGH < now:
            found.append((at.to_pydatetime(), "above"))
        if before >= LOW > now:
            found.append((at.to_pydatetime(), "below"))
    return found


def test_alerts_fire_where_the_file_says_and_stand_in_the_inbox(chains: System, nearest: Any, page: Page) -> None:
    expected = [at for at, _ in crossings(nearest)]
    assert expected
    assert nearest["spot"].max() < 25_000  # the wall of calls all morning: its alert has nothing to tell

    def told() -> list[dict[str, Any]] | None:
        items: list[dict[str, Any]] = chains.get("/api/alerts", limit=100)["items"]
        return items if len(items) >= len(expected) else None

    fired = until(told, 30, f"{len(expected)} alerts")
    assert sorted(datetime.fromisoformat(one["event_time"]) for one in fired) == expected
    assert {one["rule"] for one in fired} == {"PCR extreme"}
    page.goto(f"{chains.url}/alerts")
    expect(page.get_by_role("region", name="Inbox")).to_contain_text("PCR extreme")


def test_a_stored_minute_shows_what_the_file_says(chains: System, recorded: Any, nearest: Any, page: Page) -> None:
    at = nearest.index[len(nearest) // 2]
    strike = 24_050
    minute = recorded[(recorded["at"] == at) & (recorded["expiry"] == recorded["expiry"].min())]
    call = minute[(minute["strike"] == strike) & (minute["option_type"] == "CE")].iloc[0]
    choose(page, chains.url, mode="intermediate", numbers="en-IN")
    moment = at.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    open_chain(page, f"{chains.url}{CHAIN}?as_of={moment}")
    expect(page.get_by_test_id("spot")).to_have_text(f"{nearest.loc[at, 'spot']:,.2f}")
    expect(page.get_by_label("What the chain says")).to_contain_text(f"{nearest.loc[at, 'pcr']:.2f}")
    button = page.get_by_role("button", name=re.compile(f"^{strike:,} call"))
    expect(button).to_contain_text(f"{call['ltp']:,.2f}")


def test_minutes_are_played_by_slider_and_keys(chains: System, nearest: Any, page: Page) -> None:
    choose(page, chains.url, mode="intermediate")
    open_chain(page, chains.url + CHAIN)
    page.get_by_role("button", name="Look at earlier minutes").click()
    film = page.get_by_role("region", name="Replay of stored minutes")
    expect(film).to_contain_text(f"{len(nearest)} of {len(nearest)}")
    slider = film.get_by_role("slider", name="Moment")
    slider.focus()
    page.keyboard.press("Home")
    first = nearest.index[0]
    expect(slider).to_have_attribute("aria-valuetext", re.compile(f"{first:%H:%M}:00 IST"))
    expect(page.get_by_test_id("spot")).to_have_text(f"{nearest['spot'].iloc[0]:,.2f}")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press(".")
    expect(film).to_contain_text(f"2 of {len(nearest)}")
    expect(page.get_by_test_id("spot")).to_have_text(f"{nearest['spot'].iloc[1]:,.2f}")
    page.keyboard.press("l")
    expect(film.get_by_role("button", name="Pause the replay")).to_be_visible()
    expect(film).to_contain_text(re.compile(rf"IST([5-9]|\d\d) of {len(nearest)}"), timeout=15_000)
    page.keyboard.press("l")
    film.get_by_role("button", name="Back to the newest").click()
    expect(page).not_to_have_url(re.compile("as_of"))


def test_a_price_makes_a_leg_and_the_payoff_says_where_it_breaks_even(chains: System, page: Page) -> None:
    choose(page, chains.url, mode="intermediate")
    open_chain(page, chains.url + CHAIN)
    chain = chains.get("/api/options/NSE:NIFTY/chain")
    atm = chain["atm_strike"]
    price = next(row["call"]["price"] for row in chain["strikes"] if row["strike"] == atm)
    name = re.compile(f"^{atm:,.0f} call")
    page.get_by_role("button", name=name).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("list", name="Legs of the basket").get_by_role("listitem")).to_have_count(1)
    payoff = page.get_by_role("region", name="Payoff")
    expect(payoff).to_contain_text(f"at {atm + price:,.2f}")
    expect(payoff).to_contain_text("no limit")
    expect(page.get_by_role("slider", name=re.compile("^Payoff of the basket"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(payoff.get_by_role("button", name=re.compile("^Sell:"))).to_be_visible()
    page.reload()
    expect(payoff.get_by_role("button", name=re.compile("^Sell:"))).to_be_visible()
    page.get_by_role("button", name=name).click()
    expect(payoff).to_contain_text("Press a price in the chain")


def test_a_beginner_gets_three_examples_that_cannot_lose_more_than_they_say(chains: System, page: Page) -> None:
    choose(page, chains.url, mode="beginner")
    open_chain(page, chains.url + CHAIN)
    page.get_by_role("button", name=re.compile("^It stays put")).click()
    cards = page.get_by_role("article")
    expect(cards).to_have_count(3)
    for card in cards.all():
        expect(card).to_contain_text(re.compile("Most you can lose(₹|nothing)"))
        expect(card).to_contain_text("You break even")
    cards.first.get_by_role("button", name="Look closer").click()
    expect(page.get_by_role("region", name="What it would give")).to_contain_text("Most you can gain")


@pytest.mark.parametrize("mode", MODES)
def test_axe_finds_nothing(chains: System, page: Page, mode: str) -> None:
    choose(page, chains.url, mode=mode, theme="dark")
    page.goto(f"{chains.url}/options")
    expect(page.get_by_role("link", name="NIFTY")).to_be_visible(timeout=30_000)
    faults = axe(page)
    atm = int(chains.get("/api/options/NSE:NIFTY/chain")["atm_strike"])
    open_chain(page, f"{chains.url}{CHAIN}?legs=b1c{atm}~s1c{atm + 200}")
    expect(page.get_by_role("slider", name=re.compile("^Payoff of the basket"))).to_be_visible()
    if mode == "advanced":
        page.get_by_role("button", name="In 3-D").click()
        expect(page.get_by_role("group", name=re.compile("^Volatility surface"))).to_be_visible()
    look = axe_in_both_themes if mode == MODES[-1] else axe
    assert faults + look(page) == []


def test_a_phone_has_its_own_chain_and_no_sideways_scroll(chains: System, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    for mode in MODES:
        choose(page, chains.url, mode=mode)
        for path in ("/options", CHAIN):
            page.goto(chains.url + path)
            page.get_by_role("heading", level=1).first.wait_for(timeout=30_000)
            page.wait_for_timeout(800)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 361, f"{path} is {wide} px wide in {mode} mode"
