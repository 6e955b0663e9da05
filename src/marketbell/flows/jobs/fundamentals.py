"""Fundamentals are asked for anew: `ingest` holds the feed, so it is the one that asks the provider."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from marketbell.core.primitives.errors import FeedUnavailableError
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.jobs import Run

ASKED_KEY = "feed:refresh"
ANSWER_PREFIX = "feed:refreshed:"
"""The words that `ingest` looks for, and answers under (flows/ingest/refresh)."""
ANSWERED_WITHIN_S = 120.0
_LOOK_EVERY_S = 0.5


def refresher(cache: Cache, clock: Clock) -> Callable[[Run, Callable[[float, str], None]], Mapping[str, Any]]:
    """The work of the job: `{known, new}` facts. FeedUnavailableError (it is tried again) where it was not done."""

    def work(run: Run, report: Callable[[float, str], None]) -> Mapping[str, Any]:
        word = f"{run.run_id}.{run.attempts}"
        cache.set(ASKED_KEY, word.encode(), ttl_s=ANSWERED_WITHIN_S)
        began = clock.monotonic()
        while (answer := cache.take(ANSWER_PREFIX + word)) is None:
            if clock.monotonic() - began > ANSWERED_WITHIN_S:
                raise FeedUnavailableError("nobody asked the feed for its fundamentals: is `ingest` running?")
            report(0.0, "asking")
            clock.sleep(_LOOK_EVERY_S)
        found: dict[str, Any] = orjson.loads(answer)
        if found["error"]:
            raise FeedUnavailableError(str(found["error"]))
        return {"known": found["known"], "new": found["new"]}

    return work
