"""Fundamentals asked for anew: only what is news goes along the log, and the asker gets an answer."""

from collections.abc import Sequence
from typing import Any

import orjson

from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.columns.frame import FrameKind
from marketbell.core.primitives.errors import FeedUnavailableError
from marketbell.flows.ingest.library import Library, facts_of
from marketbell.flows.ingest.refresh import ANSWER_PREFIX, ASKED_KEY, Refresh
from marketbell.flows.jobs.fundamentals import ANSWER_PREFIX as JOBS_PREFIX
from marketbell.flows.jobs.fundamentals import ASKED_KEY as JOBS_KEY
from marketbell.ports.feeds import Batch

DAY = 86_400 * 10**9


def batch(*items: tuple[int, str, float, int]) -> Batch:
    published = [
        {
            "instrument_id": ident,
            "facts": [
                {"name": name, "value": value, "period_end": "2026-03-31", "published_at": 9, "version": version}
            ],
        }
        for ident, name, value, version in items
    ]
    return Batch(FrameKind.REFERENCE, {}, 0, {"type": "fundamentals", "items": published})


class Desk:
    def __init__(self) -> None:
        self.stores, self.cache = MemoryStores(), MemoryCache()
        self.library = Library(self.stores.instruments, self.stores.fundamentals, self.stores.bars)
        self.published: Sequence[Batch] | Exception = []
        self.refresh = Refresh(self.reference, "feed", self.library, self.stores.fundamentals, self.cache)

    def reference(self) -> Sequence[Batch]:
        if isinstance(self.published, Exception):
            raise self.published
        return self.published

    def ask(self, word: str) -> tuple[dict[str, Any], list[Batch]]:
        self.cache.set(ASKED_KEY, word.encode())
        self.refresh.look()
        while self.library.step():
            pass
        return orjson.loads(self.cache.take(ANSWER_PREFIX + word) or b"null"), self.refresh.news()


def test_the_asker_and_the_asked_use_the_same_words() -> None:
    assert (JOBS_KEY, JOBS_PREFIX) == (ASKED_KEY, ANSWER_PREFIX)


def test_only_what_the_store_does_not_know_is_news() -> None:
    desk = Desk()
    known = batch((7, "fund.pe", 12.0, 1), (8, "fund.pe", 9.0, 1))
    desk.stores.fundamentals.put(facts_of(known.payload, "feed"))
    desk.published = [known]
    assert desk.ask("a") == ({"known": 2, "new": 0, "error": ""}, [])
    desk.published = [batch((7, "fund.pe", 12.0, 1), (8, "fund.pe", 9.5, 2)), batch((9, "fund.eps", 1.0, 1))]
    answer, news = desk.ask("b")
    assert answer == {"known": 3, "new": 2, "error": ""}
    assert [[item["instrument_id"] for item in one.payload["items"]] for one in news] == [[8], [9]]
    desk.library.put_reference(news, "feed")
    assert desk.ask("c")[0]["new"] == 0


def test_nobody_asks_nobody_is_answered() -> None:
    desk = Desk()
    desk.published = RuntimeError("must not be asked")
    desk.refresh.look()
    assert not desk.library.step()


def test_a_provider_that_does_not_answer_is_told() -> None:
    desk = Desk()
    desk.published = FeedUnavailableError("the key is refused")
    assert desk.ask("a") == ({"known": 0, "new": 0, "error": "the key is refused"}, [])
