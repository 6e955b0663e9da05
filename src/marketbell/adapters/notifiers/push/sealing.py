"""Encryption of a push message for one subscription (RFC 8291 over RFC 8188, aes128gcm)."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from marketbell.core.primitives.errors import DeliveryError

CURVE = ec.SECP256R1()
LARGEST = 3_993
"""Bytes of plain text that a push service must take: 4,096 less header, tag and delimiter (RFC 8291 §4)."""
_RECORD = 4_096
_POINT, _AUTH = 65, 16


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where a browser wants its messages, and the keys that only it can open them with."""

    endpoint: str
    p256dh: bytes
    auth: bytes


def sealed(plain: bytes, to: Subscription, key: ec.EllipticCurvePrivateKey | None = None, salt: bytes = b"") -> bytes:
    """The encrypted body: one record. `key` and `salt` are fresh for every message, given only to prove the law."""
    try:
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, to.p256dh)
    except (ValueError, InvalidKey):
        raise DeliveryError("the subscription's key is no point of P-256", permanent=True) from None
    if len(to.auth) != _AUTH:
        raise DeliveryError("the subscription's secret has not 16 bytes", permanent=True)
    ours = key or ec.generate_private_key(CURVE)
    salt = salt or os.urandom(16)
    public = point(ours)
    shared = ours.exchange(ec.ECDH(), theirs)
    secret = _derived(shared, to.auth, b"WebPush: info\0" + to.p256dh + public, 32)
    content_key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + _RECORD.to_bytes(4, "big") + bytes([_POINT]) + public
    return header + AESGCM(content_key).encrypt(nonce, plain + b"\x02", None)


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half, uncompressed: 65 bytes."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def encoded(raw: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The inverse; DeliveryError where it is none."""
    bare = text.rstrip("=")
    try:
        return urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except ValueError:
        raise DeliveryError("the subscription's keys are not base64url", permanent=True) from None


def _derived(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(key)
