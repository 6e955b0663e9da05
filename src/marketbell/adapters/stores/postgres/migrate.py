"""Bring a database's schema up or down. The only module here that needs SQLAlchemy and Alembic."""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool

from marketbell.adapters.stores.postgres.connections import conninfo
from marketbell.core.primitives.errors import StoreUnavailableError

_LOCK = 0x4D42_4D49  # one migration at a time, whoever starts it


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate up to `revision`. Nothing happens where the database is there already."""
    _run(url, lambda config: command.upgrade(config, revision))


def downgrade(url: str, revision: str = "base") -> None:
    """Migrate down to `revision`. The data of what is dropped is gone."""
    _run(url, lambda config: command.downgrade(config, revision))


def current(url: str) -> str | None:
    """The revision that the database is at, None before the first migration."""
    with _engine(url).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str | None:
    """The newest revision that this program knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _run(url: str, step: Callable[[Config], None]) -> None:
    config = _config()
    try:
        with _engine(url).connect() as connection:
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            connection.commit()
            config.attributes["connection"] = connection
            step(config)
            connection.commit()
    except sqlalchemy.exc.OperationalError as error:
        message = f"the database did not answer: {' '.join(str(error.orig).split())}"
        raise StoreUnavailableError(message) from error


def _engine(url: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        conninfo(url).replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool
    )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
