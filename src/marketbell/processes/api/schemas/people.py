"""What belongs to a person: session, alerts, watchlists. Rules and channels have files of their own."""

from pydantic import Field

from marketbell.processes.api.schemas.base import Answer, Facts, PageQuery, Question, UtcTime
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


class AlertDelivery(Answer):
    """One message for one address."""

    channel: str
    address_label: str
    state: str
    attempts: int
    error: str
    sent_at: UtcTime | None


class Alert(Answer):
    """A rule fired: what, when, with which values, and where the message went."""

    firing_id: str
    rule_uid: str
    rule: str
    instrument: str
    symbol: str
    name: str
    event_time: UtcTime
    recorded_at: UtcTime | None
    values: Facts = Field(description="Why: the document of `/api/rules/{rule_uid}/why`, as it was then.")
    deliveries: list[AlertDelivery]
    is_read: bool
    severity: str = Field(description="low, normal or high.")
    event: str = Field(description="fire; of rules that tell the beginning or the end: enter or exit.")
    version: int = Field(description="Of the rule.")
    suppressed: str = Field(description="What kept it from being told (cooldown …); empty where nothing did.")


class AlertList(Answer):
    """Alerts, newest first."""

    items: list[Alert]
    as_of: UtcTime | None
    source: str
    next_cursor: str | None
    unread: int = Field(description="How many of the newest 200 have not been read.")


class AlertsQuery(PageQuery):
    """Which part of the inbox."""

    instrument: str | None = Field(None, max_length=60, description="VENUE:SYMBOL or an unambiguous symbol.")
    rule_uid: str | None = Field(None, max_length=200)
    unread: bool = Field(False, description="Only what was recorded after the last reading.")


class ReadBody(Question):
    """Everything up to this moment has been read."""

    up_to: str = Field(max_length=40, description="ISO-8601: the `recorded_at` of the newest alert seen.")


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
