"""Standing screens where no engine has the whole market: each part tells its members, one process puts them together.

A screen looks at each row alone (those that read other instruments cannot stand here), so its members are those of all
parts. Every process keeps its parts in the cache; the leader of the market reads them twice a second and tells what
the whole has become. What came and went in between is in the store: every part writes that for its own rows.
"""

import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import structlog

from marketbell.core.engine.engine import Engine
from marketbell.core.screening.standing import Delta, StandingScreens
from marketbell.flows.stream.documents import dumps
from marketbell.ports.cache import Cache
from marketbell.ports.screens import NOW

log = structlog.stdlib.get_logger("stream.screens")

PART = "screen:part:"
"""Key prefix: part of the shards -> hash of screen id -> {"owner_id", "seq", "as_of", "members": [[key, order]],
"moves": [[event, key, at]]}. The field `_MARK` changes with every change of the others."""
_MARK = ""
MOST_TOLD = 500
"""Members that a document of the topic names; the cache has all of them."""
_MOVES = 500
"""Entries and leaves of a screen that a part remembers, so that the whole can say when they were."""


class ScreenPart:
    """One engine's share. Used by the stream's own thread."""

    def __init__(self, cache: Cache, label: str, engine: Engine) -> None:
        self.engine = engine
        self._cache = cache
        self._key = PART + label
        self._life = secrets.token_hex(8)
        self._count = 0
        self._told: dict[str, bytes] | None = None
        self._changed: set[str] = set()
        self._moves: dict[str, deque[tuple[str, str, int]]] = {}
        self._problems: Mapping[str, str] = {}

    def take(self, deltas: Sequence[Delta]) -> None:
        """What happened in a batch of the log."""
        for delta in deltas:
            self._changed.add(delta.screen_id)
            moves = self._moves.setdefault(delta.screen_id, deque(maxlen=_MOVES))
            moves.extend((event, self.engine.instruments[row].key, delta.at) for event, row in delta.events)

    def forget(self) -> None:
        """The cache was away: all is told again."""
        self._told = None

    def tell(self, standing: StandingScreens) -> None:
        """Keep our members in the cache where they changed. BusUnavailableError where it is away."""
        stand = standing.screens
        if standing.problems != self._problems:
            self._problems = dict(standing.problems)
            for screen_id, reason in sorted(self._problems.items()):
                log.warning("screen.not_evaluated", screen_id=screen_id, reason=reason)
        mine = {screen_id for screen_id in stand if standing.is_evaluated(screen_id)}
        if self._told is None:
            known = set(self._cache.fields(self._key)) - {_MARK}
            told, changed = {}, set(mine)
        else:
            known, told = set(self._told), self._told
            changed = (self._changed & mine) | (mine - known)
        keys, now = self.engine.keys(), self.engine.now()
        news: dict[str, bytes] = {}
        for screen_id in sorted(changed):
            members = [[keys[row], order] for row, order in standing.members_by(screen_id)]
            said = {
                "owner_id": stand[screen_id],
                "seq": standing.seq(screen_id),
                "as_of": now,
                "members": members,
                "moves": list(self._moves.get(screen_id, ())),
            }
            news[screen_id] = dumps(said)
        gone = sorted(known - mine)
        if gone:
            self._cache.drop_fields(self._key, gone)
        if news or gone or self._told is None:
            self._count += 1
            self._cache.put_fields(self._key, news | {_MARK: f"{self._life}:{self._count}".encode()})
        self._told = {name: value for name, value in (told | news).items() if name in mine}
        self._changed.clear()


class ScreenWhole:
    """All parts together, where this process leads. `say` queues a document of the market topic."""

    def __init__(self, cache: Cache, say: Callable[[bytes], None]) -> None:
        self._cache = cache
        self._say = say
        self._marks: dict[str, bytes] = {}
        self._parts: dict[str, dict[str, bytes]] = {}
        self._members: dict[str, list[str]] = {}
        self._from: dict[str, tuple[bytes | None, ...]] = {}

    def forget(self) -> None:
        """Another process leads now, or the cache was away: what was told is looked up again."""
        self._marks, self._parts, self._members, self._from = {}, {}, {}, {}

    def tell(self, labels: Sequence[str]) -> None:
        """Tell what the parts of these labels are together, once all have told. BusUnavailableError as above."""
        marks: dict[str, bytes] = {}
        for label in labels:
            (mark,) = self._cache.some_fields(PART + label, [_MARK])
            if mark is None:
                return
            marks[label] = mark
        if not labels or marks == self._marks:
            return
        for label in labels:
            if self._marks.get(label) != marks[label]:
                self._parts[label] = self._cache.fields(PART + label)
        self._parts = {label: self._parts[label] for label in labels}
        self._marks = marks
        screens = {screen_id for part in self._parts.values() for screen_id in part} - {_MARK}
        for screen_id in self._members.keys() - screens:
            self._cache.delete(NOW + screen_id)
            del self._members[screen_id], self._from[screen_id]
        for screen_id in sorted(screens):
            found = tuple(part.get(screen_id) for part in self._parts.values())
            if self._from.get(screen_id) != found:
                self._screen(screen_id, [orjson.loads(one) for one in found if one is not None])
                self._from[screen_id] = found

    def _screen(self, screen_id: str, parts: Sequence[Mapping[str, Any]]) -> None:
        rows = [(order is None, order or 0.0, key) for part in parts for key, order in part["members"]]
        members = [key for _, _, key in sorted(rows)]
        before = self._members.get(screen_id)
        if before is None:
            kept = self._cache.get(NOW + screen_id)
            before = orjson.loads(kept)["members"] if kept else None
        self._members[screen_id] = members
        if before == members:
            return
        seq, as_of = max(int(part["seq"]) for part in parts), max(int(part["as_of"]) for part in parts)
        head = {
            "type": "screen",
            "screen_id": screen_id,
            "owner_id": parts[0]["owner_id"],
            "seq": seq,
            "count": len(members),
            "as_of": as_of or None,
        }
        events = [] if before is None else _events(before, members, parts, seq * 1_000_000)
        said = {"seq": seq, "count": len(members), "as_of": as_of or None, "members": members}
        self._cache.set(NOW + screen_id, dumps(said))
        if events:
            self._say(dumps(head | {"events": events}))
        self._say(dumps(head | {"members": members[:MOST_TOLD], "events": []}))


def _events(
    before: Sequence[str], members: Sequence[str], parts: Sequence[Mapping[str, Any]], otherwise: int
) -> list[list[Any]]:
    """Who left and who entered, each with the moment that its part knows, in the order of these."""
    when = {(event, key): at for part in parts for event, key, at in part["moves"]}
    moved = [("leave", key) for key in set(before).difference(members)]
    moved += [("enter", key) for key in set(members).difference(before)]
    return sorted(
        ([event, key, when.get((event, key), otherwise)] for event, key in moved), key=lambda one: (one[2], one[1])
    )
