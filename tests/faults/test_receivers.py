"""The fault tests' own tools: what they say happened is what happened."""

import asyncio
import contextlib
import json
import smtplib
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from proxy import FaultProxy
from receivers import Receivers

pytestmark = pytest.mark.faults


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says everything again; its port."""
    loop = asyncio.new_event_loop()
    port: list[int] = []
    servers: list[asyncio.Server] = []
    ready = threading.Event()

    async def say_again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1_000):
                writer.write(data)
        writer.close()

    async def begin() -> None:
        server = await asyncio.start_server(say_again, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        servers.append(server)

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(begin())
        ready.set()
        loop.run_forever()
        servers[0].close()
        for task in (tasks := asyncio.all_tasks(loop)):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(5.0)
    yield port[0]
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5.0)


def said(connection: socket.socket, word: bytes) -> bytes:
    connection.sendall(word)
    return connection.recv(100)


def test_a_proxy_forwards_cuts_delays_swallows_and_leaves_half_open(echo: int) -> None:
    with FaultProxy(echo) as proxy:
        address = ("127.0.0.1", proxy.port)
        with socket.create_connection(address, 5.0) as one:
            assert said(one, b"a") == b"a"
            proxy.delay(0.1)
            began = time.monotonic()
            assert said(one, b"b") == b"b"
            assert time.monotonic() - began >= 0.2
            proxy.mend()
            proxy.hole()
            one.settimeout(0.2)
            with pytest.raises(TimeoutError):
                said(one, b"c")
            proxy.mend()
            one.settimeout(5.0)
            assert one.recv(100) == b"c"  # a hole's data come late
            proxy.half_open()
            one.settimeout(0.2)
            with pytest.raises(TimeoutError):
                said(one, b"d")
            with socket.create_connection(address, 5.0) as two:
                assert said(two, b"e") == b"e"
                proxy.cut()
                with pytest.raises(ConnectionResetError):
                    two.recv(100)
        with socket.create_connection(address, 5.0) as three, pytest.raises(ConnectionResetError):
            three.recv(100)
        proxy.mend()
        with socket.create_connection(address, 5.0) as four:
            assert said(four, b"f") == b"f"


def test_receivers_note_every_call_and_answer_as_told() -> None:
    ways = iter(["ok", "500", "429", "drop", "404"])
    with Receivers(way=lambda *_: next(ways)) as receivers, httpx.Client() as client:
        message = json.dumps({"facts": {"firing_id": "f"}}).encode()
        found: list[object] = []
        for _ in range(5):
            try:
                answer = client.post(receivers.url("hook", "a"), content=message, headers={"Idempotency-Key": "k"})
                found.append((answer.status_code, answer.headers.get("retry-after")))
            except httpx.TransportError:
                found.append("broken")
        assert found == [(200, None), (500, None), (429, "2"), "broken", (404, None)]
        assert receivers.asked("hook") == {"k": 5}
        assert receivers.told("hook") == {"k": 2}
        receivers.way = lambda *_: "ok"
        text = {"text": "*X*\n<http://127.0.0.1:8700/alerts?firing=f9|Open in Marketbell>"}
        assert client.post(receivers.url("slack", "a"), json=text).text == "ok"
        form = {"To": "+1", "From": "+2", "Body": "X http://h/alerts?firing=f7"}
        sid = client.post(receivers.url("twilio", "a"), data=form, auth=("AC", "t")).json()["sid"]
        assert sid.startswith("SM")
        with smtplib.SMTP("127.0.0.1", receivers.mail_port) as mail:
            mail.sendmail("a@x", ["b@x"], "Message-ID: <d1@marketbell>\r\nSubject: X\r\n\r\nbody\r\n.\r\nend")
        assert [(call.name, call.key) for call in receivers.calls[5:]] == [
            ("slack/a", "f9"),
            ("twilio/a", form["Body"]),
            ("mail", "d1"),
        ]
        assert receivers.calls[-3].firings == ("f9",)
