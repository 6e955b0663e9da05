"""Finnhub: live trades over its websocket. Anatomy of a connector: docs/howto/write-a-feed.md."""
