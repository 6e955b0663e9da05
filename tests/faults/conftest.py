"""How often the fault tests kill, and the table of what came of it.

`./dev faults` runs the short form, which is part of `./dev test`; `./dev faults --full` the counts of the
fault matrix, which takes the better part of an hour.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from kill_house import Tally

FULL_TIMEOUT_S = 3_600


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="the fault matrix's own counts, instead of a few of each")
    parser.addoption("--kills", type=int, help="this many kills of each kind")
    parser.addoption("--seeds", type=int, help="this many worlds of the simulation")
    parser.addoption("--seed", type=int, help="this one world of the simulation")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("full", default=False):
        for item in items:
            if item.get_closest_marker("faults"):
                item.add_marker(pytest.mark.timeout(FULL_TIMEOUT_S), append=False)


_TALLIES = pytest.StashKey[list[Tally]]()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """A row to fill; it is shown at the end also where the test failed."""
    row = Tally(request.node.name)
    yield row
    if row.times:
        request.config.stash.setdefault(_TALLIES, []).append(row)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(_TALLIES, [])
    if rows:
        terminalreporter.section("faults")
        terminalreporter.line(f"{'fault':<28}{'times':>6}{'lost':>7}{'doubled':>9}{'p50':>11}{'p95':>10}")
        for row in rows:
            terminalreporter.line(row.line())
