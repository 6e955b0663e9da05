"""Reads of KV version 2 from Vault or OpenBao, kept for a moment.

    GET  /v1/MOUNT/data/PREFIX/NAME     X-Vault-Token
    POST /v1/auth/approle/login         {"role_id", "secret_id"}, where an AppRole logs in

KV has no leases. A token of an AppRole is asked for anew when four fifths of its life are over, or when it is
refused. What was read is kept for `cache_s`; after that an outage is an outage, however good the old value looks.
Who asks during one is told at once for a moment: a message's attempt must not wait in a row of timeouts.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from marketbell.adapters.secrets.vault.login import Login
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.clock import Clock

TIMEOUT_S = 1.5
OUTAGE_S = 1.0
"""How long an outage is believed without asking again."""
FIELD = "value"
"""The field of an entry that is meant where a name has no `#field`."""
_OK, _MISSING, _DENIED = 200, 404, 403
_PASSING = frozenset({408, 412, 429, 472, 473})
"""Rate limits, a read that is ahead of its replica, and standbys."""
_RENEW_AT = 0.8
_NOT_A_TOKEN = "Vault refused the login"  # noqa: S105 — a sentence


@dataclass(frozen=True, slots=True)
class Place:
    """Where entries lie: address, mount of the engine, folder in it, namespace of Vault Enterprise or OpenBao."""

    url: str
    mount: str = "secret"
    prefix: str = "marketbell"
    namespace: str = ""
    ca_file: str = ""


class VaultSecrets:
    """May be shared by threads. Nothing connects before its first use."""

    def __init__(self, place: Place, login: Login, clock: Clock, cache_s: float = 30.0) -> None:
        self._place = place
        self._login = login
        self._clock = clock
        self._cache_s = cache_s
        verify = str(Path(place.ca_file).expanduser()) if place.ca_file else True
        self._client = httpx.Client(
            base_url=place.url.rstrip("/"), timeout=TIMEOUT_S, trust_env=False, follow_redirects=False, verify=verify
        )
        self._lock = threading.Lock()
        self._token = ""
        self._token_until = 0.0
        self._down_until = 0.0
        self._down_said = ""
        self._kept: dict[str, tuple[float, dict[str, Any] | None]] = {}

    def find(self, name: str) -> str | None:
        """A field of an entry as text."""
        entry, _, part = name.partition("#")
        with self._lock:  # one question at a time: a crowd after a pause asks Vault once
            fields = self._entry(entry)
        value = None if fields is None else fields.get(part or FIELD)
        if value is None:
            return None
        if not isinstance(value, str):
            raise DeliveryError(f"the secret {name} in Vault is not a text", permanent=True)
        return value or None

    def close(self) -> None:
        """Let go of the connections and of what was read."""
        self._client.close()
        with self._lock:
            self._kept.clear()
            self._token = ""

    def _entry(self, entry: str) -> dict[str, Any] | None:
        now = self._clock.monotonic()
        until, fields = self._kept.get(entry, (0.0, None))
        if now < until:
            return fields
        self._kept.pop(entry, None)
        if now < self._down_until:
            raise DeliveryError(self._down_said)
        try:
            fields = self._read(entry)
        except DeliveryError as error:
            if not error.permanent:
                self._down_until, self._down_said = self._clock.monotonic() + OUTAGE_S, error.message
            raise
        self._kept[entry] = (now + self._cache_s, fields)
        return fields

    def _read(self, entry: str) -> dict[str, Any] | None:
        path = "/".join(part for part in (self._place.prefix.strip("/"), entry) if part)
        url = f"/v1/{quote(self._place.mount.strip('/'))}/data/{quote(path)}"
        reply = self._ask("GET", url, self._current())
        if reply.status_code == _DENIED and self._login.can_change:
            self._token = ""
            reply = self._ask("GET", url, self._current())
        if reply.status_code == _MISSING:
            return None
        if reply.status_code == _DENIED:
            raise DeliveryError(f"Vault does not let us read the secret {entry}", permanent=True)
        if reply.status_code != _OK:
            raise _failure(reply.status_code)
        found = _mapping(_document(reply).get("data")).get("data")
        return dict(found) if isinstance(found, Mapping) else None  # null: this version was deleted

    def _current(self) -> str:
        now = self._clock.monotonic()
        if not self._login.is_role:
            if not self._token:
                self._token = self._login.fixed_token()
            return self._token
        if not self._token or (self._token_until and now >= self._token_until):
            self._token, life_s = self._log_in()
            self._token_until = now + life_s * _RENEW_AT if life_s > 0 else 0.0
        return self._token

    def _log_in(self) -> tuple[str, float]:
        reply = self._ask("POST", f"/v1/auth/{quote(self._login.mount)}/login", "", self._login.role())
        if 400 <= reply.status_code < 500 and reply.status_code not in _PASSING:
            raise DeliveryError(f"{_NOT_A_TOKEN}: HTTP {reply.status_code}", permanent=True)
        if reply.status_code != _OK:
            raise _failure(reply.status_code)
        given = _mapping(_document(reply).get("auth"))
        token, life = given.get("client_token"), given.get("lease_duration", 0)
        if not isinstance(token, str) or not token:
            raise DeliveryError("what answers is not Vault: the login gave no token")
        return token, float(life) if isinstance(life, (int, float)) else 0.0

    def _ask(self, method: str, url: str, token: str, body: Mapping[str, str] | None = None) -> httpx.Response:
        headers = {"X-Vault-Request": "true"}
        if token:
            headers["X-Vault-Token"] = token
        if self._place.namespace:
            headers["X-Vault-Namespace"] = self._place.namespace
        try:
            return self._client.request(method, url, headers=headers, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # `from None`: the request in its traceback carries the token
            raise DeliveryError(f"Vault does not answer: {type(error).__name__}") from None


def _failure(status: int) -> DeliveryError:
    """Sealed, standby, overloaded and broken pass; what else there is does not."""
    is_passing = status >= 500 or status in _PASSING or 300 <= status < 400
    return DeliveryError(f"Vault answered HTTP {status}", permanent=not is_passing)


def _document(reply: httpx.Response) -> Mapping[str, Any]:
    try:
        return _mapping(reply.json())
    except ValueError:
        raise DeliveryError("what answers is not Vault: no JSON") from None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
