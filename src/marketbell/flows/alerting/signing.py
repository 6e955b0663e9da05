"""Signed links: whoever holds one may do the one thing that it names, without a login, until it expires."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from dataclasses import dataclass
from hashlib import sha256

from marketbell.core.alerts.links import LIFE_S, Link, Purpose, read, written

_DOMAIN = b"marketbell.link.1\0"
_MAC_BYTES = 16
LONGEST_TOKEN = 400


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads the tokens of links. `base` is what links begin with, "" where messages have none."""

    key: bytes
    base: str = ""

    def token(self, link: Link) -> str:
        """Text and signature, fit for an address."""
        raw = written(link)
        return f"{_text(raw)}.{_text(self._mac(raw))}"

    def url(self, purpose: Purpose, owner_id: str, firing_id: str, at: int) -> str:
        """The link of an alert that was recorded at that moment; the same however often it is made."""
        if not self.base or not self.key:
            return ""
        link = Link(purpose, owner_id, firing_id, at + LIFE_S * 10**9)
        return f"{self.base.rstrip('/')}/m/{self.token(link)}"

    def read(self, token: str, now: int) -> Link | None:
        """What a good token says; None for any other, and for one whose time is over."""
        text, dot, mac = token.partition(".")
        if not dot or len(token) > LONGEST_TOKEN:
            return None
        try:
            raw, given = _bytes(text), _bytes(mac)
        except (BadBase64, ValueError):
            return None
        if not hmac.compare_digest(given, self._mac(raw)):
            return None
        link = read(raw)
        return link if link is not None and now < link.expires_at else None

    def _mac(self, raw: bytes) -> bytes:
        return hmac.digest(self.key, _DOMAIN + raw, sha256)[:_MAC_BYTES]


NO_LINKS = Links(b"")


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    found = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _text(found) != text:
        raise ValueError("not the one way to write it")
    return found
