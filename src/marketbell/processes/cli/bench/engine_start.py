"""How long a process takes until its engine can work: with compiled kernels in the cache, and without."""

import os
import subprocess
import sys
import tempfile

from marketbell.processes.cli.bench.engine_scaling import CHILD
from marketbell.processes.cli.bench.rows import BenchRow, in_turn, seconds

RUNS = 5


def _start(folder: str) -> float:
    """Seconds of a process that imports the engine and runs every kernel once."""
    environment = os.environ | {"NUMBA_CACHE_DIR": folder}
    command = [*CHILD, "start"]
    return seconds(lambda: subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL))  # noqa: S603 — our own module


def _interpreter() -> float:
    return seconds(lambda: subprocess.run([sys.executable, "-c", "import numba"], check=True))


def rows() -> list[BenchRow]:
    """The first start of all compiles (measured once); later ones load."""
    with tempfile.TemporaryDirectory(prefix="marketbell-bench-") as folder:
        cold = _start(folder)
        warm, bare = in_turn(RUNS, lambda: _start(folder), _interpreter)
    case = "start of an engine: process, imports, every kernel once; kernels cached"
    return [
        BenchRow(case, "s", warm, cold, "ours without a cache (one run: all is compiled)", higher_is_better=False),
        BenchRow(case, "s", warm, bare, "a process that imports Numba", higher_is_better=False),
    ]
