"""Fundamentals asked for anew while the feed runs: what the store does not know yet goes to the log and to the store.

Only news is published: a rule at `update fundamentals` looks at every fact that comes along the log.
"""

import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
import structlog

from marketbell.core.columns.frame import FrameKind
from marketbell.core.primitives.errors import BusUnavailableError, MarketbellError
from marketbell.flows.ingest.library import Library, facts_of
from marketbell.ports.cache import Cache
from marketbell.ports.feeds import Batch
from marketbell.ports.stores import Fact, FundamentalStore

log = structlog.stdlib.get_logger("ingest.refresh")

ASKED_KEY = "feed:refresh"
"""Holds a word of the asker's while somebody wants fundamentals anew; taken from the cache once."""
ANSWER_PREFIX = "feed:refreshed:"
"""With that word behind it: {known, new, error} once it was done."""
ANSWER_TTL_S = 300.0
_EVER = 1 << 62

Key = tuple[int, str, str, int]


class Refresh:
    """Looks for the request, asks the feed on the library's thread, and hands news to the runner."""

    def __init__(
        self,
        reference: Callable[[], Sequence[Batch]],
        label: str,
        library: Library,
        store: FundamentalStore,
        cache: Cache,
    ) -> None:
        self._reference = reference
        self._label = label
        self._library = library
        self._store = store
        self._cache = cache
        self._news: queue.SimpleQueue[Batch] = queue.SimpleQueue()

    def look(self) -> None:
        """Take a request, where there is one. BusUnavailableError where the cache is away."""
        word = self._cache.take(ASKED_KEY)
        if word is not None:
            self._library.later("refresh", lambda: self._ask(word.decode()))

    def news(self) -> list[Batch]:
        """What came since the last call, to be published and kept."""
        found = []
        while not self._news.empty():
            found.append(self._news.get_nowait())
        return found

    def _ask(self, word: str) -> None:
        known = new = 0
        error = ""
        try:
            for batch in self._reference():
                if batch.kind is not FrameKind.REFERENCE:
                    continue
                facts = facts_of(batch.payload, self._label)
                fresh = self._unknown(facts)
                known, new = known + len(facts), new + len(fresh)
                if fresh:
                    items = [item for item in batch.payload["items"] if not fresh.isdisjoint(self._keys(batch, item))]
                    self._news.put(replace(batch, payload={**batch.payload, "items": items}))
        except MarketbellError as failure:
            error = failure.message
        log.info("fundamentals.refreshed", known=known, new=new, error=error)
        try:
            answer = orjson.dumps({"known": known, "new": new, "error": error})
            self._cache.set(ANSWER_PREFIX + word, answer, ttl_s=ANSWER_TTL_S)
        except BusUnavailableError as failure:
            log.warning("refresh.not_answered", error=failure.message)

    def _keys(self, batch: Batch, item: Mapping[str, Any]) -> set[Key]:
        return {_key(fact) for fact in facts_of({**batch.payload, "items": [item]}, self._label)}

    def _unknown(self, facts: Sequence[Fact]) -> set[Key]:
        if not facts:
            return set()
        ids = sorted({fact.instrument_id for fact in facts})
        return {_key(fact) for fact in facts} - {_key(fact) for fact in self._store.published(ids, _EVER)}


def _key(fact: Fact) -> Key:
    """What a fact is, whatever its value."""
    return fact.instrument_id, fact.name, fact.period_end, fact.version
