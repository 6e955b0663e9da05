"""The lights of the top bar that the server knows: server to feeds, and the evaluator."""

from collections.abc import Mapping, Sequence
from typing import Any

_WORST_FIRST = ("error", "stale", "paused", "ended", "running", "idle")
BEHIND_FRAMES = 500
"""An evaluator this many frames behind the log is said to be behind."""


def lights(
    feeds: Sequence[Mapping[str, Any]] | None, status: Mapping[str, Any] | None, stream: Mapping[str, Any] | None
) -> dict[str, Any]:
    """{feeds: {state, text}, evaluator: {state, text, lag}}; None means that the cache does not answer.

    `stream` is the heartbeat of that process, empty when it does not beat.
    """
    return {"feeds": _feeds(feeds), "evaluator": _evaluator(status, stream)}


def _feeds(feeds: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    if feeds is None:
        return {"state": "unknown", "text": "The server does not reach its cache."}
    if not feeds:
        return {"state": "none", "text": "No feed is running."}
    states = [str(feed.get("state", "running")) for feed in feeds]
    worst = next((state for state in _WORST_FIRST if state in states), "running")
    of = [str(feed.get("label") or feed.get("name")) for feed in feeds if str(feed.get("state", "running")) == worst]
    words = {
        "error": "has an error",
        "stale": "sends nothing at the moment",
        "paused": "is paused",
        "ended": "has come to its end",
        "running": "is running",
        "idle": "waits for data to be sent",
    }
    return {"state": worst, "text": f"{', '.join(of)} {words[worst]}."}


def _evaluator(status: Mapping[str, Any] | None, stream: Mapping[str, Any] | None) -> dict[str, Any]:
    if status is None or stream is None:
        return {"state": "unknown", "text": "The server does not reach its cache.", "lag": None}
    lags = [int(entry.get("lag") or 0) for entry in status.get("partitions") or ()]
    lag = max(lags, default=0)
    if not stream:
        return {"state": "down", "text": "The evaluator does not answer; it is being restarted.", "lag": lag}
    if stream.get("state") not in {"ready", "degraded"}:
        return {"state": "starting", "text": "The evaluator is starting.", "lag": lag}
    if stream.get("state") == "degraded":
        reason = (stream.get("detail") or {}).get("reason", "something it needs does not answer")
        return {"state": "degraded", "text": f"The evaluator waits: {reason}.", "lag": lag}
    if lag > BEHIND_FRAMES:
        return {"state": "behind", "text": f"The evaluator is {lag} frames behind.", "lag": lag}
    return {"state": "running", "text": "The evaluator is up to date.", "lag": lag}
