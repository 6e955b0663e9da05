"""The eyes of the watch: the cache's documents, the ledger's and the jobs' counts, the disk."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from marketbell.core.primitives.errors import BusUnavailableError
from marketbell.flows.watching.sights import Sight
from marketbell.ports.cache import Cache
from marketbell.ports.jobs import JobStore
from marketbell.ports.ledger import DeadSought, Ledger
from marketbell.ports.stores import LOCAL_OWNER

FEEDS_KEY, STREAM_KEY, PROCESS_PREFIX = "feeds", "stream:status", "proc:"
LETTERS_OF_NS = 86_400 * 1_000_000_000
"""Letters of the dead count for a day: what somebody has seen and left need not be told for ever."""
MOST_COUNTED = 1_000


class PortEyes:
    """Looks through the ports. `disk` gives free and total bytes."""

    def __init__(self, cache: Cache, ledger: Ledger, jobs: JobStore, disk: Callable[[], tuple[int, int]]) -> None:
        self._cache = cache
        self._ledger = ledger
        self._jobs = jobs
        self._disk = disk

    def look(self, now: int) -> Sight:
        """What can be seen at this moment; an outage of the store is the caller's to hear of."""
        unknown: set[str] = set()
        feeds: list[Mapping[str, Any]] | None = None
        stream: Mapping[str, Any] | None = None
        processes: dict[str, Mapping[str, Any]] | None = None
        try:
            feeds = orjson.loads(self._cache.get(FEEDS_KEY) or b"[]")
            stream = orjson.loads(self._cache.get(STREAM_KEY) or b"{}")
            processes = {}
            for key in self._cache.keys(PROCESS_PREFIX):
                raw = self._cache.get(key)
                if raw is not None:
                    processes[key.removeprefix(PROCESS_PREFIX)] = orjson.loads(raw)
        except BusUnavailableError:
            unknown |= {"feed_silent", "stream_stuck", "process_silent"}
        free, total = self._free(unknown)
        return Sight(
            feeds=feeds,
            stream=stream,
            processes=processes,
            oldest_unsent=self._ledger.oldest_unsent(now),
            dead_messages=len(self._ledger.dead(LOCAL_OWNER, DeadSought(since=now - LETTERS_OF_NS), MOST_COUNTED)),
            dead_runs=sum(
                one.died_at > now - LETTERS_OF_NS for one in self._jobs.dead(LOCAL_OWNER, limit=MOST_COUNTED)
            ),
            disk_free=free,
            disk_total=total,
            unknown=frozenset(unknown),
        )

    def _free(self, unknown: set[str]) -> tuple[int, int]:
        try:
            return self._disk()
        except OSError:
            unknown.add("disk")
            return 0, 0
