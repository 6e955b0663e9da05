"""Recorded files as a feed: tick and bar files in CSV and Parquet, and recorded sessions.

`tables` reads and names, `times` reads stamps, `venues` finds calendar and symbols, `ticks` and
`bars` build the merged source, `feed` paces it.
"""

from marketbell.adapters.feeds.replay.feed import ReplayFeed

__all__ = ["ReplayFeed"]
