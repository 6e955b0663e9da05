"""An alert on every channel at once: the real notifiers against doubles of their providers, from firing to inbox.

First every provider refuses for good, and the inbox says why on each channel; then the dead letters are replayed.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from marketbell.flows.alerting.delivering import Deliverer
from marketbell.flows.alerting.planning import Planner
from marketbell.ports.ledger import Firing
from marketbell.ports.stores import LOCAL_OWNER
from marketbell.settings import load
from marketbell.wiring.notifiers import build_notifiers

EVENT = 1_619_585_103 * 10**9
SID = "AC" + "0" * 32
TITLE = "URGENT AAA close > 100: 101.05 at 2021-04-28 10:15:03 IST"
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"


@dataclass(frozen=True)
class Double:
    """A provider: its path, its refusal and its acceptance, and what of the refusal the inbox says."""

    path: str
    refuses: tuple[int, Any]
    takes: tuple[int, Any]
    said: str


DOUBLES = {
    "slack": Double(
        "/api/chat.postMessage", (200, {"ok": False, "error": "not_in_channel"}), (200, {"ok": True, "ts": "1"}),
        "Slack refused: not_in_channel (invite the bot to the channel)",
    ),
    "telegram": Double(
        "/bot123456:ABCDEFGHIJKL/sendMessage",
        (403, {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}),
        (200, {"ok": True, "result": {"message_id": 1}}),
        "Telegram refused: HTTP 403 Forbidden: bot was blocked by the user",
    ),
    "discord": Double(
        "/api/webhooks/1/very-secret?wait=true", (404, {"message": "Unknown Webhook"}), (200, {"id": "1"}),
        "Discord refused: HTTP 404 Unknown Webhook",
    ),
    "sms": Double(
        f"/2010-04-01/Accounts/{SID}/Messages.json", (400, {"code": 21211, "message": "Invalid 'To' +919876543210"}),
        (201, {"sid": "SM1", "status": "queued"}),
        "Twilio refused: HTTP 400 21211 Invalid 'To' ***",
    ),
    "email": Double(
        "/v3/mail/send", (401, {"errors": [{"message": "The key SG.very-secret is invalid"}]}), (202, None),
        "SendGrid refused: HTTP 401 The key *** is invalid",
    ),
    "push": Double(
        "/push/very-secret", (410, None), (201, None),
        "the browser took its subscription back: allow messages there again",
    ),
    "webhook": Double("/hook/very-secret", (404, None), (204, None), "the receiver refused: HTTP 404"),
}  # fmt: skip


@dataclass
class House:
    """The doubles behind one door."""

    port: int = 0
    is_taking: bool = False
    taken: dict[str, list[bytes]] = field(default_factory=dict)


@pytest.fixture
def house() -> Iterator[House]:
    made = House()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind = next(kind for kind, double in DOUBLES.items() if double.path == self.path)
            status, answer = DOUBLES[kind].takes if made.is_taking else DOUBLES[kind].refuses
            if made.is_taking:
                made.taken.setdefault(kind, []).append(body)
            raw = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def configs(base: str) -> dict[str, dict[str, Any]]:
    return {
        "slack": {"token": "xoxb-very-secret", "channel": "#alerts"},
        "telegram": {"token": "123456:ABCDEFGHIJKL", "chat": "-1001234567"},
        "discord": {"url": f"{base}/api/webhooks/1/very-secret"},
        "sms": {"account": SID, "token": "very-secret", "to": "+919876543210", "sender": "+15005550006"},
        "email": {"to": "asha@example.com", "sender": "bell@example.com", "api_key": "SG.very-secret"},
        "push": {"endpoint": f"{base}/push/very-secret", "p256dh": P256DH, "auth": "BTBZMqHH6r4Tts7J_aSIgg"},
        "webhook": {"url": f"{base}/hook/very-secret"},
    }


def test_every_channel_shows_its_failure_and_a_replay_delivers(api: Any, house: House) -> None:
    base = f"http://127.0.0.1:{house.port}"
    settings = load(
        env={}, data_dir=str(api.parts.settings.data_dir), notify__allow_private="127.0.0.1", notify__slack_url=base,
        notify__telegram_url=base, notify__twilio_url=base, notify__sendgrid_url=base,
    )  # fmt: skip
    notifiers, close = build_notifiers(settings, api.clock)
    for kind, config in configs(base).items():
        api.send("POST", "/api/channels", {"kind": kind, "name": f"my {kind}", "config": config}, 201)
    stores, clock = api.stores, api.clock
    planner = Planner(stores.ledger, stores.channels, stores.instruments, clock, "http://127.0.0.1:8700")
    deliverer = Deliverer(stores.ledger, stores.channels, notifiers, clock)

    def carried_out() -> dict[str, dict[str, Any]]:
        planner.run()
        for delivery in deliverer.claim(100):
            outcome = deliverer.attempt(delivery)
            assert outcome is not None
            deliverer.settle(outcome)
        return {one["channel"]: one for one in api.get("/api/alerts")["items"][0]["deliveries"]}

    values = {"condition": "close > 100", "value": 101.05}
    firing = Firing("f1", "r", "Rule", LOCAL_OWNER, 1, "NSE:AAA", EVENT, values, tuple(DOUBLES), clock.now())
    stores.ledger.append([replace(firing, severity="high")], (0,), "e", 1)

    told = carried_out()
    assert told.pop("in_app")["state"] == "sent"
    assert {kind: (one["state"], one["error"]) for kind, one in told.items()} == {
        kind: ("dead", double.said) for kind, double in DOUBLES.items()
    }
    assert {one["address_label"] for one in told.values()} == {f"my {kind}" for kind in DOUBLES}
    assert "very-secret" not in str(told)

    house.is_taking = True
    assert api.send("POST", "/api/dead-letters/replay", {})["replayed"] == len(DOUBLES)
    assert {one["state"] for one in carried_out().values()} == {"sent"}
    assert {kind: len(bodies) for kind, bodies in house.taken.items()} == dict.fromkeys(DOUBLES, 1)
    assert json.loads(house.taken["webhook"][0])["title"] == TITLE
    close()
