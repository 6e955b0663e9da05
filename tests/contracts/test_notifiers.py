"""Every channel that speaks HTTP, against a receiver that answers as its provider does.

What the providers said is in the recorded bodies (shared/data) and in their documentation; each case is one answer.
"""

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.notifiers.discord.channel import Discord
from marketbell.adapters.notifiers.email.channel import Email
from marketbell.adapters.notifiers.in_app.channel import InApp
from marketbell.adapters.notifiers.push.channel import Push
from marketbell.adapters.notifiers.push.sealing import CURVE, encoded, point
from marketbell.adapters.notifiers.push.vapid import Vapid
from marketbell.adapters.notifiers.slack.channel import Slack
from marketbell.adapters.notifiers.sms.channel import Sms
from marketbell.adapters.notifiers.telegram.channel import Telegram
from marketbell.adapters.notifiers.webhook.channel import Webhook
from marketbell.adapters.outgoing.guarded import GuardedHttp
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.notifiers import Message, Notifier
from marketbell.ports.outgoing import Outgoing

CLOCK = ManualClock(1_700_000_000_900_000_000)
MESSAGE = Message(
    "d" * 32,
    "RELIANCE <close> & more: 1500.05 at 2021-04-28 10:15:03 IST",
    "Rule: A & B",
    "http://127.0.0.1:8700/alerts",
    {"values": {"value": 1}, "severity": "high"},
    link_mute="https://bell.example.com/m/abc",
    actions=(("Acknowledge", "https://bell.example.com/m/def"),),
)
TOKEN = "123456:ABCDEFGHIJKLMNOP-secret"
SID = "AC" + "0" * 32
BROWSER = ec.derive_private_key(7, CURVE)

Answer = tuple[int, Any, dict[str, str]]


@dataclass(frozen=True)
class Provider:
    """How a kind is built, what it is given, and what its provider answers."""

    build: Callable[[Outgoing, str], Notifier]
    config: Callable[[str], dict[str, Any]]
    fine: Answer
    reference: str
    limited: Answer
    asked: float
    permanent: tuple[Answer, ...]
    passing: tuple[Answer, ...]
    secrets: tuple[str, ...] = ("key=1",)


def codes(*statuses: int, body: Any = b"no") -> tuple[Answer, ...]:
    return tuple((status, body, {}) for status in statuses)


def slack_says(error: str, status: int = 200) -> Answer:
    return status, {"ok": False, "error": error}, {}


