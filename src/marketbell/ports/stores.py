"""The relational stores, one Protocol for each thing kept.

Every method is one transaction. Times are int64 nanoseconds UTC. Raises StoreUnavailableError when
the database does not answer (retryable). Personal rows carry `owner_id`, and every query for them
takes it: other people's rows do not exist.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from marketbell.core.columns.frame import Columns
from marketbell.core.market.instrument import Instrument
from marketbell.ports.chains import ChainStore
from marketbell.ports.jobs import JobStore
from marketbell.ports.ledger import EVERY_FIRING, Delivery, Firing, Ledger, Sought, Tally  # noqa: F401 — for tests
from marketbell.ports.watches import WatchStore
from marketbell.ports.wishes import WishStore

LOCAL_OWNER = "owner"
"""The one actor until accounts exist."""


class InstrumentStore(Protocol):
    """The universe. Putting an instrument twice updates it; its id never changes."""

    def put(self, instruments: Sequence[Instrument]) -> None: ...
    def all(self) -> list[Instrument]: ...
    def get(self, key: str) -> Instrument | None: ...
    def search(self, text: str, limit: int = 20) -> list[Instrument]:
        """Symbol prefix first, then words of the name; case does not matter."""


class BarStore(Protocol):
    """Closed bars, oldest first. Putting the same bar twice leaves one (the later values)."""

    def put(self, timeframe: str, bars: Columns) -> None:
        """Columns instrument_id, start, open, high, low, close, volume, trades, vwap; '1m' or '1d'. By COPY."""

    def last(self, instrument_id: int, timeframe: str, count: int, before: int | None = None) -> Columns:
        """The newest `count` bars whose start lies before `before`."""

    def between(self, instrument_id: int, timeframe: str, start: int, end: int) -> Columns:
        """Bars with start in [start, end)."""

    def across(self, instrument_ids: Sequence[int], timeframe: str, start: int, end: int) -> Columns:
        """Bars of several instruments with start in [start, end), in the order of start and id."""


class SnapshotStore(Protocol):
    """The last row of each instrument and session, for charts of the past and a start without a bus."""

    def put(self, session_date: str, rows: Mapping[int, Mapping[str, Any]], as_of: int) -> None: ...
    def latest(self) -> dict[int, dict[str, Any]]: ...


class QualityStore(Protocol):
    """Quality events counted by session, instrument and kind; putting the totals again changes nothing."""

    def put(self, session_date: str, counts: Mapping[int, Mapping[str, int]]) -> None:
        """Set the session's totals so far, by instrument id and kind."""

    def get(self, session_date: str) -> dict[int, dict[str, int]]: ...


@dataclass(frozen=True, slots=True)
class Fact:
    """One published value. Restatements are later versions; nothing is visible before `published_at`."""

    instrument_id: int
    name: str
    period_end: str
    value: float
    published_at: int
    source: str
    version: int = 1


