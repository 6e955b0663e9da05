"""Who sends push messages: a signed word of ours for each push service (RFC 8292)."""

from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from marketbell.adapters.notifiers.push.sealing import CURVE, encoded, point

LIFE_S = 12 * 3_600
"""A push service takes at most a day."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Vapid:
    """Signs with a private key made from 32 secret bytes; `contact` is a mailto: or https: address, or ""."""

    def __init__(self, secret: bytes, contact: str = "") -> None:
        number = int.from_bytes(secret, "big") % (_ORDER - 1) + 1
        self._key = ec.derive_private_key(number, CURVE)
        self._contact = contact
        self.public = encoded(point(self._key))

    def authorization(self, endpoint: str, now: int) -> str:
        """The header for one push service; it may be used until LIFE_S have passed. `now` is ns UTC."""
        pieces = urlsplit(endpoint)
        claims: dict[str, object] = {
            "aud": f"{pieces.scheme}://{pieces.netloc}",
            "exp": now // 1_000_000_000 + LIFE_S,
        }
        if self._contact:
            claims["sub"] = self._contact
        head = encoded(orjson.dumps({"typ": "JWT", "alg": "ES256"}))
        body = f"{head}.{encoded(orjson.dumps(claims))}"
        r, s = decode_dss_signature(self._key.sign(body.encode(), ec.ECDSA(hashes.SHA256())))
        signature = encoded(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        return f"vapid t={body}.{signature}, k={self.public}"
