"""Rooms and their members: joining, one frame a tick, alerts at once, snapshots for those who fell behind."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from marketbell.flows.accounts.decisions import Actor
from marketbell.flows.live.board import MarketBoard
from marketbell.flows.live.rooms import Room
from marketbell.flows.live.views import (
    ChainView,
    InstrumentView,
    JobView,
    MarketView,
    ScreenView,
    UniverseView,
    UserView,
    View,
    WatchlistView,
)
from marketbell.observability import metrics
from marketbell.processes.live.outlet import Outlet
from marketbell.processes.live.wire import event_frame

COMPOSE_EMPTY_S = 60.0
"""A room that everybody left keeps its sequence going this long, for those who come back."""
FORGET_EMPTY_S = 600.0
MAX_ROOMS = 20_000


@dataclass(eq=False, slots=True)
class Client:
    """One connection: who it is, where its bytes go, where it listens."""

    sid: str
    actor: Actor
    outlet: Outlet
    since_s: float
    rooms: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Hall:
    """A room with the people in it. `owner_id` is set for rooms of one person."""

    room: Room
    owner_id: str | None = None
    members: set[Client] = field(default_factory=set)
    empty_since_s: float = 0.0


class Hub:
    """All rooms of this process. Only greenlets of one thread use it; nothing in it waits."""

    def __init__(self, board: MarketBoard, epoch: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self.board = board
        self.halls: dict[str, Hall] = {}
        self._epoch = epoch
        self._now_s = now_s
        self._tick = 0

    # -- rooms ---------------------------------------------------------------------------------------------------

    def hall(self, name: str, owner_id: str | None = None) -> Hall | None:
        """The room of that name, made if need be; None where there are too many."""
        found = self.halls.get(name)
        if found is None:
            if len(self.halls) >= MAX_ROOMS:
                return None
            room = Room(name, _view(name), self._epoch, event_frame)
            room.open(self.board)
            found = self.halls[name] = Hall(room, owner_id, empty_since_s=self._now_s())
        return found

    def show_watchlist(self, hall: Hall, name: str, keys: tuple[str, ...]) -> None:
        """Give a watchlist's room its instruments."""
        view = hall.room.view
        if isinstance(view, WatchlistView):
            view.show(name, keys, self.board)

    def show_job(self, run_id: str, document: dict[str, Any]) -> None:
        """How far a run is, for those who look at it; a run that nobody looks at is not kept."""
        if f"job:{run_id}" in self.halls:
            self.board.put_part(f"job:{run_id}", document)

    # -- members -------------------------------------------------------------------------------------------------

    def enter(self, client: Client, hall: Hall, position: str | None) -> None:
        """Say what the member needs to be level with the room, then count it in."""
        room = hall.room
        missed = room.since(position) if position else None
        if missed is None:
            if position:
                client.outlet.send(event_frame("resync", {"room": room.name}))
            client.outlet.send(room.snapshot(self.board))
        else:
            for frame in missed:
                client.outlet.send(frame)
        client.outlet.behind.discard(room.name)
        client.rooms.add(room.name)
        hall.members.add(client)

    def leave(self, client: Client, name: str) -> None:
        """Count a member out."""
        client.rooms.discard(name)
        client.outlet.behind.discard(name)
        hall = self.halls.get(name)
        if hall is not None and client in hall.members:
            hall.members.discard(client)
            if not hall.members:
                hall.empty_since_s = self._now_s()

    def catch_up(self, client: Client) -> None:
        """The client's socket has room again: the newest snapshot of each room in which it fell behind."""
        for name in sorted(client.outlet.behind):
            hall = self.halls.get(name)
            client.outlet.behind.discard(name)
            if hall is not None and client in hall.members:
                client.outlet.send(hall.room.snapshot(self.board))

    # -- events --------------------------------------------------------------------------------------------------

    def tick(self) -> tuple[int, int]:
        """One frame for each room in which something changed. Returns (frames composed, deliveries)."""
        self._tick += 1
        now_s = self._now_s()
        frames = deliveries = dropped = 0
        for hall in list(self.halls.values()):
            room = hall.room
            if not hall.members:
                if now_s - hall.empty_since_s > FORGET_EMPTY_S:
                    self._forget(room.name)
                    continue
                if now_s - hall.empty_since_s > COMPOSE_EMPTY_S:
                    continue
            if self._tick % room.view.every:
                continue
            event = room.advance(self.board, now_s)
            if event is None:
                continue
            frames += 1
            name, frame = room.name, event.frame
            for client in hall.members:
                if client.outlet.offer(name, frame):
                    deliveries += 1
                else:
                    dropped += 1
        if dropped:
            metrics().queue_dropped.labels("live").inc(dropped)
        return frames, deliveries

    def _forget(self, name: str) -> None:
        """A room that nobody comes back to; what the board has of a run only its room shows."""
        del self.halls[name]
        if name.startswith("job:"):
            self.board.drop_part(name)
        elif name.startswith("chain:"):
            self.board.drop_chain(name.partition(":")[2])

    def alert(self, owner_id: str, payload: dict[str, Any]) -> int:
        """Say an alert in its owner's room, to everybody there, at once. Returns how many got it."""
        hall = self.hall(f"user:{owner_id}", owner_id)
        if hall is None:
            return 0
        event = hall.room.say("alert", payload, self._now_s())
        for client in hall.members:
            client.outlet.send(event.frame)
        return len(hall.members)


_VIEWS: dict[str, Callable[[str], View]] = {
    "instrument": InstrumentView,
    "watchlist": WatchlistView,
    "screen": ScreenView,
    "chain": ChainView,
    "job": JobView,
    "user": lambda _: UserView(),
    "universe": lambda _: UniverseView(),
}
"""By the word before the colon; anything else is the market."""


def _view(name: str) -> View:
    kind, _, word = name.partition(":")
    make = _VIEWS.get(kind)
    return MarketView() if make is None else make(word)
