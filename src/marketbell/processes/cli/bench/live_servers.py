"""`python -m … live_servers ours|peer`: the two servers of `bench live`. gevent patches first.

Both say the same frames to one room: `ours` by the live process's own hub, `peer` by Flask-SocketIO's
`emit` of the same payload. `/run?frames=N&every=S` does it and answers the CPU time that it took.
"""

# ruff: noqa: E402 — the patch must come before every other import
from gevent import monkey

monkey.patch_all()

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import gevent
import psutil
from flask import Flask, request
from flask_socketio import SocketIO, join_room
from gevent import pywsgi
from geventwebsocket.handler import WebSocketHandler

from marketbell.flows.live.board import MarketBoard
from marketbell.flows.live.rooms import Room
from marketbell.flows.live.views import MarketView
from marketbell.observability import Heartbeat
from marketbell.processes.cli.bench.live_clients import TOKEN
from marketbell.processes.live.app import LiveServer
from marketbell.processes.live.directory import Directory
from marketbell.processes.live.follow import Follower
from marketbell.processes.live.hub import Hub
from marketbell.settings import load
from marketbell.wiring.live import memory_live

ROWS = 20
KEYS = [f"NSE:SYMBOL{number:02d}" for number in range(ROWS)]
COLUMNS = ["close", "change", "change_pct", "volume", "turnover", "vwap", "day.high", "day.low", "event_time"]


def change(board: MarketBoard, frame: int) -> None:
    """Move every row a little."""
    now = time.time_ns()
    rows = [
        [key, 1_500.0 + frame / 4 + at, 1.25, 0.85 + at / 100, 1_000 + frame, 1.5e6, 1_499.5, 1_510.0, 1_490.0, now]
        for at, key in enumerate(KEYS)
    ]
    board.apply({"type": "rows", "as_of": now, "columns": COLUMNS, "rows": rows})


def filled_board() -> MarketBoard:
    """A board whose market room has the rows."""
    board = MarketBoard()
    board.put_part("lists", {"top_gainers": KEYS})
    change(board, 0)
    return board


def measured(say: Callable[[int], None]) -> Callable[[], dict[str, float]]:
    """A route that says frames at a steady pace and answers what they cost."""

    def run() -> dict[str, float]:
        frames, every_s = int(request.args["frames"]), float(request.args["every"])
        before = time.process_time()
        due = time.monotonic()
        for frame in range(1, frames + 1):
            say(frame)
            due += every_s
            gevent.sleep(max(0.0, due - time.monotonic()))
        gevent.sleep(0.3)
        return {"cpu_s": time.process_time() - before, "rss": float(psutil.Process().memory_info().rss)}

    return run


def ours() -> tuple[Flask, type[Any]]:
    """Our live server over memory adapters."""
    parts = memory_live(load(env={}), TOKEN)
    board = filled_board()
    hub = Hub(board, "bench")
    directory = Directory(parts.instruments)
    live = LiveServer(parts, hub, Follower(parts, hub, directory, Heartbeat(parts.cache, "live")), directory)

    def say(frame: int) -> None:
        change(board, frame)
        hub.tick()

    live.app.add_url_rule("/run", "run", measured(say))
    return live.app, live.door()


def peer() -> tuple[Flask, type[Any]]:
    """Plain Flask-SocketIO on the same gevent server."""
    app = Flask("peer")
    socketio = SocketIO(app, async_mode="gevent", cors_allowed_origins="*")
    board = filled_board()
    payloads: list[dict[str, Any]] = []

    def keep(_event: str, payload: dict[str, Any]) -> bytes:
        payloads.append(payload)
        return b""

    room = Room("market", MarketView(), "bench", keep)
    room.open(board)

    def join(data: dict[str, Any]) -> dict[str, Any]:
        join_room(data["room"])
        return {"ok": True}

    def say(frame: int) -> None:
        change(board, frame)
        room.advance(board, time.monotonic())
        socketio.emit("delta", payloads.pop(), to="market")

    socketio.on_event("join", join)
    app.add_url_rule("/run", "run", measured(say))
    return app, WebSocketHandler


def main(which: str) -> None:
    """Serve on a free port, print it, stop when standard input ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8_192), hard))
    app, handler = ours() if which == "ours" else peer()
    server = pywsgi.WSGIServer(("127.0.0.1", 0), app, handler_class=handler, log=None, backlog=1_024)
    server.start()
    print(server.server_port, flush=True)
    gevent.get_hub().threadpool.apply(sys.stdin.read)
    server.stop(timeout=1)


if __name__ == "__main__":
    main(sys.argv[1])
