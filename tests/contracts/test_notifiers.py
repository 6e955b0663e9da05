"""Every notifier against receivers that note each call; the guarded door against addresses that lie."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.notifiers.in_app import InApp
from marketbell.adapters.notifiers.slack import Slack
from marketbell.adapters.notifiers.webhook import Webhook, signature
from marketbell.adapters.outgoing import guarded
from marketbell.adapters.outgoing.guarded import MAX_REPLY, GuardedHttp
from marketbell.core.primitives.errors import DeliveryError, InvalidSettingError
from marketbell.ports.notifiers import Message, Notifier

MESSAGE = Message(
    "d" * 32,
    "RELIANCE <close> & more: 1500.05",
    "Rule: A & B",
    "http://127.0.0.1:8700/alerts",
    {"values": {"value": 1}},
)
SECRET = b"of this installation"


@dataclass
class Receiver:
    """A local HTTP server that answers as told and notes what it got."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
            time.sleep(told.delay_s)
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told
        server.shutdown()
        thread.join()


@pytest.fixture
def http() -> Iterator[GuardedHttp]:
    door = GuardedHttp(["127.0.0.1"])
    yield door
    door.close()


@pytest.fixture(params=["webhook", "slack"])
def notifier(request: pytest.FixtureRequest, http: GuardedHttp) -> Notifier:
    clock = ManualClock(1_700_000_000_000_000_000)
    return Webhook(http, clock, SECRET) if request.param == "webhook" else Slack(http)


def failure(notifier: Notifier, config: dict[str, object]) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        notifier.send(config, MESSAGE)
    return caught.value


def test_ok_is_delivered_once(notifier: Notifier, receiver: Receiver) -> None:
    assert notifier.send({"url": receiver.url}, MESSAGE)
    assert len(receiver.calls) == 1


@pytest.mark.parametrize(
    ("status", "is_permanent"),
    [
        (400, True),
        (401, True),
        (404, True),
        (410, True),
        (302, True),
        (408, False),
        (429, False),
        (500, False),
        (503, False),
    ],
)
def test_errors_say_whether_they_are_permanent(
    notifier: Notifier, receiver: Receiver, status: int, *, is_permanent: bool
) -> None:
    receiver.status, receiver.headers = status, {"Location": "http://127.0.0.1:1/", "Retry-After": "7"}
    error = failure(notifier, {"url": receiver.url})
    assert (error.permanent, error.retryable) == (is_permanent, not is_permanent)
    assert error.facts.get("retry_after_s") == (None if is_permanent else 7.0)
    assert len(receiver.calls) == 1  # no redirect was followed
    assert "key=1" not in error.message  # an address is a secret


def test_no_answer_is_worth_another_try(notifier: Notifier) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    error = failure(notifier, {"url": f"http://127.0.0.1:{port}/"})
    assert not error.permanent
    assert failure(notifier, {}).permanent


def test_a_webhook_is_signed_and_carries_its_key(receiver: Receiver, http: GuardedHttp) -> None:
    webhook = Webhook(http, ManualClock(1_700_000_000_900_000_000), SECRET)
    webhook.send({"url": receiver.url}, MESSAGE)
    webhook.send({"url": receiver.url, "secret": "mine"}, MESSAGE)
    (headers, body), (other, _) = receiver.calls
    assert headers["idempotency-key"] == MESSAGE.delivery_id
    assert headers["marketbell-timestamp"] == "1700000000"
    assert headers["marketbell-signature"] == signature(SECRET, "1700000000", MESSAGE.delivery_id, body)
    assert other["marketbell-signature"] == signature(b"mine", "1700000000", MESSAGE.delivery_id, body)
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    told = json.loads(body)
    assert (told["title"], told["facts"], told["delivery_id"]) == (MESSAGE.title, MESSAGE.facts, MESSAGE.delivery_id)


def test_slack_gets_its_format_and_nothing_of_ours_becomes_markup(receiver: Receiver, http: GuardedHttp) -> None:
    Slack(http).send({"url": receiver.url}, MESSAGE)
    assert json.loads(receiver.calls[0][1]) == {
        "text": "*RELIANCE &lt;close&gt; &amp; more: 1500.05*\nRule: A &amp; B\n"
        "<http://127.0.0.1:8700/alerts|Open in Marketbell>"
    }
    receiver.body = b"<html>hello</html>"
    assert failure(Slack(http), {"url": receiver.url}).permanent


def test_the_inbox_needs_nothing() -> None:
    assert InApp().send({}, MESSAGE) == f"inbox:{MESSAGE.delivery_id}"


def test_a_slow_receiver_is_not_waited_for(receiver: Receiver) -> None:
    receiver.delay_s = 0.5
    door = GuardedHttp(["127.0.0.1"], timeout_s=0.1)
    with pytest.raises(DeliveryError, match="did not answer within") as caught:
        door.post(receiver.url, b"{}", {})
    door.close()
    assert not caught.value.permanent


def test_a_swelling_answer_is_cut(receiver: Receiver, http: GuardedHttp) -> None:
    receiver.body = b"x" * (3 * MAX_REPLY)
    assert len(http.post(receiver.url, b"{}", {}).body) == MAX_REPLY


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name resolve to these addresses."""

    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(guarded.socket, "getaddrinfo", look_up)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 — an address to refuse
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "fe80::1",
        "fc00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_private_addresses_are_refused_whatever_the_name(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    door = GuardedHttp()
    for found in ([address], ["93.184.216.34", address]):
        resolving(monkeypatch, *found)
        with pytest.raises(DeliveryError, match="not a public address") as caught:
            door.post("https://example.com/", b"", {})
        assert caught.value.permanent
    door.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://user:pass@example.com/",
        "https://",
        "https://[::1",
        "https://example.com:99999/",
    ],
)
def test_other_schemes_and_odd_spellings_are_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    resolving(monkeypatch, "93.184.216.34")
    door = GuardedHttp()
    with pytest.raises(DeliveryError) as caught:
        door.post(url, b"", {})
    door.close()
    assert caught.value.permanent


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "localhost"])
def test_odd_spellings_of_this_machine_are_refused(host: str) -> None:
    door = GuardedHttp()
    with pytest.raises(DeliveryError):
        door.post(f"https://{host}/", b"", {})
    door.close()


def test_the_judged_address_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    """A second look-up of the name would answer differently: there is none."""
    real, asked = socket.getaddrinfo, list[str]()

    def look_up(host: str, port: int, *rest: int, **options: int) -> list[tuple[object, ...]]:
        if host != "rebound.example":
            return real(host, port, *rest, **options)
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "10.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(guarded.socket, "getaddrinfo", look_up)
    door = GuardedHttp(["127.0.0.0/8"])
    door.post(f"http://rebound.example:{receiver.port}/", b"{}", {})
    door.close()
    assert receiver.calls[0][0]["host"] == f"rebound.example:{receiver.port}"
    assert asked == ["rebound.example"]


def test_the_allow_list_must_be_readable() -> None:
    with pytest.raises(InvalidSettingError, match=r"notify\.allow_private"):
        GuardedHttp(["http://10.0.0.1/"])