PROVIDERS = {
    "webhook": Provider(
        lambda http, _: Webhook(http, CLOCK, b"of this installation"),
        lambda url: {"url": url},
        (202, b"", {"X-Request-Id": "abc"}),
        "abc",
        (429, b"", {"Retry-After": "7"}),
        7.0,
        (*codes(400, 401, 404, 410), (302, b"", {"Location": "http://127.0.0.1:1/"})),
        codes(408, 409, 425, 500, 503),
    ),
    "slack by webhook": Provider(
        lambda http, _: Slack(http, CLOCK),
        lambda url: {"way": "webhook", "url": url},
        (200, b"ok", {}),
        "ok",
        (429, b"rate_limited", {"Retry-After": "30"}),
        30.0,
        (
            *codes(400, body=b"invalid_payload"),
            *codes(403, body=b"action_prohibited"),
            *codes(404, body=b"no_service"),
            *codes(410, body=b"channel_is_archived"),
            *codes(200, body=b"<html>hello</html>"),
        ),
        (*codes(500, body=b"rollup_error"), *codes(503, body=b"<!DOCTYPE html>\n<html></html>")),
    ),
    "slack as bot": Provider(
        lambda http, base: Slack(http, CLOCK, base),
        lambda _: {"way": "bot", "token": "xoxb-1-secret", "channel": "#alerts"},
        (200, {"ok": True, "channel": "C1", "ts": "1503435956.000247"}, {}),
        "1503435956.000247",
        (429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "1"}),
        1.0,
        (
            *map(
                slack_says,
                ("invalid_auth", "not_in_channel", "channel_not_found", "is_archived", "token_revoked", "no_text"),
            ),
            (200, b"hello", {}),
        ),
        (
            *map(slack_says, ("fatal_error", "internal_error", "service_unavailable", "ratelimited")),
            *codes(503, body=b"<!DOCTYPE html>\n<html lang=en></html>"),
        ),
        ("xoxb-1-secret",),
    ),
    "telegram": Provider(
        Telegram,
        lambda _: {"token": TOKEN, "chat": "-1001234"},
        (200, {"ok": True, "result": {"message_id": 42}}, {}),
        "42",
        (
            429,
            {"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 5",
             "parameters": {"retry_after": 5}},
            {},
        ),
        5.0,
        (
            (400, {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"}, {}),
            (401, {"ok": False, "error_code": 401, "description": "Unauthorized"}, {}),
            (403, {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}, {}),
            (404, {"ok": False, "error_code": 404, "description": "Not Found"}, {}),
            (400, {"ok": False, "error_code": 400, "description": "upgraded",
                   "parameters": {"migrate_to_chat_id": -100987}}, {}),
            (200, {"hello": "world"}, {}),
        ),
        ((500, {"ok": False, "error_code": 500, "description": "Internal"}, {}), *codes(502, body=b"<html>")),
        (TOKEN,),
    ),
    "discord": Provider(
        lambda http, _: Discord(http),
        lambda url: {"url": url},
        (200, {"id": "1162"}, {}),
        "1162",
        (429, {"message": "You are being rate limited.", "retry_after": 64.57, "global": False}, {"Retry-After": "65"}),
        64.57,
        (
            (404, {"message": "Unknown Webhook", "code": 10015}, {}),
            (401, {"message": "Invalid Webhook Token", "code": 50027}, {}),
            (400, {"message": "Cannot send an empty message", "code": 50006}, {}),
        ),
        codes(500, 502, 503),
    ),
    "sms": Provider(
        lambda http, base: Sms(http, CLOCK, base),
        lambda _: {"account": SID, "token": "sms-secret", "to": "+919876543210", "sender": "+15005550006"},
        (201, {"sid": "SM90c6", "status": "queued", "num_segments": "1", "error_code": None}, {}),
        "SM90c6",
        (429, {"code": 20429, "message": "Too Many Requests", "status": 429}, {"Retry-After": "2"}),
        2.0,
        (
            (400, {"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400}, {}),
            (400, {"code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400}, {}),
            (401, {"code": 20003, "message": "Authenticate", "status": 401}, {}),
            (422, {"title": "Validation failed", "code": 20001, "detail": "Request validation failed"}, {}),
            (201, {"sid": "SM1", "status": "failed", "error_code": 30003, "error_message": "Unreachable"}, {}),
            (200, {"hello": "world"}, {}),
        ),
        (
            (500, {"code": 20500, "message": "Internal Server Error"}, {}),
            (400, {"code": 14107, "message": "Message rate exceeded"}, {}),
            *codes(503, body=b"<html>"),
        ),
        ("sms-secret",),
    ),
    "e-mail by SendGrid": Provider(
        lambda http, base: Email(http, CLOCK, sendgrid_api=base),
        lambda _: {
            "way": "sendgrid", "to": "asha@example.com", "sender": "bell@example.com", "api_key": "SG.secret-key",
        },
        (202, b"", {"X-Message-Id": "14c5d75ce93"}),
        "14c5d75ce93",
        (429, {"errors": [{"message": "too many requests"}]}, {"X-RateLimit-Reset": "1700000012"}),
        11.1,
        (
            (400, {"errors": [{"message": "Invalid from", "field": "from.email"}]}, {}),
            (401, {"errors": [{"message": "The provided authorization grant is invalid"}]}, {}),
            (403, {"errors": [{"message": "The from address does not match a verified Sender Identity"}]}, {}),
            *codes(406, 413, 415, 200),
        ),
        codes(500, 503),
        ("SG.secret-key",),
    ),
    "push": Provider(
        lambda http, _: Push(http, CLOCK, Vapid(b"\1" * 32, "mailto:bell@example.com")),
        lambda url: {"endpoint": url, "p256dh": encoded(point(BROWSER)), "auth": encoded(b"0123456789abcdef")},
        (201, b"", {"Location": "https://push.example.com/m/1"}),
        "accepted",
        (429, b"", {"Retry-After": "Tue, 14 Nov 2023 22:13:30 GMT"}),
        9.1,
        codes(400, 401, 403, 404, 410, 413),
        codes(500, 503),
    ),
}  # fmt: skip


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Provider:
    return PROVIDERS[request.param]


def answering(receiver: Any, answer: Answer) -> None:
    status, body, headers = answer
    receiver.status, receiver.headers = status, headers
    receiver.body = body if isinstance(body, bytes) else json.dumps(body).encode()


def sent(provider: Provider, receiver: Any, http: Outgoing) -> str:
    return provider.build(http, receiver.base).send(provider.config(receiver.url), MESSAGE)


def refused(provider: Provider, receiver: Any, http: Outgoing) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        sent(provider, receiver, http)
    error = caught.value
    assert not [secret for secret in provider.secrets if secret in error.message]
    return error


def test_what_is_accepted_is_delivered_once(provider: Provider, receiver: Any, http: GuardedHttp) -> None:
    answering(receiver, provider.fine)
    assert sent(provider, receiver, http) == provider.reference
    assert len(receiver.calls) == 1


def test_some_refusals_are_for_good(provider: Provider, receiver: Any, http: GuardedHttp) -> None:
    for answer in provider.permanent:
        answering(receiver, answer)
        error = refused(provider, receiver, http)
        assert (error.permanent, error.retryable) == (True, False), answer
    assert len(receiver.calls) == len(provider.permanent)  # no redirect was followed


def test_others_pass(provider: Provider, receiver: Any, http: GuardedHttp) -> None:
    for answer in provider.passing:
        answering(receiver, answer)
        error = refused(provider, receiver, http)
        assert (error.permanent, error.retryable) == (False, True), answer
        assert error.facts.get("outcome") != "unknown"


def test_a_provider_that_is_asked_too_often_says_how_long_to_wait(
    provider: Provider, receiver: Any, http: GuardedHttp
) -> None:
    answering(receiver, provider.limited)
    error = refused(provider, receiver, http)
    assert not error.permanent
    assert error.facts["retry_after_s"] == pytest.approx(provider.asked, abs=0.01)


def test_nobody_there_is_worth_another_try(provider: Provider, receiver: Any, http: GuardedHttp) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        notifier = provider.build(http, f"http://127.0.0.1:{port}")
        with pytest.raises(DeliveryError) as caught:
            notifier.send(provider.config(f"http://127.0.0.1:{port}/hook?key=1"), MESSAGE)
    assert not caught.value.permanent
    assert caught.value.facts["outcome"] == "refused"
    assert not receiver.calls


def test_taken_and_dropped_is_an_unknown_outcome(provider: Provider, receiver: Any, http: GuardedHttp) -> None:
    receiver.drops = True
    error = refused(provider, receiver, http)
    assert (error.permanent, error.facts["outcome"]) == (False, "unknown")


def test_a_slow_one_is_not_waited_for(provider: Provider, receiver: Any) -> None:
    answering(receiver, provider.fine)
    receiver.delay_s = 0.6
    door = GuardedHttp(["127.0.0.1"], timeout_s=0.3)
    error = refused(provider, receiver, door)
    door.close()
    assert (error.permanent, error.facts["outcome"]) == (False, "unknown")


def test_an_empty_configuration_is_refused_without_a_call(provider: Provider, receiver: Any, http: GuardedHttp) -> None:
    with pytest.raises(DeliveryError) as caught:
        provider.build(http, receiver.base).send({}, MESSAGE)
    assert caught.value.permanent
    assert not receiver.calls


def test_the_recorded_refusals_are_understood(shared_data: Path, receiver: Any, http: GuardedHttp) -> None:
    recorded = json.loads((shared_data / "providers/notifications/error_bodies.json").read_text())
    for case in recorded["twilio"]:
        answering(receiver, (case["status"], case["body"], {}))
        error = refused(PROVIDERS["sms"], receiver, http)
        assert error.permanent
        assert str(case["body"].get("code", "")) in error.message
    for status in map(int, recorded["sendgrid"][1]["statuses"]):
        if status == 202:
            continue
        answering(receiver, (status, recorded["sendgrid"][0]["body"], {}))
        error = refused(PROVIDERS["e-mail by SendGrid"], receiver, http)
        assert error.permanent == (status not in {429, 500, 503})
        assert "error message explained" in error.message
    passing = {"ratelimited", "fatal_error", "503"}
    for case in recorded["slack"]:
        is_page = isinstance(case["body"], str)
        body = case["body"].encode() if is_page else case["body"]
        answering(receiver, (case["status"], body, case.get("headers", {})))
        error = refused(PROVIDERS["slack as bot"], receiver, http)
        said = str(case["status"]) if is_page else case["body"]["error"]
        assert error.permanent == (said not in passing), case
        assert "<" not in error.message


def test_the_inbox_needs_nothing() -> None:
    assert InApp().send({}, MESSAGE) == f"inbox:{MESSAGE.delivery_id}"
