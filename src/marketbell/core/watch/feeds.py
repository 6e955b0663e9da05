"""A feed from which nothing comes while its venue is open."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketbell.core.market.session import SessionTable, session_index
from marketbell.core.watch.finding import NS, Finding

QUIET_STATES = frozenset({"ended", "paused", "idle"})
"""In these nothing has to come: a replay that is over, one that somebody stopped, an endpoint nobody uses."""


@dataclass(frozen=True, slots=True)
class FeedSeen:
    """A feed's document, and since when (ns UTC) its position has not moved."""

    document: Mapping[str, Any]
    still_since: int


def market_time(document: Mapping[str, Any], now: int) -> int:
    """The time that the venue's clock shows: a live feed's is ours, a replay's its own."""
    clock = document.get("clock")
    return now if document.get("kind") in {"live", "push"} or not isinstance(clock, int) else clock


def feed_silent(seen: FeedSeen, table: SessionTable, now: int, silence_s: float) -> Finding | None:
    """Something where nothing came for `silence_s` of an open session; before the open nothing is missed."""
    document = seen.document
    name = str(document.get("name", ""))
    if document.get("state") in QUIET_STATES or document.get("is_paused"):
        return None
    moment = market_time(document, now)
    opened = _open_since(table, moment)
    if opened is None:
        return None
    # a session that opened a moment ago has had no time to bring anything
    since = max(seen.still_since, now - (moment - opened))
    if now - since < silence_s * NS:
        return None
    label = str(document.get("label") or name)
    why = str(document.get("error") or "")
    return Finding(
        "feed_silent",
        name,
        since,
        f"{label} has been silent for {_told(now - since)} while its market is open" + (f": {why}" if why else "."),
        "Look at Data health for its state, and at the provider.",
    )


def _open_since(table: SessionTable, moment: int) -> int | None:
    at = int(session_index(table.open, table.close, np.array([moment], np.int64))[0])
    return None if at < 0 else int(table.open[at])


def _told(ns: int) -> str:
    seconds = ns // NS
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
