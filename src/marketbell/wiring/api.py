"""What the REST process is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from marketbell.ports.bus import Bus
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.notifiers import Notifier
from marketbell.ports.stores import (
    BarStore,
    ChannelStore,
    FundamentalStore,
    IdempotencyStore,
    InstrumentStore,
    Ledger,
    RuleStore,
    SessionStore,
    WatchlistStore,
)
from marketbell.settings import Settings


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
    rules: RuleStore
    ledger: Ledger
    watchlists: WatchlistStore
    channels: ChannelStore
    sessions: SessionStore
    idempotency: IdempotencyStore
    owner_token: str
    signing_key: bytes
    notifiers: Mapping[str, Notifier] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None
