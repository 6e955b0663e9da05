"""Tells of standing screens: each change at once, and who is in which screen, in its order, twice a second."""

from collections.abc import Callable, Sequence
from typing import Any

from marketbell.core.engine.engine import Engine
from marketbell.core.screening.standing import Delta
from marketbell.flows.stream.documents import dumps
from marketbell.flows.stream.screen_lane import standing_of
from marketbell.ports.cache import Cache
from marketbell.ports.screens import NOW

MOST_TOLD = 500
"""Members that a document of the topic names; the cache has all of them."""


class ScreenTeller:
    """Used by the stream's own thread. `say` queues a document of the market topic."""

    def __init__(self, cache: Cache, say: Callable[[bytes], None]) -> None:
        self._cache = cache
        self._say = say
        self._changed: set[str] = set()
        self._known: set[str] = set()
        self._told: dict[str, list[str]] = {}
        self._engine: Engine | None = None

    def take(self, engine: Engine, deltas: Sequence[Delta]) -> None:
        """What happened in a batch of the log."""
        for delta in deltas:
            self._changed.add(delta.screen_id)
            moved = [[event, engine.instruments[row].key, delta.at] for event, row in delta.events]
            if moved:
                self._say(
                    dumps(_head(delta.screen_id, delta.owner_id, delta.seq, delta.count, delta.at) | {"events": moved})
                )

    def forget(self) -> None:
        """The cache was away, or another engine is here: all is told again."""
        self._told.clear()
        self._engine = None

    def tell(self, engines: Sequence[Engine]) -> None:
        """Members of screens that changed, to cache and topic; of a part of the market nothing.

        BusUnavailableError where the cache is away.
        """
        engine = engines[0]
        standing = standing_of(engine) if len(engines) == 1 else None
        if standing is None:
            return
        stand = standing.screens
        if engine is not self._engine:
            self._engine, self._changed = engine, set(stand)
        for screen_id in self._known - stand.keys():
            self._cache.delete(NOW + screen_id)
            self._told.pop(screen_id, None)
        self._changed |= stand.keys() - self._known
        self._known = set(stand)
        keys, now = engine.keys(), engine.now()
        for screen_id in sorted(self._changed & stand.keys()):
            try:
                members = [keys[row] for row in standing.members(screen_id).tolist()]
            except KeyError:  # it cannot be evaluated here
                members = []
            if self._told.get(screen_id) != members:
                seq, count = standing.seq(screen_id), len(members)
                said = {"seq": seq, "count": count, "as_of": now or None, "members": members}
                self._cache.set(NOW + screen_id, dumps(said))
                head = _head(screen_id, stand[screen_id], seq, count, now)
                self._say(dumps(head | {"members": members[:MOST_TOLD], "events": []}))
                self._told[screen_id] = members
        self._changed.clear()


def _head(screen_id: str, owner_id: str, seq: int, count: int, as_of: int) -> dict[str, Any]:
    return {
        "type": "screen",
        "screen_id": screen_id,
        "owner_id": owner_id,
        "seq": seq,
        "count": count,
        "as_of": as_of or None,
    }
