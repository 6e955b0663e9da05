"""Browser tests run against the real system; each of the two markets is started once."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

sys.path.insert(0, str(Path(__file__).parent))

import harness

expect.set_options(timeout=30_000)
"""What becomes true on a machine that is busy is true as well; what never does costs the time once."""


@pytest.fixture(scope="session")
def built() -> None:
    """The web app is built and a browser is there; both are what is tested."""
    if not harness.CHROMIUM.exists() and shutil.which("chromium") is None:
        pytest.fail(f"no browser at {harness.CHROMIUM}: install chromium or name it in CHROMIUM")
    if not harness.INDEX.is_file():
        pytest.fail("the web app is not built: run ./dev web")


@pytest.fixture(scope="module")
def browser(built: None) -> Iterator[Browser]:
    """A module's own: Playwright keeps an event loop running in this thread, and other tests run their own."""
    with harness.chromium() as started:
        yield started


@pytest.fixture(scope="module")
def replayed(built: None, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.System]:
    """One recorded NSE day, as fast as it goes."""
    folder = tmp_path_factory.mktemp("replay")
    with harness.system(folder, "--feed", f"replay:{shared_data / harness.RELIANCE_DAY}", "--speed", "max") as running:
        yield running


@pytest.fixture(scope="module")
def demo(built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.System]:
    """The simulated market."""
    with harness.system(tmp_path_factory.mktemp("demo"), "--feed", "demo") as running:
        yield running


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A signed-in page on whichever market the test asks for. Errors of the page fail the test."""
    running: harness.System = request.getfixturevalue("demo" if "demo" in request.fixturenames else "replayed")
    context: BrowserContext = harness.signed_in(browser, running)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    yield opened
    context.close()
    assert faults == []
