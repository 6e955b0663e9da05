"""How often the fault tests kill, and the table of what came of it.

`./dev faults` runs the short form, which is part of `./dev test`; `./dev faults --full` the counts of the
fault matrix, which takes the better part of an hour.
"""

import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import report
from report import Tally

FULL_TIMEOUT_S = 3_600


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="the fault matrix's own counts, instead of a few of each")
    parser.addoption("--kills", type=int, help="this many kills of each kind")
    parser.addoption("--add", action="store_true", help="add to the rows of the table instead of replacing them")
    parser.addoption("--seeds", type=int, help="this many worlds of the simulation")
    parser.addoption("--seed", type=int, help="this one world of the simulation")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    is_full = config.getoption("full", default=False)
    for item in items:
        long = item.get_closest_marker("long")
        if is_full and item.get_closest_marker("faults"):
            item.add_marker(pytest.mark.timeout(FULL_TIMEOUT_S), append=False)
        elif long and not is_full:
            item.add_marker(pytest.mark.skip(reason=f"in the full form alone: {long.args[0]}"))


@pytest.fixture
def house_dir() -> Iterator[Path]:
    """A folder outside pytest's: another session that starts closes pytest's to the database's user."""
    with tempfile.TemporaryDirectory(prefix="marketbell-test-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


_TALLIES = pytest.StashKey[list[Tally]]()
_PASSED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    found = yield
    if found.when == "call":
        item.stash[_PASSED] = found.passed
    return found


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """A row to fill; it is shown at the end also where the test failed, and kept where the counts were full."""
    row = Tally(request.node.name)
    yield row
    tell(request, row)


@pytest.fixture
def tallies(request: pytest.FixtureRequest) -> Iterator[list[Tally]]:
    """The rows of a test that fills several."""
    rows: list[Tally] = []
    yield rows
    for row in rows:
        tell(request, row)


def tell(request: pytest.FixtureRequest, row: Tally) -> None:
    if row.times:
        request.config.stash.setdefault(_TALLIES, []).append(row)
        if request.config.getoption("full", default=False) and row.fault in report.ROWS:
            report.keep(
                row,
                has_passed=request.node.stash.get(_PASSED, False),
                is_added=request.config.getoption("add", default=False),
            )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(_TALLIES, [])
    if rows:
        terminalreporter.section("faults")
        heads = f"{'fault':<16}{'times':>8}{'lost':>7}{'doubled':>9}{'back p50':>11}{'p95':>10}{'worst':>10}"
        terminalreporter.line(heads)
        for row in rows:
            terminalreporter.line(row.line())
