"""The watch, over the sender's own parts."""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import orjson

from marketbell.core.primitives.errors import UnavailableError
from marketbell.core.primitives.shards import Shards, stream_name
from marketbell.flows.watching.eyes import PortEyes
from marketbell.flows.watching.rounds import Rounds
from marketbell.flows.watching.sights import Terms
from marketbell.flows.watching.watcher import SUBJECT, Watcher
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.ledger import Firing
from marketbell.settings import Settings

if TYPE_CHECKING:
    from marketbell.adapters.stores.postgres import PostgresStores

__all__ = ["SUBJECT", "build_rounds", "watched"]

MARKET = "market"
"""The topic that the live process follows."""
HOUSE = ("ingest", "api", "live", "worker", "beat")


def watched(settings: Settings) -> tuple[str, ...]:
    """The processes that must be heard of; the sender itself is whoever watches."""
    ranges = Shards.parse(settings.stream.shards).cut(settings.stream.processes)
    return (*HOUSE, *(stream_name(part) for part in ranges))


def build_rounds(
    settings: Settings,
    stores: "PostgresStores",
    cache: Cache,
    clock: Clock,
    is_working: Callable[[], bool] = lambda: True,
) -> tuple[Rounds, Callable[[], None]]:
    """The rounds, and what closes their connections."""
    from marketbell.adapters.bus.redis import RedisBus
    from marketbell.adapters.outgoing.guarded import GuardedHttp
    from marketbell.wiring.calendars import calendars

    watch = settings.watch
    terms = Terms(
        feed_silence_s=watch.feed_silence_s,
        stuck_s=watch.stuck_s,
        unsent_s=watch.unsent_s,
        process_silent_s=watch.process_silent_s,
        disk_free=watch.disk_free_mb << 20,
        dead_letters=watch.dead_letters,
        calm_s=watch.calm_s,
    )

    def disk() -> tuple[int, int]:
        found = shutil.disk_usage(settings.data_dir)
        return found.free, found.total

    bus = RedisBus(settings.redis_url) if settings.redis_url else None

    def told(firing: Firing) -> None:
        """At once to whoever looks at a page; who does not finds it in the inbox."""
        if bus is not None:
            with contextlib.suppress(UnavailableError):
                bus.publish(MARKET, 0, orjson.dumps({"type": "firing", **asdict(firing)}))

    def close() -> None:
        for one in (bus, outgoing):
            if one is not None:
                one.close()

    watcher = Watcher(
        PortEyes(cache, stores.ledger, stores.jobs, disk),
        stores.watches,
        stores.ledger,
        calendars().sessions,
        clock,
        terms,
        wanted=watched(settings),
        notify=settings.notify.operator,
        told=told,
    )
    outgoing = GuardedHttp(settings.notify.allow_private) if watch.heartbeat_url else None
    rounds = Rounds(
        watcher,
        cache,
        clock,
        every_s=watch.every_s,
        outgoing=outgoing,
        heartbeat_url=watch.heartbeat_url,
        heartbeat_every_s=watch.heartbeat_every_s,
        is_working=is_working,
    )
    return rounds, close