class FundamentalStore(Protocol):
    """Fundamentals and shareholding, point in time. Putting a fact twice leaves one."""

    def put(self, facts: Sequence[Fact]) -> None: ...
    def as_of(self, when: int, instrument_ids: Sequence[int] | None = None) -> dict[int, dict[str, float]]:
        """Newest value of each name that had been published at `when`."""

    def history(self, instrument_id: int, name: str) -> list[Fact]: ...
    def published(self, instrument_ids: Sequence[int], until: int) -> list[Fact]:
        """Every version of every period that had been published at `until`, in the order of publication."""


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule as armed. `state` is armed, fired, disabled or expired; `definition` its canonical JSON.

    `group` is the file or folder that it came from, "" for one that was written by hand. `problem` says why it cannot
    be evaluated, "" where it can.
    """

    rule_uid: str
    owner_id: str
    name: str
    text: str
    definition: dict[str, Any]
    version: int = 1
    state: str = "armed"
    created_at: int = 0
    notify: tuple[str, ...] = ()
    group: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """One wording of a rule. `state` is that of the rule for the newest version, `replaced` for the others."""

    version: int
    text: str
    created_at: int
    state: str


EVERYWHERE = 0
"""In the place of an instrument: the command goes to every partition of the log."""


@dataclass(frozen=True, slots=True)
class RuleCommand:
    """One line for the ordered log: arm or disarm. Written with the rule, published by `ingest`.

    `instrument_id` says which partition it goes to; EVERYWHERE: to all of them.
    """

    command_id: int
    instrument_id: int
    payload: dict[str, Any]


def is_same_arming(
    old: StoredRule, old_payload: Mapping[str, Any], new: StoredRule, payload: Mapping[str, Any]
) -> bool:
    """True where arming again would change nothing: same wording, same members of its lists, still armed."""
    decisive = ("type", "members", "screens")
    return (
        old.text == new.text
        and old.state in {"armed", "fired"}
        and all(old_payload.get(name) == payload.get(name) for name in decisive)
    )


class RuleStore(Protocol):
    """Rules, their versions, and the commands that carry them to the log (a transactional outbox)."""

    def arm(self, rule: StoredRule, instrument_id: int, payload: Mapping[str, Any]) -> StoredRule:
        """Store the rule and its command in one transaction. The same again (is_same_arming): no second command.

        What changed, or was disabled or expired, becomes the next version; the answer and the command's `rule_uid`
        and `version` say which. A version that goes to another partition than the one before it takes that one out
        first. ConflictError where the uid is another owner's.
        """

    def disarm(self, owner_id: str, rule_uid: str) -> StoredRule:
        """NotFoundError where the owner has no such rule."""

    def get(self, owner_id: str, rule_uid: str) -> StoredRule | None: ...
    def all(self, owner_id: str) -> list[StoredRule]: ...
    def versions(self, owner_id: str, rule_uid: str) -> list[RuleVersion]:
        """Every wording that the owner's rule has had, newest first; [] where there is no such rule."""

    def commands(self, versions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
        """The arm commands of versions, by (rule_uid, version): what they said when they were armed. Everyone's."""

    def armed(self) -> list[tuple[StoredRule, int, dict[str, Any]]]:
        """Every armed rule of everyone with its instrument and command payload: for a log that was lost."""

    def unpublished(self, limit: int = 500) -> list[RuleCommand]: ...
    def mark_published(self, command_ids: Sequence[int]) -> None: ...
    def mark_fired(self, rule_uids: Sequence[str]) -> None: ...
    def mark_problem(self, problems: Mapping[str, str]) -> None:
        """Say by uid why rules cannot be evaluated ("": they can). Arming anew forgets it."""

    def wait(self, timeout_s: float) -> bool:
        """Block until a command was written since the last call, or the time is over."""


@dataclass(frozen=True, slots=True)
class SavedScreen:
    """A screen that somebody keeps: it stands in the stream. Times ns UTC.

    `text` is what was written, `definition` what the stream holds: canonical JSON, its lists written out, and in
    `leave_when` the condition at which a member leaves, where that is another one (a text of the language).
    """

    screen_id: str
    owner_id: str
    name: str
    text: str
    definition: dict[str, Any]
    created_at: int = 0
    updated_at: int = 0

    @property
    def leave_when(self) -> str | None:
        """A member stays until this holds; None: until the screen's own condition does not."""
        return self.definition.get("leave_when")


class ScreenEvent(NamedTuple):
    """An instrument entered or left a screen. `event` is enter or leave, `at` ns UTC."""

    event: str
    instrument_id: int
    at: int


class Stay(NamedTuple):
    """How long an instrument was in a screen; `left_at` None: it still is."""

    screen_id: str
    entered_at: int
    left_at: int | None


MOST_EVENTS = 20_000
"""Events that are kept of one screen; the oldest go first."""


def is_same_screen(old: SavedScreen, new: SavedScreen) -> bool:
    """True where keeping the new one would change nothing: its name, its text and what its lists hold are the same."""
    return (old.name, old.text, old.definition) == (new.name, new.text, new.definition)


def screen_command(screen: SavedScreen) -> dict[str, Any]:
    """The command that makes a screen stand in the stream; the same id again takes the place of what stood."""
    return {
        "type": "screen",
        "screen_id": screen.screen_id,
        "owner_id": screen.owner_id,
        "definition": {name: value for name, value in screen.definition.items() if name != "leave_when"},
        "options": {} if screen.leave_when is None else {"leave_when": screen.leave_when},
    }


def unscreen_command(screen_id: str) -> dict[str, Any]:
    """The command that takes a screen out of the stream."""
    return {"type": "unscreen", "screen_id": screen_id}


def stays(events: Iterable[tuple[str, str, int]], since: int) -> list[Stay]:
    """Pair (screen_id, event, at), oldest first, to stays that had not ended before `since`; newest entry first.

    An entry that is told twice counts from the first; a leave whose entry is forgotten tells nothing.
    """
    entered: dict[str, int] = {}
    found = []
    for screen_id, event, at in events:
        if event == "enter":
            entered.setdefault(screen_id, at)
        elif screen_id in entered:
            found.append(Stay(screen_id, entered.pop(screen_id), at))
    found += [Stay(screen_id, at, None) for screen_id, at in entered.items()]
    kept = [one for one in found if one.left_at is None or one.left_at >= since]
    return sorted(kept, key=lambda one: (-one.entered_at, one.screen_id))


class ScreenStore(Protocol):
    """Saved screens by owner, and who entered and left which screen, the ready ones too."""

    def all(self, owner_id: str) -> list[SavedScreen]:
        """The owner's, oldest first."""

    def get(self, owner_id: str, screen_id: str) -> SavedScreen | None: ...
    def put(self, screen: SavedScreen) -> SavedScreen:
        """Keep a screen, with its command for the log in one transaction; the same again writes no second one.

        ConflictError where the id is another owner's, or the owner has another screen of that name.
        """

    def delete(self, owner_id: str, screen_id: str) -> None:
        """Forget a screen and its events, and tell the log. NotFoundError where the owner has no such screen."""

    def standing(self) -> list[SavedScreen]:
        """Everyone's, oldest first: for a log that was lost."""

    def put_events(self, screen_id: str, events: Sequence[ScreenEvent]) -> None:
        """Keep what happened; the same event again changes nothing. Of a screen the newest MOST_EVENTS stay."""

    def history(self, screen_id: str, since: int, limit: int = 500) -> list[ScreenEvent]:
        """Events from `since` on (ns), newest first."""

    def held(self, instrument_id: int, since: int) -> list[Stay]:
        """In which screens an instrument was at `since` or later, newest entry first."""


@dataclass(frozen=True, slots=True)
class Watchlist:
    """Instruments somebody follows, in their order."""

    watchlist_id: str
    owner_id: str
    name: str
    instruments: tuple[str, ...] = ()


class WatchlistStore(Protocol):
    """Watchlists by owner. Putting one again replaces it; NotFoundError where it is another owner's."""

    def all(self, owner_id: str) -> list[Watchlist]: ...
    def get(self, owner_id: str, watchlist_id: str) -> Watchlist | None: ...
    def put(self, watchlist: Watchlist) -> Watchlist: ...
    def delete(self, owner_id: str, watchlist_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages go: `config` is as the card of its `kind` says; it holds addresses, never shown in logs."""

    channel_id: str
    owner_id: str
    kind: str
    name: str
    config: dict[str, Any] = field(default_factory=dict)
    is_enabled: bool = True


class ChannelStore(Protocol):
    """Channels by owner. Putting one again replaces it; NotFoundError where it is another owner's."""

    def all(self, owner_id: str) -> list[Channel]: ...
    def put(self, channel: Channel) -> Channel: ...
    def delete(self, owner_id: str, channel_id: str) -> None: ...


class SessionStore(Protocol):
    """Browser sessions: only the hash of the cookie's token is kept."""

    def create(self, owner_id: str, token_hash: bytes, expires_at: int) -> None: ...
    def owner(self, token_hash: bytes, now: int) -> str | None: ...
    def delete(self, token_hash: bytes) -> None: ...


class IdempotencyStore(Protocol):
    """Answers of POSTs by Idempotency-Key, so that a repeat has one effect."""

    def remember(self, owner_id: str, key: str, body_hash: bytes, status: int, body: bytes, now: int) -> None: ...
    def recall(self, owner_id: str, key: str) -> tuple[bytes, int, bytes] | None: ...


class Stores(Protocol):
    """All of them together, as the wiring hands them out."""

    @property
    def instruments(self) -> InstrumentStore: ...
    @property
    def bars(self) -> BarStore: ...
    @property
    def snapshots(self) -> SnapshotStore: ...
    @property
    def quality(self) -> QualityStore: ...
    @property
    def fundamentals(self) -> FundamentalStore: ...
    @property
    def chains(self) -> ChainStore: ...
    @property
    def rules(self) -> RuleStore: ...
    @property
    def screens(self) -> ScreenStore: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def jobs(self) -> JobStore: ...
    @property
    def watches(self) -> WatchStore: ...
    @property
    def wishes(self) -> WishStore: ...
    @property
    def watchlists(self) -> WatchlistStore: ...
    @property
    def channels(self) -> ChannelStore: ...
    @property
    def sessions(self) -> SessionStore: ...
    @property
    def idempotency(self) -> IdempotencyStore: ...

    def ping(self) -> None:
        """StoreUnavailableError where the database does not answer."""

    def close(self) -> None:
        """Let go of connections."""
