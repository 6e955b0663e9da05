"""What a benchmark reports, and how ours and a peer are measured in turn."""

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One case: ours beside a peer. `higher_is_better` says which way the unit points.

    `target` is the ratio to reach; None where the row only informs.
    """

    case: str
    unit: str
    ours: float
    peer: float | None
    peer_name: str
    target: float | None = None
    higher_is_better: bool = True

    @property
    def ratio(self) -> float | None:
        """Above 1 ours is better."""
        if self.peer is None or not self.peer or not self.ours:
            return None
        return self.ours / self.peer if self.higher_is_better else self.peer / self.ours

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None or self.ratio is None:
            return None
        return self.ratio >= self.target

    def as_dict(self) -> dict[str, Any]:
        """The row as `marketbell bench --json` prints it."""
        row = asdict(self)
        row.pop("higher_is_better")
        return row | {"ratio": self.ratio, "met": self.met}


def in_turn(runs: int, *cases: Callable[[], float]) -> list[float]:
    """Run the cases one after the other, `runs` times over, and give each one's median.

    In turn, so that a noisy neighbour disturbs all of them alike.
    """
    results: list[list[float]] = [[] for _ in cases]
    for _ in range(runs):
        for case, seen in zip(cases, results, strict=True):
            seen.append(case())
    return [statistics.median(seen) for seen in results]


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call, s."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    model = ""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        model = next(
            (line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line), ""
        )
    return {
        "cpu": model or platform.processor(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "load_1m": round(psutil.getloadavg()[0], 2),
    }
