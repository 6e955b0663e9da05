"""Option chains in MongoDB, from 6 on. Nothing else is kept there."""

from marketbell.adapters.stores.mongo.chains import MongoChains

__all__ = ["MongoChains"]
