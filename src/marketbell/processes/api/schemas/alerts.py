"""The inbox and what stands between a firing and its messages: alerts, silences, preferences, dead letters."""

from typing import Literal

from pydantic import Field

from marketbell.processes.api.schemas.base import Answer, Facts, PageQuery, Question, UtcTime

Severity = Literal["low", "normal", "high"]
DeliveryState = Literal["queued", "held", "sending", "retry", "sent", "carried", "suppressed", "maybe_sent", "dead"]


class AlertDelivery(Answer):
    """One message for one address."""

    delivery_id: str
    channel: str
    address_label: str
    state: str = Field(
        description="queued, held, sending, retry, sent, carried, suppressed, maybe_sent or dead: docs/reference."
    )
    attempts: int
    error: str = Field(description="Why it is held or suppressed, or what went wrong last.")
    until: UtcTime | None = Field(description="When it is due again, or until when the reason holds; where known.")
    carried_by: str = Field(description="The delivery whose message tells this one too; empty for most.")
    sent_at: UtcTime | None


class Ack(Answer):
    """Somebody has seen it (ack), or put it off (snooze): no more of this rule about this instrument until then."""

    kind: Literal["ack", "snooze"]
    at: UtcTime
    by: str = Field(description="owner, or link where it was done from a message.")
    until: UtcTime


class AlertGroup(Answer):
    """The other alerts of the same rule, where a list is asked for by rule."""

    count: int
    unread: int
    instruments: list[str] = Field(description="Keys, at most 20.")


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
    ack: Ack | None = Field(description="The newest ack or snooze that was made on this alert.")
    group: AlertGroup | None = Field(description="With `group=rule`; null otherwise.")


class AlertList(Answer):
    """Alerts, newest first; with `group=rule` the newest of each rule."""

    items: list[Alert]
    as_of: UtcTime | None
    source: str
    next_cursor: str | None
    unread: int = Field(description="How many have not been read.")


class AlertsQuery(PageQuery):
    """Which part of the inbox."""

    instrument: str | None = Field(None, max_length=60, description="VENUE:SYMBOL or an unambiguous symbol.")
    rule_uid: str | None = Field(None, max_length=200)
    unread: bool = Field(False, description="Only what was recorded after the last reading.")
    state: DeliveryState | None = Field(None, description="Only alerts with a delivery in that state.")
    severity: Severity | None = None
    group: Literal["rule"] | None = Field(None, description="One item a rule: its newest, and how many there are.")


class ReadBody(Question):
    """Everything up to this moment has been read."""

    up_to: str = Field(max_length=40, description="ISO-8601: the `recorded_at` of the newest alert seen.")


class SnoozeBody(Question):
    """How long: `for_s` or `until`; a day where neither is said."""

    for_s: int | None = Field(None, ge=60, le=366 * 86_400)
    until: str | None = Field(None, max_length=40, description="ISO-8601.")


class Rearmed(Answer):
    """The rule that begins anew."""

    rule_uid: str
    version: int
    state: str
    unmuted: int = Field(description="Acks and snoozes of this rule about this instrument that were ended.")


class StoryLine(Answer):
    """One thing that happened to an alert."""

    at: UtcTime
    what: str = Field(
        description="decided, recorded, suppressed, planned, inbox, queued, held, released, attempt, accepted, failed, "
        "maybe_sent, dead, replayed, carried, acknowledged, snoozed or read."
    )
    detail: str
    channel: str = Field(description="Kind of channel; empty where it is about no message.")
    address_label: str
    delivery_id: str


class Story(Answer):
    """What happened to an alert, oldest first."""

    firing_id: str
    items: list[StoryLine]


class SilenceInfo(Answer):
    """Muted by hand until a moment. null where it does not choose."""

    silence_id: str
    rule_uid: str | None
    instrument: str | None
    severity: Severity | None
    until: UtcTime
    reason: str
    created_at: UtcTime | None


class SilenceList(Answer):
    """Silences that hold, the one that ends first first."""

    items: list[SilenceInfo]


class SilenceBody(Question):
    """What to mute; with nothing but `until`, everything."""

    rule_uid: str | None = Field(None, max_length=200)
    instrument: str | None = Field(None, max_length=60, description="VENUE:SYMBOL or an unambiguous symbol.")
    severity: Severity | None = None
    until: str = Field(max_length=40, description="ISO-8601, ahead of now and within ten years.")
    reason: str = Field("", max_length=200)


class AlertingPreferences(Answer):
    """How somebody wants to be told. Times of day are HH:MM in `zone`."""

    zone: str
    quiet_from: str = Field(description="Empty: no quiet hours.")
    quiet_to: str
    quiet_except_high: bool
    digest_at: str
    group_window_s: int
    repeat_s: int


class PreferencesBody(Question):
    """The whole; what is left out goes back to its default."""

    zone: str = Field("UTC", max_length=60, description="IANA name, as Asia/Kolkata.")
    quiet_from: str = Field("", max_length=5, description="HH:MM; empty: no quiet hours.")
    quiet_to: str = Field("", max_length=5)
    quiet_except_high: bool = Field(True, description="What is of severity high is told in quiet hours too.")
    digest_at: str = Field("08:00", max_length=5, description="When digests of whole days are told.")
    group_window_s: int = Field(60, ge=0, le=3_600, description="How long a storm of one rule is gathered; 0: never.")
    repeat_s: int = Field(
        0, ge=0, le=86_400, description="The same rule about the same instrument is told again only after so long."
    )


class DeadLetter(Answer):
    """A message that could not be delivered."""

    delivery_id: str
    firing_id: str
    rule_uid: str
    rule: str
    instrument: str
    channel: str
    address_label: str
    title: str
    error: str
    attempts: int
    died_at: UtcTime | None


class DeadLetterList(Answer):
    """Dead letters, those that died last first."""

    items: list[DeadLetter]
    next_cursor: str | None


class DeadLettersQuery(PageQuery):
    """Which dead letters."""

    channel: str | None = Field(None, max_length=200, description="A kind (slack), or a channel's id.")
    since: str | None = Field(None, max_length=40, description="ISO-8601: those that died at that time or later.")
    until: str | None = Field(None, max_length=40, description="ISO-8601: those that died before.")


class ReplayBody(Question):
    """Which messages to send again: by id, or those that a filter finds; with nothing, all that are dead."""

    delivery_ids: list[str] = Field(
        default_factory=list,
        max_length=500,
        description="Of dead letters; of deliveries that are maybe_sent too, then knowingly a second time.",
    )
    channel: str | None = Field(None, max_length=200)
    since: str | None = Field(None, max_length=40)
    until: str | None = Field(None, max_length=40)


class Replayed(Answer):
    """How many go out again."""

    replayed: int


class Latency(Answer):
    """From a firing's record to the provider's acceptance, over the last day; null where nothing was sent."""

    p50: float | None
    p99: float | None


class ChannelDelivery(Answer):
    """One kind of channel in numbers."""

    channel: str
    states: dict[str, int]
    latency_ms: Latency


class DeliveryFigures(Answer):
    """How delivery is doing."""

    states: dict[str, int] = Field(description="Deliveries by state; states that none is in are left out.")
    oldest_unsent_s: float | None = Field(description="Age of the oldest message that should be on its way.")
    dead: int
    latency_ms: Latency
    by_channel: list[ChannelDelivery]
