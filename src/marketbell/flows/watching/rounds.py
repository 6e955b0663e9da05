"""The rounds of the watch: look, show what stands, and give the outside a sign of life.

The sign of life (a dead man's switch) goes to an address that raises its own alarm where none comes for a while:
what watches everything here cannot tell of its own end.
"""

from collections.abc import Callable
from typing import Any, Protocol

import orjson
import structlog

from marketbell.core.primitives.errors import BusUnavailableError, DeliveryError, StoreUnavailableError
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.outgoing import Outgoing
from marketbell.ports.watches import Raised

log = structlog.stdlib.get_logger("watch")

RAISED_KEY = "watch:raised"
"""What stands, for `status`, `doctor` and /healthz: {at, items: [{watch, since, said}]}, times ns UTC."""
SHOWN_FOR_S = 60.0
FIRST_AFTER_S = 3.0
"""What was interrupted goes on first."""


class Looker(Protocol):
    """Takes one look and says what stands."""

    def look(self) -> list[Raised]: ...


class Rounds:
    """`step` does what is due; the caller waits between two of them."""

    def __init__(
        self,
        watcher: Looker,
        cache: Cache,
        clock: Clock,
        *,
        every_s: float,
        outgoing: Outgoing | None = None,
        heartbeat_url: str = "",
        heartbeat_every_s: float = 60.0,
        is_working: Callable[[], bool] = lambda: True,
    ) -> None:
        """`is_working` says whether messages can leave: only then is there a sign of life to give."""
        self._watcher = watcher
        self._cache = cache
        self._clock = clock
        self._every_s = every_s
        self._outgoing = outgoing
        self._url = heartbeat_url
        self._beat_every_s = heartbeat_every_s
        self._is_working = is_working
        self._look_at_s = self._beat_at_s = clock.monotonic() + FIRST_AFTER_S
        self._is_blind = True
        self._standing: list[Raised] = []

    def step(self) -> float:
        """What is due; seconds until more is."""
        now_s = self._clock.monotonic()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + self._every_s
            self._look()
        if self._url and self._outgoing is not None and now_s >= self._beat_at_s:
            self._beat_at_s = now_s + self._beat_every_s
            self._beat(self._outgoing)
        until = min(self._look_at_s, self._beat_at_s) if self._url else self._look_at_s
        return max(0.0, until - self._clock.monotonic())

    def _look(self) -> None:
        try:
            self._standing = self._watcher.look()
            self._is_blind = False
            self._cache.set(RAISED_KEY, orjson.dumps(self.document()), ttl_s=SHOWN_FOR_S)
        except StoreUnavailableError as error:
            if not self._is_blind:
                log.warning("watch.blind", error=error.message)
            self._is_blind = True
        except BusUnavailableError:
            return  # it stands in the store, and is shown when the cache is back

    def document(self) -> dict[str, Any]:
        """What stands, for other processes."""
        items = [{"watch": one.watch, "since": one.began_at, "said": one.said} for one in self._standing]
        return {"at": self._clock.now(), "items": items}

    def _beat(self, outgoing: Outgoing) -> None:
        try:
            if self._is_blind or not self._is_working():
                return  # silence is what the other side waits for
        except StoreUnavailableError:
            return
        body = orjson.dumps(
            {"source": "marketbell", "at": self._clock.now(), "raised": [one.watch for one in self._standing]}
        )
        try:
            reply = outgoing.post(self._url, body, {"Content-Type": "application/json"})
        except DeliveryError as error:
            log.warning("sign_of_life.failed", error=error.message)
            return
        if reply.status >= 400:
            log.warning("sign_of_life.refused", status=reply.status)
