"""Logging, metrics and the heartbeat, set up once and alike in every process.

Logs are JSON lines on stderr: `ts`, `level`, `process`, `event` (a past-tense name) and facts as keys.
"""

import contextlib
import datetime as dt
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from functools import cache as once
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import orjson
import structlog
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
)

from marketbell.core.primitives.errors import UnavailableError
from marketbell.ports.cache import Cache

State = Literal["starting", "ready", "degraded", "stopping"]

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


# ---- logging -------------------------------------------------------------------------------------------------------


def _stamp(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    event["ts"] = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return event


def _dumps(event: Any, **_: Any) -> str:
    # str() is the last resort: a log line must never be the reason for a failure
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY).decode()


class Voice(Protocol):
    """The settings that concern this file."""

    @property
    def log_level(self) -> Literal["debug", "info", "warning", "error"]: ...


def setup(name: str, settings: Voice) -> structlog.stdlib.BoundLogger:
    """Send everything this process says, also through the standard library, to stderr. Call it once, first."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _stamp,
        _process_named(name),
        structlog.stdlib.ExtraAdder(),
    ]
    shows_to_a_person = sys.stderr.isatty()
    tail: list[Any] = (
        [structlog.dev.ConsoleRenderer()]
        if shows_to_a_person
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_dumps)]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tail],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # what these tell at info level, our own events say better
    for chatty in (
        "celery.beat",
        "celery.app.trace",
        "celery.worker.strategy",
        "httpx",
        "httpcore",
        "alembic",
        "numba",
        "engineio",
        "socketio",
        "geventwebsocket",
    ):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
    return structlog.stdlib.get_logger(name)


def _process_named(name: str) -> Callable[[Any, str, dict[str, Any]], dict[str, Any]]:
    def add(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        event.setdefault("process", name)
        return event

    return add


# ---- metrics -------------------------------------------------------------------------------------------------------


class Metrics:
    """The names every process measures under; one object a registry."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"marketbell_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"marketbell_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(f"marketbell_{name}", text, labels, registry=registry, buckets=LATENCY_BUCKETS)

        self.registry = registry
        self.lag_frames = gauge("lag_frames", "Frames behind the newest of a partition", "topic", "partition")
        self.lag_seconds = gauge("lag_seconds", "Age of the newest event that was handled", "topic")
        self.ticks = counter("ticks_total", "Ticks handled, by kind of frame", "kind")
        self.quality = counter("quality_events_total", "Quality events", "kind", "action")
        self.frames = counter("frames_total", "Frames carried, by direction in or out", "topic", "direction")
        self.frame_latency = histogram("frame_latency_seconds", "From taking a frame to having handled it", "stage")
        self.queue_depth = gauge("queue_depth", "Things waiting in a queue", "queue")
        self.queue_dropped = counter("queue_dropped_total", "Things a full queue let go", "queue")
        self.gaps = counter("gaps_total", "Visible gaps in the log", "topic", "reason")
        self.checkpoint_age = gauge("checkpoint_age_seconds", "Age of the newest checkpoint", "partition")
        self.rule_evaluations = counter("rule_evaluations_total", "Rule evaluations", "kind")
        self.firings = counter("firings_total", "Firings written")
        self.deliveries = counter("deliveries_total", "Delivery attempts", "channel", "state")
        self.delivery_latency = histogram("delivery_seconds", "From recording a firing to having sent it", "channel")
        self.delivery_attempts = Histogram(
            "marketbell_delivery_attempts",
            "Attempts until a message was accepted",
            ("channel",),
            registry=registry,
            buckets=(1, 2, 3, 5, 8, 14, 100),
        )
        self.oldest_unsent = gauge("oldest_unsent_seconds", "Age of the oldest message not sent")
        self.requests = counter("http_requests_total", "HTTP requests", "method", "route", "status")
        self.request_latency = histogram("http_request_seconds", "HTTP request duration", "method", "route")
        self.clients = gauge("live_clients", "Connected live clients")
        self.retries = counter("retries_total", "Tries again after an outside system failed", "system")
        self.jobs = counter("jobs_total", "Scheduled jobs", "job", "state")
        self.state = gauge("process_ready", "1 while the process says ready")


@once
def metrics() -> Metrics:
    """This process's metrics."""
    return Metrics()


def metrics_page() -> tuple[bytes, str]:
    """Body and content type for a /metrics route."""
    return generate_latest(metrics().registry), CONTENT_TYPE_LATEST


def serve_metrics(port: int = 0) -> str:
    """Serve /metrics on 127.0.0.1 from a thread of its own; returns its URL."""
    server, _thread = start_http_server(port, addr="127.0.0.1", registry=metrics().registry)
    return f"http://127.0.0.1:{server.server_port}/metrics"


