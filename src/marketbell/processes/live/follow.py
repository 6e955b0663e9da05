"""Follows the market: the topic of `stream` frame by frame, the cache once a second.

Each loop is a greenlet of its own. Losing Valkey or PostgreSQL is waited out: the last good rows stay,
the lights say what is missing, and the loop goes on from the offset it had.
"""

import time
from typing import Any

import orjson
import structlog

from marketbell.core.primitives.errors import BusUnavailableError, StoreUnavailableError, TopicLostError
from marketbell.flows.live.lights import lights
from marketbell.observability import Heartbeat, metrics
from marketbell.ports.screens import NOW
from marketbell.processes.live.directory import Directory
from marketbell.processes.live.hub import Hub
from marketbell.wiring.live import LiveParts

TOPIC = "market"
CHAIN_KEY = "market:chain:"
"""In the cache, with `{underlying}:{expiry}` behind it: the newest chain, as `stream` writes it."""
READ_WAIT_S = 0.5
RELOAD_AFTER_S = 1.5
"""`stream` writes the cache twice a second: after this, what the topic said before we came is in it."""
_FEED_FACTS = ("name", "label", "kind", "is_simulated", "state", "last_event_time", "lag_frames", "error")

log = structlog.stdlib.get_logger("live")


class Follower:
    """Feeds the hub's board."""

    def __init__(self, parts: LiveParts, hub: Hub, directory: Directory, heartbeat: Heartbeat) -> None:
        self._parts = parts
        self._hub = hub
        self._directory = directory
        self._heartbeat = heartbeat
        self._epoch: str | None = None
        self._offset = 0
        self._is_all_news = False
        """The topic was seen to be gone: whatever the next one holds was said after that."""
        self._reload_at: float | None = None
        self.is_stopped = False
        self.waiting_since_s: float | None = None
        """When the oldest change arrived that no frame has carried yet."""

    # -- the topic -----------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Read the topic for ever."""
        backoff_s = 0.2
        was_lost = False
        while not self.is_stopped:
            try:
                self._settle()
                self._read()
                if was_lost:
                    log.info("market.found_again", epoch=self._epoch)
                was_lost = False
                backoff_s = 0.2
                self._heartbeat.ready(**self.facts())
            except TopicLostError as error:
                log.warning("market.topic_lost", error=error.message)
                metrics().gaps.labels(TOPIC, "epoch").inc()
                self._epoch, self._is_all_news = None, True
            except BusUnavailableError as error:
                if not was_lost:
                    log.warning("market.unreachable", error=error.message)
                was_lost = True
                self._heartbeat.degraded(error.message, **self.facts())
                time.sleep(backoff_s)
                backoff_s = min(2.0, backoff_s * 2)

    def progressed(self) -> None:
        """The frame loop went round."""
        self._heartbeat.progressed()

    def facts(self) -> dict[str, Any]:
        """For the heartbeat."""
        return {
            "port": self._parts.settings.live_port,
            "rooms": len(self._hub.halls),
            "clients": int(metrics().clients._value.get()),  # noqa: SLF001 — the gauge is the one place that counts
        }

    def _settle(self) -> None:
        """Find the topic's epoch and where to begin; after a loss begin anew from the cache."""
        epoch = self._parts.bus.epoch(TOPIC)
        if epoch is None:
            self._epoch = None
            self._is_all_news = True
            self._heartbeat.ready(**self.facts(), waits_for=TOPIC)
            self._load()
            time.sleep(READ_WAIT_S)
            return
        if epoch != self._epoch:
            if self._epoch is not None or self._is_all_news:
                self._offset = 0
            else:  # the first start: what was said before is in the cache
                newest = self._parts.bus.last(TOPIC, 0)
                self._offset = newest[0] if newest else 0
            self._epoch, self._is_all_news = epoch, False
            self._load()
            self._reload_at = time.monotonic() + RELOAD_AFTER_S
            log.info("market.followed", epoch=epoch, offset=self._offset)

    def _read(self) -> None:
        if self._epoch is None:
            return
        # A few rounds before the epoch is looked at again: it changes only when the broker lost its data.
        for _ in range(10):
            if self.is_stopped:
                return
            for offset, frame in self._parts.bus.read(TOPIC, 0, self._offset, 500, READ_WAIT_S):
                self._offset = offset
                self._take(frame)
            if self._reload_at is not None and time.monotonic() >= self._reload_at:
                self._reload_at = None
                self._load()

    def _take(self, frame: bytes) -> None:
        metrics().frames.labels(TOPIC, "in").inc()
        document = orjson.loads(frame)
        kind = document.get("type")
        if kind == "firing":
            owner_id = str(document.get("owner_id") or "owner")
            self._hub.alert(owner_id, {k: v for k, v in document.items() if k != "type"})
        elif kind == "job":
            self._hub.show_job(str(document.get("run_id")), {k: v for k, v in document.items() if k != "type"})
        elif kind == "watchlist":
            self.show_watchlist(str(document.get("watchlist_id")))
        elif self._hub.board.apply(document) and self.waiting_since_s is None:
            self.waiting_since_s = time.monotonic()
        published_at = document.get("published_at")
        if isinstance(published_at, int):
            metrics().frame_latency.labels("bus").observe(max(0.0, (time.time_ns() - published_at) / 1e9))

    def show_watchlist(self, watchlist_id: str) -> None:
        """Read a watchlist anew for its room, if somebody is in it. It goes empty when the list is gone."""
        hall = self._hub.halls.get(f"watchlist:{watchlist_id}")
        if hall is None or hall.owner_id is None:
            return
        try:
            found = self._parts.watchlists.get(hall.owner_id, watchlist_id)
        except StoreUnavailableError as error:
            log.warning("watchlist.not_read", watchlist_id=watchlist_id, error=error.message)
            return
        self._hub.show_watchlist(hall, found.name if found else "", found.instruments if found else ())

    # -- the cache -----------------------------------------------------------------------------------------------

    def _load(self) -> None:
        """Everything the cache has, for a start or after a loss."""
        rows = {key: orjson.loads(value) for key, value in self._parts.cache.fields("market:rows").items()}
        self._hub.board.load_rows(rows)
        lists = self._document("market:lists")
        for name in ("lists", "breadth", "sectors", "indices"):
            if name in lists:
                self._hub.board.put_part(name, lists[name])
        self._summary()

    def _document(self, key: str) -> dict[str, Any]:
        value = self._parts.cache.get(key)
        found = orjson.loads(value) if value else {}
        return found if isinstance(found, dict) else {}

    def load_book(self, key: str) -> None:
        """The cached order book of an instrument, until the topic brings the next."""
        if f"depth:{key}" not in self._hub.board.parts:
            book = self._document(f"market:depth:{key}")
            if book:
                self._hub.board.put_part(f"depth:{key}", {k: book.get(k) for k in ("bids", "asks", "as_of")})

    def load_chain(self, name: str) -> None:
        """An option chain that somebody looks at, as the cache has it, until the topic brings what changes."""
        shelf = self._hub.board.watch_chain(name)
        if not shelf.seq or name in self._hub.board.torn_chains:
            found = self._document(f"{CHAIN_KEY}{name}")
            if found:
                self._hub.board.put_chain(found)

    def load_screen(self, screen_id: str) -> None:
        """The cached members of a screen, until the topic brings the next."""
        if f"screen:{screen_id}" not in self._hub.board.parts:
            found = self._document(f"{NOW}{screen_id}")
            if found:
                self._hub.board.apply({"type": "screen", "screen_id": screen_id, "events": []} | found)

    def _summary(self) -> None:
        board = self._hub.board
        summary = self._document("market:summary")
        for name in ("session", "clock", "source"):
            if name in summary:
                board.put_part(name, summary[name])
        for name in ("breadth", "sectors"):
            if name in summary and name not in board.parts:
                board.put_part(name, summary[name])

    def poll(self) -> None:
        """Once a second: feeds, lights, instruments. What has a clock in it comes by the topic alone."""
        board = self._hub.board
        while not self.is_stopped:
            self._directory.refresh(time.monotonic())
            try:
                value = self._parts.cache.get("feeds")
                found = orjson.loads(value) if value else []
                feeds = found if isinstance(found, list) else list(found.get("items", ()))
                board.put_part("feeds", [{name: feed.get(name) for name in _FEED_FACTS} for feed in feeds])
                status = self._document("stream:status")
                board.put_part("lights", lights(feeds, status, self._document("proc:stream")))
                for name in list(board.torn_chains):
                    self.load_chain(name)
            except BusUnavailableError:
                board.put_part("lights", lights(None, None, None))
            time.sleep(1.0)
