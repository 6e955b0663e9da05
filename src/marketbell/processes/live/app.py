"""The Socket.IO server: who may come in, what they may ask, and the loops that serve them."""

import functools
import re
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import gevent
import orjson
import structlog
from flask import Flask, Response, request
from flask_socketio import ConnectionRefusedError as Refused
from flask_socketio import SocketIO

from marketbell.core.primitives.errors import UnavailableError
from marketbell.core.screening.templates import TEMPLATES
from marketbell.flows.accounts.decisions import Action, Actor, Resource, decide
from marketbell.flows.accounts.limits import RateLimit
from marketbell.flows.accounts.tokens import LiveTokens, read_any_token
from marketbell.flows.jobs.documents import document as job_document
from marketbell.observability import metrics, metrics_page
from marketbell.processes.live.directory import Directory
from marketbell.processes.live.follow import Follower
from marketbell.processes.live.hub import Client, Hall, Hub
from marketbell.processes.live.outlet import Outlet
from marketbell.processes.live.transport import MAX_MESSAGE, PING_INTERVAL_S, PING_TIMEOUT_S, Door, LiveSocket
from marketbell.wiring.live import LiveParts

MAX_CLIENTS = 5_000
MAX_CLIENTS_EACH_ADDRESS = 2_500
MAX_ROOMS_EACH_CLIENT = 200
CONNECTED_AT_MOST_S = 12 * 3_600.0
"""A connection older than this is closed; the page comes back with a fresh token."""
_ROOM = re.compile(r"^(market|universe|(instrument|watchlist|screen|chain|job|user):[^\s\x00-\x1f]{1,80})$")
_CHAIN = re.compile(r"[A-Z0-9_]{1,16}:[^:]{1,48}:\d{4}-\d{2}-\d{2}")
"""An underlying's key and an expiry."""

log = structlog.stdlib.get_logger("live")