# ---- heartbeat -----------------------------------------------------------------------------------------------------

HEARTBEAT_PREFIX = "proc:"
HEARTBEAT_EVERY_S = 1.0
HEARTBEAT_TTL_S = 5.0


GIVE_BACK_AFTER_S = 3.0
GIVE_BACK_EVERY_S = 60.0


@once
def _trim() -> Callable[[int], int] | None:
    """Of glibc; other C libraries give back by themselves or not at all."""
    import ctypes  # noqa: PLC0415 — needed once a process

    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None


def give_back() -> None:
    """Hand free memory to the system: imports and first fills leave 10-20 MB a process behind, nine times over."""
    trim = _trim()
    if trim is not None:
        trim(0)


class Heartbeat:
    """Says once a second, in the cache under `proc:<name>`, how this process is.

    Liveness is progress: give `stall_s` and call `progressed()` from the main loop, and a loop that stands
    still turns the state into degraded by itself. `probe` adds facts (lags, counts) to each beat. A cache that does
    not answer is tried again at the next beat. Runs in a thread (a greenlet where gevent has patched).
    """

    def __init__(
        self,
        cache: Cache,
        name: str,
        *,
        metrics_url: str | None = None,
        probe: Callable[[], Mapping[str, Any]] | None = None,
        stall_s: float | None = None,
        every_s: float = HEARTBEAT_EVERY_S,
    ) -> None:
        self._cache = cache
        self._key = HEARTBEAT_PREFIX + name
        self._name = name
        self._metrics_url = metrics_url
        self._probe = probe
        self._stall_s = stall_s
        self._every_s = every_s
        self._state: State = "starting"
        self._detail: dict[str, Any] = {}
        self._since = _utc_now()
        self._last_progress = _steady()
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> State:
        """What this process last said of itself."""
        return self._state

    def start(self) -> Self:
        """Begin to beat."""
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{self._name}", daemon=True)
        self._thread.start()
        return self

    def set(self, state: State, **detail: Any) -> None:
        """Say a new state; it is told at once, not at the next second."""
        is_new = state != self._state
        self._state = state
        self._detail = detail
        self._last_progress = _steady()
        if is_new:
            self._since = _utc_now()
            metrics().state.set(1 if state == "ready" else 0)
            self._wake.set()

    def ready(self, **detail: Any) -> None:
        """Everything this process is for works."""
        self.set("ready", **detail)

    def degraded(self, reason: str, **detail: Any) -> None:
        """It runs, but something it needs does not answer."""
        self.set("degraded", reason=reason, **detail)

    def progressed(self) -> None:
        """Tell that the main loop went round."""
        self._last_progress = _steady()

    def close(self) -> None:
        """Say stopping, then leave: the key goes away."""
        self._state = "stopping"
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
            self._thread = None
        with contextlib.suppress(UnavailableError):
            self._cache.delete(self._key)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def document(self) -> dict[str, Any]:
        """What the next beat says."""
        state, detail = self._state, dict(self._detail)
        idle = _steady() - self._last_progress
        if self._stall_s is not None and state == "ready" and idle > self._stall_s:
            state = "degraded"
            detail["reason"] = f"no progress for {idle:.0f} s"
        if self._probe is not None:
            detail.update(self._probe())
        return {
            "name": self._name,
            "pid": os.getpid(),
            "state": state,
            "since": self._since,
            "beat": _utc_now(),
            "detail": detail,
            "metrics_url": self._metrics_url,
        }

    def _run(self) -> None:
        log = structlog.stdlib.get_logger("heartbeat")
        was_lost = False
        give_back_at = _steady() + GIVE_BACK_AFTER_S
        while not self._closed:
            if _steady() >= give_back_at and self._state != "starting":
                give_back_at = _steady() + GIVE_BACK_EVERY_S
                give_back()
            try:
                self._cache.set(self._key, _dumps(self.document()).encode(), ttl_s=HEARTBEAT_TTL_S)
                if was_lost:
                    log.info("heartbeat.resumed")
                was_lost = False
            except UnavailableError as error:
                if not was_lost:
                    log.warning("heartbeat.failed", error=error.message)
                was_lost = True
            except Exception:
                # a probe's fault must not silence the process: it is said, and the next beat tries again
                log.exception("heartbeat.probe_failed")
            self._wake.wait(self._every_s)
            self._wake.clear()


def _utc_now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _steady() -> float:
    import time  # noqa: PLC0415 — after gevent has patched, this is the patched module as well

    return time.monotonic()
