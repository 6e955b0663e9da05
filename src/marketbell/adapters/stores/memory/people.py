"""What belongs to people, in dictionaries: sessions, channels, watchlists, remembered answers."""

import threading

from marketbell.core.primitives.errors import NotFoundError
from marketbell.ports.stores import Channel, Watchlist


class MemorySessions:
    """Browser sessions by the hash of their token."""

    def __init__(self) -> None:
        self._sessions: dict[bytes, tuple[str, int]] = {}
        self._lock = threading.Lock()

    def create(self, owner_id: str, token_hash: bytes, expires_at: int) -> None:
        """Let the bearer of that token in until `expires_at`."""
        with self._lock:
            self._sessions[token_hash] = (owner_id, expires_at)

    def owner(self, token_hash: bytes, now: int) -> str | None:
        """Whose session it is, None where there is none or its time is over."""
        with self._lock:
            owner_id, expires_at = self._sessions.get(token_hash, (None, 0))
            return owner_id if expires_at > now else None

    def delete(self, token_hash: bytes) -> None:
        """End a session; no word where there is none."""
        with self._lock:
            self._sessions.pop(token_hash, None)


class MemoryIdempotency:
    """Answers by owner and key; the first one stays."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], tuple[bytes, int, bytes]] = {}
        self._lock = threading.Lock()

    def remember(self, owner_id: str, key: str, body_hash: bytes, status: int, body: bytes, now: int) -> None:  # noqa: ARG002 — the twin forgets nothing
        """Keep an answer, unless the key has one."""
        with self._lock:
            self._answers.setdefault((owner_id, key), (body_hash, status, body))

    def recall(self, owner_id: str, key: str) -> tuple[bytes, int, bytes] | None:
        """Hash of the request's body, status and body of the answer."""
        with self._lock:
            return self._answers.get((owner_id, key))


class MemoryWatchlists:
    """Watchlists by id, oldest first."""

    def __init__(self) -> None:
        self._watchlists: dict[str, Watchlist] = {}
        self._lock = threading.Lock()

    def all(self, owner_id: str) -> list[Watchlist]:
        """The owner's watchlists, oldest first."""
        with self._lock:
            return [item for item in self._watchlists.values() if item.owner_id == owner_id]

    def get(self, owner_id: str, watchlist_id: str) -> Watchlist | None:
        """The owner's watchlist of that id."""
        with self._lock:
            found = self._watchlists.get(watchlist_id)
            return found if found is not None and found.owner_id == owner_id else None

    def put(self, watchlist: Watchlist) -> Watchlist:
        """Add or replace. NotFoundError where the id is another owner's."""
        with self._lock:
            found = self._watchlists.get(watchlist.watchlist_id)
            if found is not None and found.owner_id != watchlist.owner_id:
                raise _missing("watchlist", watchlist.watchlist_id)
            self._watchlists[watchlist.watchlist_id] = watchlist
            return watchlist

    def delete(self, owner_id: str, watchlist_id: str) -> None:
        """NotFoundError where the owner has no such watchlist."""
        with self._lock:
            found = self._watchlists.get(watchlist_id)
            if found is None or found.owner_id != owner_id:
                raise _missing("watchlist", watchlist_id)
            del self._watchlists[watchlist_id]


class MemoryChannels:
    """Channels by id, oldest first."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}
        self._lock = threading.Lock()

    def all(self, owner_id: str) -> list[Channel]:
        """The owner's channels, oldest first."""
        with self._lock:
            return [item for item in self._channels.values() if item.owner_id == owner_id]

    def put(self, channel: Channel) -> Channel:
        """Add or replace. NotFoundError where the id is another owner's."""
        with self._lock:
            found = self._channels.get(channel.channel_id)
            if found is not None and found.owner_id != channel.owner_id:
                raise _missing("channel", channel.channel_id)
            self._channels[channel.channel_id] = channel
            return channel

    def delete(self, owner_id: str, channel_id: str) -> None:
        """NotFoundError where the owner has no such channel."""
        with self._lock:
            found = self._channels.get(channel_id)
            if found is None or found.owner_id != owner_id:
                raise _missing("channel", channel_id)
            del self._channels[channel_id]


def _missing(kind: str, key: str) -> NotFoundError:
    message = f"there is no {kind} {key}"
    return NotFoundError(message)