class OrjsonModule:
    """The `json` that python-socketio wants, by orjson."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        """Text of a packet."""
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: Any) -> Any:
        """Value of a packet. ValueError where it is not JSON."""
        return orjson.loads(text)


def _refusal(room: str, code: str, error: str) -> dict[str, Any]:
    return {"ok": False, "room": room, "code": code, "error": error}


class LiveServer:
    """One Flask-SocketIO server with its hub. `app` is the WSGI app to serve."""

    def __init__(self, parts: LiveParts, hub: Hub, follower: Follower, directory: Directory) -> None:
        self.parts = parts
        self.hub = hub
        self.follower = follower
        self.directory = directory
        self.clients: dict[str, Client] = {}
        self._addresses: Counter[str] = Counter()
        self._address_of: dict[str, str] = {}
        self._outlets: dict[str, Outlet] = {}
        self._tokens = LiveTokens(parts.signing_key)
        self._events = RateLimit(burst=100, per_s=20)
        self.app = Flask("marketbell.processes.live", static_folder=None)
        self.socketio = SocketIO(
            self.app,
            async_mode="gevent",
            transports=["websocket"],
            cors_allowed_origins=self._is_our_page,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            max_http_buffer_size=MAX_MESSAGE,
            async_handlers=False,  # in order, and the acknowledgement before what follows it
            json=OrjsonModule,
            manage_session=False,
        )
        engine = self.socketio.server.eio
        # The module's own dict serves every server of a process: ours gets a copy with our transport in it.
        engine._async = engine._async | {"websocket": functools.partial(LiveSocket, self._outlets)}  # noqa: SLF001
        self.socketio.on_event("connect", self._connect)
        self.socketio.on_event("disconnect", self._disconnect)
        self.socketio.on_event("join", self._join)
        self.socketio.on_event("leave", self._leave)
        self.app.add_url_rule("/metrics", "metrics", self._metrics)

    # -- the door ------------------------------------------------------------------------------------------------

    def door(self) -> type[Door]:
        """The connection handler for pywsgi."""
        live = self

        class OurDoor(Door):
            def is_welcome(self, environ: dict[str, Any]) -> bool:
                origin = environ.get("HTTP_ORIGIN")
                return origin is None or live._is_our_page(origin, environ)

        return OurDoor

    def _is_our_page(self, origin: str, environ: dict[str, Any]) -> bool:
        """The page must come from a port of ours on the very host that it connects to, or be configured."""
        settings = self.parts.settings
        if origin in settings.cors_origins:
            return True
        page = urlsplit(origin)
        host = urlsplit(f"//{environ.get('HTTP_HOST', '')}").hostname
        default = 443 if page.scheme == "https" else 80
        ours = {settings.port, settings.live_port, default}
        return page.hostname is not None and page.hostname == host and (page.port or default) in ours

    def _metrics(self) -> Response:
        if request.remote_addr not in {"127.0.0.1", "::1"} or "X-Forwarded-For" in request.headers:
            return Response("metrics are for this machine only\n", 403)
        body, content_type = metrics_page()
        return Response(body, content_type=content_type)

    def _connect(self, auth: Any = None) -> None:
        sid: str = request.sid  # type: ignore[attr-defined]  # Flask-SocketIO adds it
        token = auth.get("token") if isinstance(auth, dict) else None
        actor = (
            read_any_token(token, self.parts.owner_token, self._tokens, self.parts.clock.now())
            if isinstance(token, str)
            else Actor()
        )
        decision = decide(actor, Action.CONNECT, Resource("live"))
        if not decision.allowed:
            raise Refused("unauthorized")
        address = request.remote_addr or "unknown"
        if len(self.clients) >= MAX_CLIENTS or self._addresses[address] >= MAX_CLIENTS_EACH_ADDRESS:
            raise Refused("too many connections")
        engine_sid = self.socketio.server.manager.eio_sid_from_sid(sid, "/")
        outlet = self._outlets.get(engine_sid)
        if outlet is None:
            raise Refused("a WebSocket is needed")
        client = Client(sid, actor, outlet, time.monotonic())
        outlet.on_drained = functools.partial(self.hub.catch_up, client)
        self.clients[sid] = client
        self._address_of[sid] = address
        self._addresses[address] += 1
        metrics().clients.set(len(self.clients))

    def _disconnect(self, _reason: Any = None) -> None:
        sid: str = request.sid  # type: ignore[attr-defined]
        client = self.clients.pop(sid, None)
        if client is None:
            return
        for name in list(client.rooms):
            self.hub.leave(client, name)
        address = self._address_of.pop(sid)
        self._addresses[address] -= 1
        if self._addresses[address] <= 0:
            del self._addresses[address]
        metrics().clients.set(len(self.clients))

    # -- rooms ---------------------------------------------------------------------------------------------------

    def _join(self, data: Any = None) -> dict[str, Any]:
        client = self.clients.get(request.sid)  # type: ignore[attr-defined]
        room = data.get("room") if isinstance(data, dict) else None
        position = data.get("position") if isinstance(data, dict) else None
        if client is None or not isinstance(room, str) or not _ROOM.match(room):
            return _refusal(str(room)[:100], "bad_request", "there is no such room")
        if not isinstance(position, str) or len(position) > 60:
            position = None
        if not self._events.allow(client.sid, time.monotonic()):
            return _refusal(room, "too_many_requests", "too many requests; wait a moment")
        if room not in client.rooms and len(client.rooms) >= MAX_ROOMS_EACH_CLIENT:
            return _refusal(room, "too_many_requests", f"at most {MAX_ROOMS_EACH_CLIENT} rooms at once")
        if room == "user:me":
            room = f"user:{client.actor.owner_id}"
        try:
            hall, refusal = self._opened(client, room)
        except UnavailableError as error:
            return _refusal(room, "unavailable", error.message)
        if hall is None:
            return refusal
        gevent.spawn(self._enter, client, hall, position)
        return {"ok": True, "room": room}

    def _opened(self, client: Client, name: str) -> tuple[Hall | None, dict[str, Any]]:
        """The room, if this person may join it and it is about something that exists."""
        kind, _, word = name.partition(":")
        not_there = _refusal(name, "not_found", "there is no such room")
        owner_id = word if kind == "user" else None
        keys: tuple[str, ...] = ()
        title = ""
        if kind == "watchlist":
            found = self.parts.watchlists.get(client.actor.owner_id, word)
            if found is None:
                return None, not_there
            owner_id, keys, title = found.owner_id, found.instruments, found.name
        if not self._exists(client.actor, kind, word):
            return None, not_there
        if not decide(client.actor, Action.JOIN, Resource(kind, word, owner_id)).allowed:
            return None, not_there
        if kind == "instrument":
            self.follower.load_book(word)
        elif kind == "chain":
            self.follower.load_chain(word)
        is_new = name not in self.hub.halls
        hall = self.hub.hall(name, owner_id)
        if hall is None:
            return None, _refusal(name, "too_many_requests", "there are too many rooms")
        if kind == "watchlist" and is_new:
            self.hub.show_watchlist(hall, title, keys)
            hall.room.open(self.hub.board)
        return hall, {}

    def _exists(self, actor: Actor, kind: str, word: str) -> bool:
        """False for an instrument, a screen or a run that is not there for them, and for what can be no chain."""
        if kind == "instrument":
            if not self.directory.knows(word):
                self.directory.refresh(time.monotonic())
            return self.directory.knows(word) or self.hub.board.has(word)
        if kind == "chain":
            return _CHAIN.fullmatch(word) is not None
        if kind == "screen":
            return self._has_screen(actor, word)
        return kind != "job" or self._has_run(actor, word)

    def _has_run(self, actor: Actor, run_id: str) -> bool:
        """True for a run of theirs or of the house's; how far it is, is loaded."""
        run = self.parts.jobs.run(actor.owner_id, run_id)
        if run is not None:
            self.hub.board.put_part(f"job:{run_id}", job_document(run))
        return run is not None

    def _has_screen(self, actor: Actor, screen_id: str) -> bool:
        """True for a template and for one of theirs; what is known of its members is loaded."""
        if screen_id not in TEMPLATES and self.parts.screens.get(actor.owner_id, screen_id) is None:
            return False
        self.follower.load_screen(screen_id)
        return True

    def _enter(self, client: Client, hall: Hall, position: str | None) -> None:
        """Wait until the acknowledgement has gone out, then say the snapshot or what was missed."""
        engine = self.socketio.server.eio
        engine_sid = self.socketio.server.manager.eio_sid_from_sid(client.sid, "/")
        for _ in range(200):
            queued = engine.sockets.get(engine_sid)
            if queued is None or queued.queue.empty():
                break
            gevent.sleep(0)
        if client.sid in self.clients:
            self.hub.leave(client, hall.room.name)
            self.hub.enter(client, hall, position)

    def _leave(self, data: Any = None) -> dict[str, Any]:
        client = self.clients.get(request.sid)  # type: ignore[attr-defined]
        room = data.get("room") if isinstance(data, dict) else None
        if client is None or not isinstance(room, str):
            return _refusal(str(room)[:100], "bad_request", "there is no such room")
        if room == "user:me":
            room = f"user:{client.actor.owner_id}"
        self.hub.leave(client, room)
        return {"ok": True, "room": room}

    # -- loops ---------------------------------------------------------------------------------------------------

    def frames(self) -> None:
        """One frame a room each `live.frame_every_s`."""
        every_s = self.parts.settings.live.frame_every_s
        due = time.monotonic()
        sent = metrics().frames.labels("rooms", "out")
        latency = metrics().frame_latency.labels("live")
        while not self.follower.is_stopped:
            due = max(due + every_s, time.monotonic())
            gevent.sleep(max(0.0, due - time.monotonic()))
            since, self.follower.waiting_since_s = self.follower.waiting_since_s, None
            _, deliveries = self.hub.tick()
            self.follower.progressed()
            sent.inc(deliveries)
            if since is not None:
                latency.observe(time.monotonic() - since)

    def sweep(self) -> None:
        """Each few seconds: connections that are too old, and how deep the queues are."""
        while not self.follower.is_stopped:
            now_s = time.monotonic()
            for client in list(self.clients.values()):
                if now_s - client.since_s > CONNECTED_AT_MOST_S:
                    self.socketio.server.disconnect(client.sid)
            deepest = max((client.outlet.depth for client in self.clients.values()), default=0)
            metrics().queue_depth.labels("live").set(deepest)
            gevent.sleep(5.0)
