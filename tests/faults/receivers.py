"""Providers on 127.0.0.1 that note every call with its key, and answer as they are told.

One event loop in a thread of its own serves them all: `/hook/NAME` a webhook that honours keys, `/slack/NAME`
Slack's incoming webhook, `/twilio/NAME` Twilio's messages (both without keys), and SMTP on a port beside it.
"""

import asyncio
import base64
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs

ACCEPTING = frozenset({"ok", "late", "drop"})
"""Ways to answer after which the reader has the message, whatever the sender was told."""
LATE_S = 30.0
_FIRING = re.compile(r"firing=([\w.-]+)")


@dataclass(frozen=True, slots=True)
class Call:
    """One message as a provider saw it; `way` is how it was answered."""

    at: float
    name: str
    key: str
    way: str
    firings: tuple[str, ...] = ()
    """The firings that its text tells."""
    body: Any = None


@dataclass(slots=True)
class Receivers:
    """The log of all calls. `way(name, nth, key)` decides about a call, `nth` counting the key's calls from 1."""

    way: Callable[[str, int, str], str] = lambda _name, _nth, _key: "ok"
    wait_s: float = 0.0
    calls: list[Call] = field(default_factory=list)
    port: int = 0
    mail_port: int = 0
    _asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None
    _servers: list[asyncio.Server] = field(default_factory=list)

    # --- its life ---------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), name="receivers", daemon=True)
        self._thread.start()
        assert ready.wait(10.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        assert self._thread is not None
        self._thread.join(10.0)

    def url(self, kind: str, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{kind}/{name}"

    def _serve(self, ready: threading.Event) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)

        async def begin() -> None:
            web = await asyncio.start_server(self._http, "127.0.0.1", 0, limit=1 << 20)
            mail = await asyncio.start_server(self._smtp, "127.0.0.1", 0, limit=1 << 20)
            self._servers = [web, mail]
            self.port, self.mail_port = (one.sockets[0].getsockname()[1] for one in self._servers)

        loop.run_until_complete(begin())
        ready.set()
        loop.run_forever()
        for server in self._servers:
            server.close()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()

    # --- what they heard ------------------------------------------------------------------------------------------

    def told(self, kind: str) -> Counter[str]:
        """How often each key reached a reader of that kind."""
        return Counter(one.key for one in list(self.calls) if one.way in ACCEPTING and one.name.startswith(kind))

    def asked(self, kind: str) -> Counter[str]:
        """How often each key was tried."""
        return Counter(one.key for one in list(self.calls) if one.name.startswith(kind))

    def _note(self, name: str, key: str, firings: tuple[str, ...], body: Any = None) -> str:
        self._asked[name, key] += 1
        way = self.way(name, self._asked[name, key], key)
        self.calls.append(Call(time.monotonic(), name, key, way, firings, body))
        return way

    # --- the protocols --------------------------------------------------------------------------------------------

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._request(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # a killed sender breaks its connections, and the test's end ours
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read one request and answer it. False where the connection is to end."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        name = first.split(" ")[1].strip("/")
        key, firings, shown = _identity(name, headers, body)
        way = self._note(name, key, firings, shown)
        if self.wait_s:
            await asyncio.sleep(self.wait_s)
        if way in {"late", "silent"}:
            await asyncio.sleep(LATE_S)
        if way in {"late", "silent", "drop"}:
            writer.transport.abort()
            return False
        status, more = {
            "ok": ("200 OK", ""),
            "500": ("500 Internal Server Error", ""),
            "429": ("429 Too Many Requests", "Retry-After: 2\r\n"),
            "404": ("404 Not Found", ""),
        }[way]
        text = b"ok"
        if name.startswith("twilio") and way == "ok":
            status, text = "201 Created", json.dumps({"sid": f"SM{key[:32]}", "status": "queued"}).encode()
        kind = "application/json" if text[:1] == b"{" else "text/plain"
        writer.write(
            f"HTTP/1.1 {status}\r\n{more}Content-Type: {kind}\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text
        )
        await writer.drain()
        return True

    async def _smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """As much of RFC 5321 as a client without TLS needs; AUTH takes anything."""

        async def say(text: str) -> None:
            writer.write(f"{text}\r\n".encode())
            await writer.drain()

        try:
            await say("220 receivers ESMTP")
            while line := (await reader.readline()).decode("latin-1").strip():
                word = line.split(" ")[0].upper()
                if word == "EHLO":
                    await say("250-receivers\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN")
                elif word == "DATA":
                    await say("354 go on")
                    text = (await reader.readuntil(b"\r\n.\r\n")).decode("utf-8", "replace")
                    key = _header(text, "message-id").strip("<>").partition("@")[0]
                    way = self._note("mail", key, (), text)
                    if way in {"drop", "late", "silent"}:
                        writer.transport.abort()
                        return
                    await say(
                        {"500": "451 try later", "429": "421 too busy", "404": "550 no such user"}.get(way, "250 ok")
                    )
                elif word == "QUIT":
                    await say("221 bye")
                    return
                else:
                    await say("235 ok" if word == "AUTH" else "250 ok")
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def _identity(name: str, headers: dict[str, str], body: bytes) -> tuple[str, tuple[str, ...], Any]:
    """The key of a message as its provider would see one, the firings it tells of, and what to keep of it."""
    if name.startswith("hook"):
        told = json.loads(body)
        facts = told["facts"]
        return headers["idempotency-key"], tuple(str(one["firing_id"]) for one in facts.get("firings", [facts])), told
    if name.startswith("twilio"):
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        assert base64.b64decode(headers.get("authorization", "").removeprefix("Basic "))
        return form["Body"], tuple(_FIRING.findall(form["Body"])[:1]), form
    told = json.loads(body)
    text = str(told.get("text", "")) or json.dumps(told)
    # Slack knows no keys: the firing that the link leads to tells two messages apart
    firings = tuple(_FIRING.findall(text)[:1])
    return firings[0] if firings else text, firings, told


def _header(text: str, name: str) -> str:
    return next(
        (line.partition(":")[2].strip() for line in text.split("\r\n") if line.lower().startswith(name + ":")), ""
    )
