"""What belongs to a person: session, watchlists. Rules, alerts and channels have files of their own."""

from pydantic import Field

from marketbell.processes.api.schemas.base import Answer, Question, UtcTime
from marketbell.processes.api.schemas.market import FeedLabel


class SessionInfo(Answer):
    """Who is asking, and how to listen live."""

    owner: str
    live_url: str
    live_token: str = Field(description="For the Socket.IO `auth` payload; good for a few minutes: ask again then.")
    live_token_expires_at: UtcTime
    version: str
    feed: FeedLabel
    zone: str | None = Field(description="The venue's time zone, IANA name.")


class Watchlist(Answer):
    """Instruments somebody follows, in their order."""

    watchlist_id: str
    name: str
    instruments: list[str]


class WatchlistList(Answer):
    """All watchlists of the owner."""

    items: list[Watchlist]


class WatchlistBody(Question):
    """Name and instruments of a watchlist."""

    name: str = Field(min_length=1, max_length=80)
    instruments: list[str] = Field(default_factory=list, max_length=500)
