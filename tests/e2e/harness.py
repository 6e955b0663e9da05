"""Starts the whole system on free ports in a data folder of its own, and opens a real browser on it."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
INDEX = ROOT / "src/marketbell/processes/api/static/index.html"
AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
USABLE_WITHIN_S = 120.0
STOPS_WITHIN_S = 30.0
RELIANCE_DAY = "intraday/nse_ticks/2021-04-28"
MODES = ("beginner", "intermediate", "advanced")
THEMES = ("dark", "light")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AXE_RULES = [*WCAG, "best-practice"]

_LINK = re.compile(r"http://\S+/login\?code=\S+")
T = TypeVar("T")


def until(ask: Callable[[], T | None], within_s: float, what: str) -> T:
    """The first answer that is neither None nor False; TimeoutError names what did not come."""
    deadline = time.monotonic() + within_s
    while True:
        found = ask()
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {within_s:.0f} s")
        time.sleep(0.1)


@dataclass
class System:
    """A running Marketbell."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    log: Path
    url: str
    link: str
    cookies: Any = None
    """Of the browser that opened the one-time link, once one has."""

    @property
    def api(self) -> httpx.Client:
        """A client that bears the owner's token."""
        token = (self.data_dir / "owner.token").read_text(encoding="utf-8").strip()
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=20.0)

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a GET; an error status is an error."""
        with self.api as client:
            answer = client.get(path, params=query)
            answer.raise_for_status()
            return answer.json()

    def active(self, limit: int) -> list[dict[str, Any]]:
        """The most active instruments, once all of them have a price."""

        def priced() -> list[dict[str, Any]] | None:
            items: list[dict[str, Any]] = self.get("/api/stocks/most-active", limit=limit)["items"]
            return items if len(items) == limit and all(stock["close"] for stock in items) else None

        return until(priced, USABLE_WITHIN_S, "trades")

    def pids(self, name: str) -> list[int]:
        """Pids of the running children of that name, as `up` keeps them."""
        run = json.loads((self.data_dir / "run.json").read_text(encoding="utf-8"))
        return [row["pid"] for row in run["processes"] if row["name"] == name and row["pid"]]

    def new_link(self) -> str:
        """Another one-time link: each opens one browser."""
        said = subprocess.run(
            [sys.executable, "-m", "marketbell", "status", "--link", "--data-dir", str(self.data_dir)],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
        found = _LINK.search(said)
        if not found:
            raise RuntimeError(f"status --link printed no link: {said}")
        return found.group()


@contextlib.contextmanager
def system(folder: Path, *options: str) -> Iterator[System]:
    """`marketbell up` until it prints its link; stopped by its pid, and killed if it does not obey."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "up.log"
    env = {name: value for name, value in os.environ.items() if not name.startswith("MARKETBELL_")}
    env["MARKETBELL_NOTIFY__ALLOW_PRIVATE"] = "127.0.0.1"  # receivers of tests listen on this machine
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "marketbell", "up", "--data-dir", str(folder / "data")),
                *("--port", "0", "--no-open", *options),
            ],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=folder,
        )
    try:

        def printed() -> str | None:
            if process.poll() is not None:
                raise RuntimeError(f"up ended with {process.returncode}:\n{log.read_text(errors='replace')[-3000:]}")
            found = _LINK.search(log.read_text(errors="replace"))
            return found.group() if found else None

        link = until(printed, USABLE_WITHIN_S, "the one-time link")
        yield System(process, folder / "data", log, link.split("/login")[0], link)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser that talks to nobody but us."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def signed_in(browser: Browser, running: System, **options: Any) -> BrowserContext:
    """A context whose cookie comes from a one-time link; the link is opened once for each system."""
    options = {"viewport": {"width": 1440, "height": 900}, **options}
    if running.cookies is None:
        context = browser.new_context(**options)
        page = context.new_page()
        page.goto(running.new_link())
        page.get_by_role("heading", name="Overview", level=1).wait_for(timeout=30_000)
        running.cookies = context.cookies()
        context.close()
    context = browser.new_context(**options)
    context.add_cookies(running.cookies)
    return context


def choose(page: Page, url: str, **prefs: Any) -> None:
    """Set preferences as the settings page would, before the next page is opened."""
    page.goto(url + "/healthz")  # of the same origin, and nothing to draw
    page.evaluate(
        """change => {
            const kept = JSON.parse(localStorage.getItem("marketbell.prefs") || "{}").state || {};
            localStorage.setItem("marketbell.prefs", JSON.stringify({ state: { ...kept, ...change }, version: 1 }));
        }""",
        prefs,
    )


MADE_ALIKE = ["tbody tr:nth-child(n+13)", "[data-tile]:nth-child(n+25)"]
"""Rows and tiles made as those before them: another two hundred tell nothing more and take seconds."""


def axe(page: Page, rules: list[str] = AXE_RULES) -> list[str]:
    """What axe finds on the page as it stands: `rule: the element`; [] when all is well."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return _axe(page, {"runOnly": rules})


def axe_in_both_themes(page: Page, rules: list[str] = AXE_RULES) -> list[str]:
    """Everything in the theme that is chosen, and the contrasts, which are all that depends on it, in the other."""
    found = axe(page, rules)
    page.evaluate(FLIP_THEME)
    found += [f"other theme: {fault}" for fault in _axe(page, {"runOnly": ["color-contrast"]})]
    page.evaluate(FLIP_THEME)
    return found


FLIP_THEME = """async () => {
    const { dataset } = document.documentElement;
    dataset.mantineColorScheme = dataset.mantineColorScheme === "dark" ? "light" : "dark";
    // Colours fade: half-way they are pale. What turns for ever is let alone.
    for (let frame = 0; frame < 2; frame += 1) {
        await new Promise(requestAnimationFrame);
        for (const fading of document.getAnimations())
            if (fading.effect?.getComputedTiming().endTime !== Infinity) fading.finish();
    }
}"""


def _axe(page: Page, options: dict[str, Any]) -> list[str]:
    found = page.evaluate(
        "([exclude, options]) => axe.run({ exclude }, { ...options, resultTypes: ['violations'] })",
        [[[selector] for selector in MADE_ALIKE], options],
    )
    return [
        f"{violation['id']}: {node['html'][:160]} ({node['failureSummary'][:200]})"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
