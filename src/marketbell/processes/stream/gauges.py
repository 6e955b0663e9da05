"""The stream's figures: once a second into Prometheus and the heartbeat."""

from typing import Any

from marketbell.core.quality.kinds import ACTIONS, QualityKind
from marketbell.flows.stream.desk import StreamDesk
from marketbell.flows.stream.runner import LOG
from marketbell.observability import metrics


class Gauges:
    """Turns the desk's totals into counters that only grow."""

    def __init__(self, desk: StreamDesk) -> None:
        self._desk = desk
        self._before: dict[tuple[str, ...], float] = {}
        self.problem = ""

    def probe(self) -> dict[str, Any]:
        """What the heartbeat says beside the state."""
        status = self._desk.runner.status()
        measured = metrics()
        for one in status["partitions"]:
            number = one["label"]
            measured.lag_frames.labels(LOG, number).set(one["lag"])
            if one["checkpoint_age_s"] is not None:
                measured.checkpoint_age.labels(number).set(one["checkpoint_age_s"])
            self._grow(measured.gaps.labels(LOG, "seen"), ("gaps", number), one["gaps"])
        for kind, count in status["ticks"].items():
            self._grow(measured.ticks.labels(kind), ("ticks", kind), count)
        for partition in self._desk.partitions:
            for kind, count in _by_kind(partition.quality.copy()).items():
                labels = (kind.name.lower(), ACTIONS[kind])
                self._grow(measured.quality.labels(*labels), ("quality", partition.label, *labels), count)
        self._grow(measured.firings, ("firings",), status["firings_written"])
        self._grow(measured.queue_dropped.labels("market"), ("dropped",), status["waiting"]["dropped"])
        for lane in ("ledger", "bars", "chains", "market"):
            measured.queue_depth.labels(lane).set(status["waiting"][lane])
        return {
            "ticks_per_s": round(status["ticks_per_s"], 1),
            "lag": sum(one["lag"] for one in status["partitions"]),
            "partitions": {one["label"]: one["state"] for one in status["partitions"]},
            "gaps": sum(one["gaps"] for one in status["partitions"]),
            "chains": status["chains"] | {"waiting": status["waiting"]["chains"]},
        }

    def _grow(self, counter: Any, name: tuple[str, ...], total: float) -> None:
        """A new run begins its totals at 0: then the whole of them is new."""
        before = self._before.get(name, 0.0)
        counter.inc(total - before if total >= before else total)
        self._before[name] = total


def _by_kind(quality: dict[tuple[int, int, int], int]) -> dict[QualityKind, int]:
    found: dict[QualityKind, int] = {}
    for (_, _, kind), count in quality.items():
        found[QualityKind(kind)] = found.get(QualityKind(kind), 0) + count
    return found
