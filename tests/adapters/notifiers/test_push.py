"""Web push: sealed as in RFC 8291's own example, signed as RFC 8292 wants it."""

import json
from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.notifiers.push.channel import Push
from marketbell.adapters.notifiers.push.sealing import (
    CURVE,
    LARGEST,
    Subscription,
    decoded,
    encoded,
    point,
    sealed,
)
from marketbell.adapters.notifiers.push.vapid import LIFE_S, Vapid
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.notifiers import Message
from marketbell.ports.outgoing import Reply

BROWSER_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
BROWSER_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SENDER_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
AUTH, SALT = "BTBZMqHH6r4Tts7J_aSIgg", "DGv6ra1nlYgDCS1FRnbzlw"
SEALED = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
ENDPOINT = "https://push.example.com/send/abc"
NOW = 1_700_000_000 * 10**9


def private(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(decoded(text), "big"), CURVE)


def opened(body: bytes, key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """As a browser does it, written from the RFC."""
    salt, public = body[:16], body[21 : 21 + body[20]]
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, public))

    def derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
        return HKDF(hashes.SHA256(), length, salt, info).derive(secret)

    secret = derived(shared, auth, b"WebPush: info\0" + point(key) + public, 32)
    plain = AESGCM(derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)).decrypt(
        derived(secret, salt, b"Content-Encoding: nonce\0", 12), body[21 + body[20] :], None
    )
    assert plain[-1:] == b"\x02"
    return plain[:-1]


def test_the_example_of_the_rfc() -> None:
    to = Subscription(ENDPOINT, decoded(BROWSER_PUBLIC), decoded(AUTH))
    body = sealed(b"When I grow up, I want to be a watermelon", to, private(SENDER_PRIVATE), decoded(SALT))
    assert encoded(body) == SEALED


def test_each_message_is_sealed_anew_and_the_browser_opens_it() -> None:
    to = Subscription(ENDPOINT, decoded(BROWSER_PUBLIC), decoded(AUTH))
    first, second = sealed(b"x" * LARGEST, to), sealed(b"x" * LARGEST, to)
    assert first != second
    assert len(first) == 4_096
    assert opened(second, private(BROWSER_PRIVATE), to.auth) == b"x" * LARGEST


@pytest.mark.parametrize(
    "config", [{"p256dh": "A" * 87}, {"auth": "AAAA"}, {"p256dh": "*" * 87}, {"endpoint": ""}, {"auth": ""}]
)
def test_a_subscription_that_cannot_be_is_refused_for_good(config: dict[str, str]) -> None:
    push = Push(Told(), ManualClock(NOW), Vapid(b"\1" * 32))
    whole = {"endpoint": ENDPOINT, "p256dh": BROWSER_PUBLIC, "auth": AUTH} | config
    with pytest.raises(DeliveryError) as caught:
        push.send(whole, Message("d" * 32, "t", "b", "", {}))
    assert caught.value.permanent


class Told:
    """An Outgoing that keeps what it is handed."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes, dict[str, str]]] = []

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Reply:
        self.calls.append((url, body, dict(headers)))
        return Reply(201)

    def pinned(self, host: str, port: int, ports: object) -> str:
        return host

    def close(self) -> None:
        pass


def test_what_is_sent_is_signed_for_its_push_service_and_replaces_its_repeat() -> None:
    http, vapid = Told(), Vapid(b"\1" * 32, "mailto:bell@example.com")
    message = Message("d" * 32, "RELIANCE > 1500", "Rule: r", "http://x/alerts", {"severity": "high"})
    Push(http, ManualClock(NOW), vapid).send({"endpoint": ENDPOINT, "p256dh": BROWSER_PUBLIC, "auth": AUTH}, message)
    url, body, headers = http.calls[0]
    told = json.loads(opened(body, private(BROWSER_PRIVATE), decoded(AUTH)))
    assert told == {
        "title": "RELIANCE > 1500", "body": "Rule: r", "url": "http://x/alerts", "mute": "", "tag": "d" * 32,
        "severity": "high",
    }  # fmt: skip
    assert (url, headers["Topic"], headers["Urgency"]) == (ENDPOINT, "d" * 32, "high")
    assert (headers["Content-Encoding"], headers["TTL"]) == ("aes128gcm", "21600")
    token, key = (part.partition("=")[2] for part in headers["Authorization"].removeprefix("vapid ").split(", "))
    head, claims, signature = token.split(".")
    raw = decoded(signature)
    ec.EllipticCurvePublicKey.from_encoded_point(CURVE, decoded(key)).verify(
        encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")),
        f"{head}.{claims}".encode(),
        ec.ECDSA(hashes.SHA256()),
    )
    assert json.loads(urlsafe_b64decode(claims + "==")) == {
        "aud": "https://push.example.com", "exp": 1_700_000_000 + LIFE_S, "sub": "mailto:bell@example.com",
    }  # fmt: skip
    assert key == vapid.public == Vapid(b"\1" * 32).public
