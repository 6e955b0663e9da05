"""The newest market, read from the cache: decoded once for all requests of the same half second."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from marketbell.core.primitives.errors import StoreUnavailableError
from marketbell.flows.market_views.stocks import Row, age_s
from marketbell.flows.market_views.universe import Universe
from marketbell.ports.cache import Cache
from marketbell.ports.stores import InstrumentStore

ROWS_FOR_S = 0.5
"""How long decoded rows serve: `stream` writes them twice a second."""
UNIVERSE_FOR_S = 5.0
NO_FEED = "no feed yet"


@dataclass(frozen=True, slots=True)
class Market:
    """One moment of the market as the cache has it. Empty, with `clock` None, before the first feed."""

    universe: Universe
    rows: Mapping[str, Row] = field(default_factory=dict)
    lists: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def as_of(self) -> int | None:
        """The moment the lists and rows belong to, ns UTC."""
        return self.summary.get("as_of") or self.lists.get("as_of")

    @property
    def clock(self) -> int | None:
        """The market's own clock: the replayed time in a replay."""
        return self.summary.get("clock") or self.as_of

    @property
    def source(self) -> str:
        """The feed's label, or words that say that there is none."""
        return str((self.summary.get("source") or {}).get("label") or NO_FEED)

    @property
    def keys(self) -> list[str]:
        """Every known instrument, by key: those of the reference and those only the engine knows."""
        return sorted(self.universe.by_key.keys() | self.rows.keys())

    def row(self, key: str) -> Row:
        """The instrument's row; empty before its first tick."""
        return self.rows.get(key, {})


class MarketReader:
    """Reads the cache's market keys and the instruments, and remembers them for a moment.

    Threads may share one. `monotonic` gives seconds. BusUnavailableError (cache) and
    StoreUnavailableError pass through, except that known instruments serve on while the store is away.
    """

    def __init__(self, cache: Cache, instruments: InstrumentStore, monotonic: Callable[[], float]) -> None:
        self._cache = cache
        self._instruments = instruments
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._market: Market | None = None
        self._market_at = 0.0
        self._universe: Universe | None = None
        self._universe_at = 0.0

    def universe(self) -> Universe:
        """The instruments, at most a few seconds old."""
        with self._lock:
            return self._universe_locked()

    def _universe_locked(self) -> Universe:
        now = self._monotonic()
        if self._universe is None or now - self._universe_at >= UNIVERSE_FOR_S:
            try:
                self._universe = Universe(self._instruments.all())
            except StoreUnavailableError:
                if self._universe is None:
                    raise
            self._universe_at = now
        return self._universe

    def market(self) -> Market:
        """The whole market, at most ROWS_FOR_S old."""
        with self._lock:
            now = self._monotonic()
            if self._market is None or now - self._market_at >= ROWS_FOR_S:
                self._market = self._read()
                self._market_at = now
            return self._market

    def _read(self) -> Market:
        summary = self.document("market:summary")
        clock = summary.get("clock")
        rows = {}
        for key, value in self._cache.fields("market:rows").items():
            row = orjson.loads(value)
            row["src.age"] = age_s(row, clock)
            rows[key] = row
        return Market(self._universe_locked(), rows, self.document("market:lists"), summary)

    def document(self, key: str) -> dict[str, Any]:
        """A JSON object of the cache; {} where there is none."""
        value = self._cache.get(key)
        found = orjson.loads(value) if value else {}
        return found if isinstance(found, dict) else {}

    def array(self, key: str) -> list[Any]:
        """A JSON array of the cache; [] where there is none."""
        value = self._cache.get(key)
        found = orjson.loads(value) if value else []
        return found if isinstance(found, list) else list(found.get("items", ()))

    def processes(self) -> dict[str, dict[str, Any]]:
        """The heartbeats of the processes by name; one that stopped beating is absent."""
        found: dict[str, dict[str, Any]] = {}
        for key in sorted(self._cache.keys("proc:")):
            value = self._cache.get(key)
            if value:
                found[key.removeprefix("proc:")] = orjson.loads(value)
        return found


def known(keys: Iterable[str], market: Market) -> list[str]:
    """Those of the keys that have a row or are in the reference, in the given order."""
    return [key for key in keys if key in market.rows or key in market.universe.by_key]
