"""Where option chains are kept: MongoDB where its URL is given, else the database of everything."""

from typing import TYPE_CHECKING

from marketbell.ports.chains import ChainStore
from marketbell.settings import Settings

if TYPE_CHECKING:
    from marketbell.adapters.stores.postgres import PostgresStores


def build_chains(settings: Settings, stores: "PostgresStores", connections: int = 4) -> ChainStore:
    """The store of option chains; whoever asks for it closes it. Nothing connects before its first use."""
    if settings.mongodb_url is None:
        return stores.chains
    from marketbell.adapters.stores.mongo import MongoChains

    return MongoChains(settings.mongodb_url, connections)


def examine_chains(settings: Settings) -> str:
    """The version of the MongoDB that keeps chains. StoreUnavailableError, InvalidSettingError in its words."""
    from marketbell.adapters.stores.mongo.connection import Line

    line = Line(settings.mongodb_url or "", connections=1)
    try:
        return line.check()
    finally:
        line.close()
