"""The stores in PostgreSQL, from 15 on. Migrations are in migrate.py, retention in housekeeping.py."""

from marketbell.adapters.stores.postgres.bars import PostgresBars
from marketbell.adapters.stores.postgres.chains import PostgresChains
from marketbell.adapters.stores.postgres.connections import Database
from marketbell.adapters.stores.postgres.jobs import PostgresJobs
from marketbell.adapters.stores.postgres.ledger import PostgresLedger
from marketbell.adapters.stores.postgres.market import PostgresInstruments, PostgresQuality, PostgresSnapshots
from marketbell.adapters.stores.postgres.people import (
    PostgresChannels,
    PostgresIdempotency,
    PostgresSessions,
    PostgresWatchlists,
)
from marketbell.adapters.stores.postgres.reference import PostgresFundamentals
from marketbell.adapters.stores.postgres.rules import PostgresRules
from marketbell.adapters.stores.postgres.screens import PostgresScreens
from marketbell.adapters.stores.postgres.watches import PostgresWatches
from marketbell.adapters.stores.postgres.wishes import PostgresWishes


class PostgresStores:
    """Every store over one small pool. Nothing connects before the first use."""

    def __init__(self, url: str, connections: int = 4) -> None:
        self.database = Database(url, connections)
        self.instruments = PostgresInstruments(self.database)
        self.bars = PostgresBars(self.database)
        self.snapshots = PostgresSnapshots(self.database)
        self.quality = PostgresQuality(self.database)
        self.fundamentals = PostgresFundamentals(self.database)
        self.chains = PostgresChains(self.database)
        self.rules = PostgresRules(self.database)
        self.screens = PostgresScreens(self.database)
        self.ledger = PostgresLedger(self.database)
        self.jobs = PostgresJobs(self.database)
        self.watches = PostgresWatches(self.database)
        self.wishes = PostgresWishes(self.database)
        self.watchlists = PostgresWatchlists(self.database)
        self.channels = PostgresChannels(self.database)
        self.sessions = PostgresSessions(self.database)
        self.idempotency = PostgresIdempotency(self.database)

    def ping(self) -> None:
        """StoreUnavailableError where the database does not answer."""
        self.database.ping()

    def close(self) -> None:
        """Let go of connections."""
        self.rules.close()
        self.ledger.close()
        self.database.close()
