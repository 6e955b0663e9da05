"""What the sender is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from marketbell.core.alerts.pace import Pace
from marketbell.core.alerts.retry import RetryPolicy
from marketbell.flows.alerting.delivering import Deliverer, Terms
from marketbell.flows.alerting.gathering import Gatherer
from marketbell.flows.alerting.planning import Planner
from marketbell.flows.alerting.signing import Links
from marketbell.flows.watching.rounds import Rounds
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.ledger import Ledger
from marketbell.settings import Settings

CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class SenderParts:
    """Planner, gatherer, deliverer, and the ports that the loop itself needs. `close` lets go of connections."""

    planner: Planner
    gatherer: Gatherer
    paces: Mapping[str, Pace]
    deliverer: Deliverer
    ledger: Ledger
    cache: Cache
    clock: Clock
    rounds: Rounds
    """Of the watch, beside the loop."""
    close: Callable[[], None]


def link_base(settings: Settings) -> str:
    """What the links of messages begin with."""
    if settings.notify.link_base:
        return settings.notify.link_base
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 — a comparison
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{settings.port}"


def build_sender(settings: Settings) -> SenderParts:
    """Real parts by the settings' URLs. Nothing connects before its first use."""
    from marketbell.adapters.cache.redis import RedisCache
    from marketbell.adapters.clock.system import SystemClock
    from marketbell.adapters.stores.postgres import PostgresStores
    from marketbell.wiring.notifiers import build_notifiers, paces
    from marketbell.wiring.secrets import required, signing_key
    from marketbell.wiring.watch import build_rounds

    clock = SystemClock()
    stores = PostgresStores(required(settings.database_url, "database_url"), CONNECTIONS)
    cache = RedisCache(required(settings.cache_url, "cache_url"))
    notifiers, close_notifiers = build_notifiers(settings, clock)
    terms = Terms(settings.notify.lease_s, settings.notify.max_age_s, RetryPolicy(attempts=settings.notify.attempts))

    base = link_base(settings)
    links = Links(signing_key(settings.data_dir), base)

    def is_working() -> bool:
        """True while messages leave: none has waited for longer than the watch allows."""
        oldest = stores.ledger.oldest_unsent(clock.now())
        return oldest is None or clock.now() - oldest < settings.watch.unsent_s * 1e9

    rounds, close_rounds = build_rounds(settings, stores, cache, clock, is_working)

    def close() -> None:
        close_notifiers()
        close_rounds()
        stores.close()
        cache.close()

    return SenderParts(
        planner=Planner(
            stores.ledger,
            stores.channels,
            stores.instruments,
            clock,
            base,
            wishes=stores.wishes,
            rules=stores.rules,
            links=links,
        ),
        gatherer=Gatherer(stores.ledger, clock, base, wishes=stores.wishes, links=links),
        paces=paces(settings),
        deliverer=Deliverer(stores.ledger, stores.channels, notifiers, clock, terms, wishes=stores.wishes),
        ledger=stores.ledger,
        cache=cache,
        clock=clock,
        rounds=rounds,
        close=close,
    )
