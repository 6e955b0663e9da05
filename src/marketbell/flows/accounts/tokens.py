"""Tokens: the owner's file token, the browser's session, the short live token.

Nothing here reads a clock or a file: times are nanoseconds UTC and keys come in as bytes.
"""

import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256

import orjson
from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from marketbell.flows.accounts.decisions import NOBODY, Actor
from marketbell.ports.stores import LOCAL_OWNER

NS = 1_000_000_000
SESSION_S = 30 * 86_400
LIVE_TOKEN_S = 600


def is_owner_token(given: str, expected: str) -> bool:
    """Compare in constant time; an empty expected token matches nothing."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


def new_session_token() -> str:
    """256 random bits for the cookie."""
    return secrets.token_urlsafe(32)


def session_hash(token: str) -> bytes:
    """What the store keeps of a session: the token itself stays in the browser."""
    return sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class LiveTokens:
    """Signs and reads the tokens that let a page into the live server."""

    key: bytes

    def _signer(self) -> Signer:
        return Signer(self.key, salt=b"marketbell.live", digest_method=sha256)

    def issue(self, owner_id: str, now: int) -> tuple[str, int]:
        """A token and the moment (ns) from which it lets nobody in any more."""
        expires_at = now + LIVE_TOKEN_S * NS
        payload = base64_encode(orjson.dumps([owner_id, expires_at]))
        return self._signer().sign(payload).decode(), expires_at

    def read(self, token: str, now: int) -> Actor:
        """The actor of a good token, NOBODY for any other."""
        try:
            owner_id, expires_at = orjson.loads(base64_decode(self._signer().unsign(token.encode())))
        except (BadSignature, ValueError, TypeError):
            return NOBODY
        if not isinstance(owner_id, str) or not isinstance(expires_at, int) or expires_at <= now:
            return NOBODY
        return Actor(owner_id, "live_token")


def read_any_token(token: str, owner_token: str, live: LiveTokens, now: int) -> Actor:
    """The actor of an owner token or a live token, else NOBODY."""
    if is_owner_token(token, owner_token):
        return Actor(LOCAL_OWNER, "token")
    return live.read(token, now)
