"""The stores under test: the twin in memory and PostgreSQL, with whatever a test before left swept out."""

from collections.abc import Iterator

import psycopg
import pytest

from marketbell.adapters.stores.memory import MemoryStores
from marketbell.adapters.stores.postgres import PostgresStores, migrate
from marketbell.ports.stores import Stores

SWEEP = """
    TRUNCATE market.instruments, market.snapshots, market.quality_counts, market.bars_1m, market.bars_1d,
        reference.facts, rules.rules, rules.versions, rules.commands, rules.screens, rules.screen_events,
        ledger.firings, ledger.shard_progress, ledger.outbox, ledger.alert_reads, people.sessions, people.idempotency,
        people.channels, engagement.watchlists
"""


@pytest.fixture(scope="module")
def migrated_url(postgres_url: str) -> str:
    migrate.upgrade(postgres_url)
    return postgres_url


@pytest.fixture
def postgres_stores(migrated_url: str) -> Iterator[PostgresStores]:
    with psycopg.connect(migrated_url) as connection:
        connection.execute(SWEEP)
    made = PostgresStores(migrated_url)
    yield made
    made.close()


@pytest.fixture(params=["memory", "postgres"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        return MemoryStores()
    made: Stores = request.getfixturevalue("postgres_stores")
    return made
