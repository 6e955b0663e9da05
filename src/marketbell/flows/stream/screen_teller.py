"""Tells of standing screens: each change at once, and who is in which screen, in its order, twice a second.

Where no engine has the whole market, see screen_parts.py: then all is told twice a second.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marketbell.core.engine.engine import Engine
from marketbell.core.screening.standing import Delta, StandingScreens
from marketbell.flows.stream.documents import dumps
from marketbell.flows.stream.screen_lane import standing_of
from marketbell.flows.stream.screen_parts import MOST_TOLD, PART, ScreenPart, ScreenWhole
from marketbell.ports.cache import Cache
from marketbell.ports.screens import NOW


class ScreenTeller:
    """Used by the stream's own thread. `say` queues a document of the market topic."""

    def __init__(self, cache: Cache, say: Callable[[bytes], None]) -> None:
        self._cache = cache
        self._say = say
        self._changed: set[str] = set()
        self._known: set[str] = set()
        self._told: dict[str, list[str]] = {}
        self._engine: Engine | None = None
        self._parts: dict[str, ScreenPart] = {}
        self._whole = ScreenWhole(cache, say)

    def take(self, label: str, engine: Engine, deltas: Sequence[Delta]) -> None:
        """What happened in a batch of the log, in the engine of this label."""
        if not engine.is_whole:
            self._part(label, engine).take(deltas)
            return
        for delta in deltas:
            self._changed.add(delta.screen_id)
            moved = [[event, engine.instruments[row].key, delta.at] for event, row in delta.events]
            if moved:
                self._say(
                    dumps(_head(delta.screen_id, delta.owner_id, delta.seq, delta.count, delta.at) | {"events": moved})
                )

    def _part(self, label: str, engine: Engine) -> ScreenPart:
        found = self._parts.get(label)
        if found is None or found.engine is not engine:
            found = self._parts[label] = ScreenPart(self._cache, label, engine)
        return found

    def forget(self) -> None:
        """The cache was away, or another engine is here: all is told again."""
        self._told.clear()
        self._engine = None
        self._whole.forget()
        for part in self._parts.values():
            part.forget()

    def tell(self, engines: Mapping[str, Engine], labels: Sequence[str] | None = None) -> None:
        """Members of screens that changed, to cache and topic. `engines` are ours, by label.

        `labels` are those of all parts of the market where this process is to tell of the whole; None where another
        one does. Without them ours are all that there are. BusUnavailableError where the cache is away.
        """
        found = {label: (engine, standing_of(engine)) for label, engine in engines.items()}
        alone = next(iter(found.values())) if len(found) == 1 else None
        if alone is not None and alone[0].is_whole:
            self._parts.clear()
            if alone[1] is not None:
                self._tell(alone[0], alone[1])
            return
        self._engine = None
        self._told.clear()
        self._parts = {label: part for label, part in self._parts.items() if label in found}
        for label, (engine, standing) in found.items():
            if standing is not None:
                self._part(label, engine).tell(standing)
        if labels is None:
            self._whole.forget()
        else:
            self._whole.tell(labels)

    def _tell(self, engine: Engine, standing: StandingScreens) -> None:
        stand = standing.screens
        if engine is not self._engine:
            self._engine, self._changed = engine, set(stand)
            self._cache.delete(*self._cache.keys(PART))  # left by processes that had parts of the market
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
