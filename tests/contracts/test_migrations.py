"""The schema goes up and down on a real server, and every field of an instrument has its column."""

from collections.abc import Iterator
from dataclasses import fields

import psycopg
import pytest

from marketbell.adapters.stores.postgres import migrate
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import InvalidSettingError, StoreUnavailableError

SCHEMAS = {"market", "reference", "rules", "ledger", "people", "engagement", "jobs"}


@pytest.fixture
def empty_url(postgres_url: str) -> Iterator[str]:
    yield postgres_url
    migrate.downgrade(postgres_url)


def shape(url: str) -> set[tuple[str, ...]]:
    """Every column and index of our schemas."""
    with psycopg.connect(url) as connection:
        columns = connection.execute(
            "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = ANY (%s)",
            (list(SCHEMAS),),
        )
        indexes = connection.execute(
            "SELECT schemaname, indexname, indexdef, '' FROM pg_indexes WHERE schemaname = ANY (%s)", (list(SCHEMAS),)
        )
        return {tuple(row) for row in [*columns, *indexes]}


def test_up_down_and_up_again_gives_the_same_schema(empty_url: str) -> None:
    assert migrate.current(empty_url) is None
    migrate.upgrade(empty_url)
    assert migrate.current(empty_url) == migrate.head()
    first = shape(empty_url)
    assert {row[0] for row in first} == SCHEMAS

    migrate.upgrade(empty_url)
    assert shape(empty_url) == first

    migrate.downgrade(empty_url)
    assert migrate.current(empty_url) is None
    assert shape(empty_url) == set()

    migrate.upgrade(empty_url)
    assert shape(empty_url) == first


def test_every_personal_table_has_an_owner(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    with_owner = {row[1] for row in shape(empty_url) if row[2] == "owner_id"}
    assert with_owner >= {
        "rules",
        "firings",
        "outbox",
        "alert_reads",
        "sessions",
        "idempotency",
        "channels",
        "watchlists",
    }


def test_every_field_of_an_instrument_has_a_column(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    columns = {row[2] for row in shape(empty_url) if row[1] == "instruments"}
    assert columns >= {field.name for field in fields(Instrument)}


def test_bars_are_partitioned_by_time(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    with psycopg.connect(empty_url) as connection:
        found = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = 'market'::regnamespace"
        )
        assert {row[0] for row in found} == {"bars_1m", "bars_1d"}


def test_a_server_that_is_not_there_is_an_outage() -> None:
    with pytest.raises(StoreUnavailableError, match="did not answer"):
        migrate.upgrade("postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")


@pytest.mark.parametrize("url", ["mysql://x/y", "127.0.0.1:5432", "postgresql://a:b:c@:z:/?nope=1"])
def test_a_url_of_something_else_is_an_error_of_settings(url: str) -> None:
    with pytest.raises(InvalidSettingError):
        migrate.upgrade(url)
