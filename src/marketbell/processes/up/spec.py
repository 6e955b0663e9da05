"""What the supervisor is told about a child, and what it knows of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from marketbell.ports.servers import Launch
from marketbell.processes.up.backoff import Backoff

ChildState = Literal[
    "waiting", "starting", "ready", "degraded", "restarting", "crash loop", "stopping", "stopped", "done"
]

SERVER, ENGINE, EDGE = 0, 1, 2
"""Stages: the higher stops first."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One child. Ready by `probe` where it has one, by its heartbeat otherwise; `once` ends by itself, and well."""

    name: str
    launch: Callable[[], Launch]
    needs: tuple[str, ...] = ()
    stage: int = EDGE
    probe: Callable[[], bool] | None = None
    once: bool = False
    port: int | None = None


@dataclass(slots=True)
class Child:
    """The state of one child as the supervisor sees it."""

    spec: Spec
    state: ChildState = "waiting"
    pid: int = 0
    stop_signal: int = 15
    created: float = 0.0
    started: float = 0.0
    since: float = field(default_factory=time.monotonic)
    ready_after_s: float | None = None
    restarts: int = 0
    last_exit: int | None = None
    reason: str = ""
    last_line: str = ""
    pss: int = 0
    heartbeat: Mapping[str, Any] = field(default_factory=dict)
    seen: float = 0.0
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def is_up(self) -> bool:
        """It does its work, perhaps not all of it."""
        return self.state in {"ready", "degraded", "done"}

    def document(self) -> dict[str, Any]:
        """For the run file and `status`."""
        return {
            "name": self.spec.name,
            "pid": self.pid or None,
            "created": self.created,
            "state": self.state,
            "restarts": self.restarts,
            "last_exit": self.last_exit,
            "reason": self.reason,
            "port": self.spec.port,
            "pss": self.pss,
            "ready_after_s": self.ready_after_s,
            "metrics_url": self.heartbeat.get("metrics_url"),
        }
