"""Browser sessions: the cookie's token, looked up by its hash and remembered for a few seconds."""

import threading
from collections import OrderedDict

from marketbell.flows.accounts.tokens import NS, SESSION_S, new_session_token, session_hash
from marketbell.ports.clock import Clock
from marketbell.ports.stores import SessionStore

REMEMBER_S = 10.0
_REMEMBERED = 1_000


class Sessions:
    """Creates, finds and ends sessions. Threads may share one."""

    def __init__(self, store: SessionStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, owner_id: str) -> str:
        """A new session; returns the cookie's token, which is kept nowhere here."""
        token = new_session_token()
        self._store.create(owner_id, session_hash(token), self._clock.now() + SESSION_S * NS)
        return token

    def owner(self, token: str) -> str | None:
        """Whose session it is, None when it is nobody's or over."""
        key = session_hash(token)
        now = self._clock.monotonic()
        with self._lock:
            known = self._known.get(key)
        if known is not None and now - known[1] < REMEMBER_S:
            return known[0]
        owner_id = self._store.owner(key, self._clock.now())
        with self._lock:
            self._known.pop(key, None)
            if owner_id is not None:
                self._known[key] = (owner_id, now)
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        return owner_id

    def end(self, token: str) -> None:
        """Sign out."""
        key = session_hash(token)
        self._store.delete(key)
        with self._lock:
            self._known.pop(key, None)
