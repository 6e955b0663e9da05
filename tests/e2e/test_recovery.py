"""Processes die; the page says so, keeps the last values, and comes back by itself with nothing missing."""

import os
import re
import signal

import pytest
from harness import System, until
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.faults, pytest.mark.timeout(600)]

BACK_WITHIN_MS = 90_000


def kill(running: System, name: str) -> None:
    """SIGKILL, and wait for the next one of that name."""
    old = running.pids(name)
    assert old, f"{name} does not run"
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    until(lambda: [pid for pid in running.pids(name) if pid not in old] or None, 60, f"a new {name}")


@pytest.mark.parametrize("victim", ["live", "stream", "ingest", "api", "cache", "bus", "postgres"])
def test_the_page_recovers_by_itself(demo: System, page: Page, victim: str) -> None:
    stock = demo.active(1)[0]
    page.goto(f"{demo.url}/symbol/{stock['instrument']}")
    live = page.get_by_role("button", name=re.compile("^Live"))
    expect(live).to_be_visible(timeout=BACK_WITHIN_MS)
    price = page.get_by_test_id("price")
    kill(demo, victim)
    assert price.inner_text() != "—"
    expect(live).to_be_visible(timeout=BACK_WITHIN_MS)
    before = price.inner_text()
    expect(price).not_to_have_text(before, timeout=BACK_WITHIN_MS)
    # What the page shows after the gap is what the server has.
    until(
        lambda: (
            float(price.inner_text().replace(",", "")) == float(demo.get(f"/api/stocks/{stock['instrument']}")["close"])
        ),
        60,
        "the same price on the page and in the API",
    )
