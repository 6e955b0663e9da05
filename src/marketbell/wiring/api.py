"""What the REST process is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marketbell.core.primitives.errors import UnavailableError
from marketbell.ports.bus import Bus
from marketbell.ports.cache import Cache
from marketbell.ports.chains import ChainStore
from marketbell.ports.clock import Clock
from marketbell.ports.jobs import JobStore
from marketbell.ports.ledger import Ledger
from marketbell.ports.notifiers import Notifier
from marketbell.ports.stores import (
    BarStore,
    ChannelStore,
    FundamentalStore,
    IdempotencyStore,
    InstrumentStore,
    RuleStore,
    ScreenStore,
    SessionStore,
    WatchlistStore,
)
from marketbell.ports.wishes import WishStore
from marketbell.settings import Settings


def no_preview(_: Mapping[str, Any]) -> dict[str, Any]:
    """Where there is no history to try a rule on."""
    raise UnavailableError("previews are not set up here")


@dataclass(frozen=True, slots=True)
class ApiParts:
    """Ports and secrets for the routes. `close` lets go of connections."""

    settings: Settings
    clock: Clock
    cache: Cache
    bus: Bus
    instruments: InstrumentStore
    bars: BarStore
    fundamentals: FundamentalStore
    chains: ChainStore
    rules: RuleStore
    screens: ScreenStore
    jobs: JobStore
    ledger: Ledger
    wishes: WishStore
    watchlists: WatchlistStore
    channels: ChannelStore
    sessions: SessionStore
    idempotency: IdempotencyStore
    owner_token: str
    signing_key: bytes
    notifiers: Mapping[str, Notifier] = field(default_factory=dict)
    preview: Callable[[Mapping[str, Any]], dict[str, Any]] = no_preview
    """Tries a rule on stored history (flows/backtest/preview.Question as JSON)."""
    close: Callable[[], None] = lambda: None


def build_api(settings: Settings) -> ApiParts:
    """Real parts by the settings' URLs. Nothing connects before its first use."""
    from marketbell.adapters.bus.redis import RedisBus
    from marketbell.adapters.cache.redis import RedisCache
    from marketbell.adapters.clock.system import SystemClock
    from marketbell.adapters.stores.postgres import PostgresStores
    from marketbell.wiring.chains import build_chains
    from marketbell.wiring.notifiers import build_notifiers
    from marketbell.wiring.preview import PreviewProcess
    from marketbell.wiring.secrets import owner_token, required, signing_key

    stores = PostgresStores(required(settings.database_url, "database_url"))
    chains = build_chains(settings, stores)
    cache = RedisCache(required(settings.cache_url, "cache_url"))
    bus = RedisBus(required(settings.redis_url, "redis_url"))

    clock = SystemClock()
    preview = PreviewProcess(required(settings.database_url, "database_url"), settings.mongodb_url)
    notifiers, close_notifiers = build_notifiers(settings, clock)

    def close() -> None:
        preview.close()
        close_notifiers()
        chains.close()
        stores.close()
        cache.close()
        bus.close()

    return ApiParts(
        settings=settings,
        clock=clock,
        cache=cache,
        bus=bus,
        instruments=stores.instruments,
        bars=stores.bars,
        fundamentals=stores.fundamentals,
        chains=chains,
        rules=stores.rules,
        screens=stores.screens,
        jobs=stores.jobs,
        ledger=stores.ledger,
        wishes=stores.wishes,
        watchlists=stores.watchlists,
        channels=stores.channels,
        sessions=stores.sessions,
        idempotency=stores.idempotency,
        owner_token=owner_token(settings.data_dir),
        signing_key=signing_key(settings.data_dir),
        notifiers=notifiers,
        preview=preview,
        close=close,
    )
