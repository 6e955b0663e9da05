"""Processes die; the page says so, keeps the last values, and comes back by itself with nothing missing."""

import os
import re
import signal
from typing import Any

import httpx
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
    shown = f"/api/stocks/{stock['instrument']}"
    until(
        lambda: float(price.inner_text().replace(",", "")) == float(answer(demo, shown)["close"] or "nan"),
        60,
        "the same price on the page and in the API",
    )


@pytest.fixture(autouse=True)
def whole(demo: System) -> None:
    """Each test begins with every process ready, whatever the one before did."""
    until(lambda: answer(demo, "/api/status").get("state") == "ok", 120, "a system without a missing process")


def answer(running: System, path: str) -> dict[str, Any]:
    """The API's answer; no values while it is away, which is what these tests bring about."""
    try:
        found: dict[str, Any] = running.get(path)
    except httpx.HTTPError:
        return {"close": None}
    return found
