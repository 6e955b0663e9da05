"""The ledger: what fired, who was told, and everything that happened on the way.

Every method is one transaction. Times are int64 nanoseconds UTC. Raises StoreUnavailableError when the database
does not answer (retryable). Every query for a person takes the owner: other people's rows do not exist.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from marketbell.core.alerts.grouping import Window
from marketbell.core.alerts.limits import Told


@dataclass(frozen=True, slots=True)
class Firing:
    """The durable fact that a rule fired. `values` holds each sub-expression's value, source and age.

    `event` is fire, enter or exit; `suppressed` names what kept it from being told, "" where nothing did.
    """

    firing_id: str
    rule_uid: str
    rule: str
    owner_id: str
    instrument_id: int
    instrument: str
    event_time: int
    values: dict[str, Any]
    notify: tuple[str, ...] = ()
    recorded_at: int = 0
    version: int = 1
    event: str = "fire"
    suppressed: str = ""
    severity: str = "normal"


@dataclass(frozen=True, slots=True)
class Sought:
    """Which firings somebody wants to see: of a rule, of an instrument (its key), those recorded after a moment.

    `state`: those with a delivery in that state; `severity`: low, normal or high. What is empty does not choose.
    """

    rule_uid: str = ""
    instrument: str = ""
    recorded_after: int | None = None
    state: str = ""
    severity: str = ""


EVERY_FIRING = Sought()


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a rule fired, suppressed firings left out, and when it did so last (ns UTC)."""

    count: int
    last: int


OPEN_STATES = frozenset({"queued", "sending", "retry"})
"""A message that is on its way."""
ENDED_STATES = frozenset({"sent", "dead", "maybe_sent", "suppressed", "carried"})
"""What a delivery is at last. A dead one may be replayed; `held` waits for its time."""
STATES = ("queued", "held", "sending", "retry", "sent", "carried", "suppressed", "maybe_sent", "dead")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one address. States: see STATES.

    `next_attempt_at` is when a queued, held or retried one is due, and until when the reason of a suppressed one
    holds (0: not known). `was_sending` is set by a claim whose earlier taker began to send (`begin`) and let the lease
    run out: whether it was sent is not known.
    """

    delivery_id: str
    firing_id: str
    channel: str
    address: str
    state: str
    attempts: int = 0
    error: str = ""
    next_attempt_at: int = 0
    sent_at: int = 0
    payload: dict[str, Any] = field(default_factory=dict)
    was_sending: bool = False
    claim: int = field(default=0, compare=False)
    """Which claim of it this is; a later one ends an earlier taker's right to begin."""
    gather: str = ""
    """Held ones of one destination with the same key are told together."""
    carried_by: str = ""
    """The delivery whose message tells this one too."""
    reference: str = field(default="", compare=False)
    """What the provider calls the message that it accepted."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of one firing. `decision` is the cause in a word ("" = told), `reason` the sentence."""

    firing_id: str
    deliveries: tuple[Delivery, ...] = ()
    decision: str = ""
    reason: str = ""


@dataclass(slots=True)
class Counts:
    """What has been told so far, for limits, rests and storms. Who plans changes it; the store keeps what changed.

    `told` by (owner, rule_uid, instrument), the rule as a whole under the instrument ""; `windows` by (owner,
    rule_uid, channel, address).
    """

    told: dict[tuple[str, str, str], Told] = field(default_factory=dict)
    windows: dict[tuple[str, str, str, str], Window] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a delivery. Events are only ever added.

    `what`: began, or the state that it came to (held, queued, suppressed, sent, retry, dead, maybe_sent, carried),
    or replayed. `number` is the attempt, 0 where there is none; `detail` the reason, the error, the provider's
    reference or the id of the carrying delivery.
    """

    delivery_id: str
    at: int
    what: str
    number: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """Everything that is known of one firing. 0 and "" where a thing has not happened.

    `carriers` are deliveries of other firings whose messages tell this one; `events` are of all of them, oldest
    first.
    """

    firing: Firing
    planned_at: int
    decision: str
    reason: str
    deliveries: tuple[Delivery, ...]
    carriers: tuple[Delivery, ...]
    events: tuple[Event, ...]
    read_at: int


@dataclass(frozen=True, slots=True)
class Grouped:
    """A rule's newest firing for all of them: so many, so many unread, about these instruments (a few of them)."""

    firing: Firing
    deliveries: tuple[Delivery, ...]
    count: int
    unread: int
    instruments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeadSought:
    """Which dead deliveries: these ids, or a channel (its kind or id), or those that died in [since, until) (ns)."""

    delivery_ids: tuple[str, ...] = ()
    channel: str = ""
    since: int = 0
    until: int = 2**63 - 1


EVERY_DEAD = DeadSought()


@dataclass(frozen=True, slots=True)
class DeadDelivery:
    """A message that could not be delivered, what it was about, and when it was given up."""

    delivery: Delivery
    firing: Firing
    died_at: int


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """One channel in numbers; latency from record (or the end of a wait) to acceptance, None without any."""

    channel: str
    states: Mapping[str, int]
    p50_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """How delivery is doing: deliveries by state, and latency over those that were sent lately."""

    states: Mapping[str, int]
    p50_ms: float | None = None
    p99_ms: float | None = None
    by_channel: tuple[ChannelFigures, ...] = ()


Planning = Callable[[Sequence[Firing], Counts], Sequence[Plan]]
"""Firings without a plan, in their order, to their plans. Asks the ledger nothing."""
Gathering = Callable[[Sequence[Delivery]], Sequence[Delivery]]
"""Held deliveries of one destination and key that are due, to what becomes of each. Asks the ledger nothing."""


class Ledger(Protocol):
    """Firings and their deliveries. A firing id exists once, whoever writes it how often."""

    # --- what fired ------------------------------------------------------------------------------

    def raise_fence(self, shards: Sequence[int], above: int = 0) -> int:
        """Become the one writer of these shards: the answer is larger than any fence of theirs, and than `above`.

        Who calls it holds the shards' leases. What an earlier owner appends after that is refused.
        """

    def fences(self, shards: Sequence[int]) -> list[int]:
        """The fence of each shard, 0 where there is none."""

    def append(self, firings: Sequence[Firing], shards: Sequence[int], epoch: str, offset: int, fence: int = 0) -> int:
        """One transaction: firings (ON CONFLICT DO NOTHING) and the shards' progress. Returns how many were new.

        What lies in the archive is not new either. OvertakenError, and nothing is written, where one of the shards
        has a larger fence.
        """

    def progress(self, shard: int) -> tuple[str, int] | None:
        """Epoch and offset up to which the shard's firings are here."""

    def firings(
        self,
        owner_id: str,
        limit: int = 50,
        before: tuple[int, str] | None = None,
        sought: Sought = EVERY_FIRING,
    ) -> list[tuple[Firing, list[Delivery]]]:
        """Newest first by (event_time, firing_id); `before` is the cursor."""

    def groups(
        self,
        owner_id: str,
        limit: int = 50,
        before: tuple[int, str] | None = None,
        sought: Sought = EVERY_FIRING,
    ) -> list[Grouped]:
        """The same by rule: each rule's newest, newest first; `before` is the cursor among these."""

    def firing(self, owner_id: str, firing_id: str) -> tuple[Firing, list[Delivery]] | None:
        """One of the owner's firings."""

    def history(self, owner_id: str, firing_id: str) -> History | None:
        """What happened to one of the owner's firings, from its record to its reading."""

    def tallies(self, owner_id: str) -> dict[str, Tally]:
        """By rule_uid, of the owner's rules that ever fired."""

    def mark_read(self, owner_id: str, up_to: int, now: int = 0) -> None:
        """The owner has seen, at `now` (0: at this moment), every firing recorded up to a moment; never goes back."""

    def read_up_to(self, owner_id: str) -> int:
        """What `mark_read` was told last, 0 before that."""

    def unread(self, owner_id: str) -> int:
        """How many of the owner's firings were recorded after what was marked as read; suppressed ones do not count."""

    def archive(self, before: int, limit: int = 1_000) -> int:
        """Move up to `limit` firings recorded before a moment, whose deliveries all ended, out of the way.

        They keep their ids: who writes one again writes nothing. How many were moved.
        """

    # --- who is told -----------------------------------------------------------------------------

    def unplanned(self, limit: int = 500) -> list[Firing]:
        """Firings without a plan, oldest first; found by their state, never by the last id that was seen."""

    def plan(self, firing_id: str, deliveries: Sequence[Delivery], now: int) -> None:
        """Commit the outbox rows (UNIQUE firing, channel, address) together with planned_at.

        A firing that has its plan keeps it: planning twice is planning once.
        """

    def plan_batch(self, firing_ids: Sequence[str], now: int, decide: Planning) -> int:
        """Plan several firings in one transaction, and keep what `decide` counted; how many were planned.

        `decide` gets those without a plan, oldest record first, and the counts of their rules. Planners take turns:
        0 where another is planning at this moment.
        """

    def gather(self, now: int, decide: Gathering, limit: int = 100) -> int:
        """Let up to `limit` groups of held deliveries go whose time has come, one transaction each; how many.

        A group is what one destination gets under one key. `decide` says what becomes of each, the carrying one in
        their midst.
        """

    def claim(self, now: int, lease_s: float, limit: int = 100) -> list[Delivery]:
        """Deliveries that are due (queued, retry, or sending with an expired lease), marked sending.

        In the order of their time, those of one time in the order in which they were planned.
        """

    def begin(self, delivery: Delivery, now: int, lease_s: float) -> bool:
        """Say that the attempt begins now, with its number, and renew the lease.

        False where it was settled already, or claimed again by somebody else.
        """

    def settle(self, delivery: Delivery, now: int, follow: Sequence[Delivery] = ()) -> None:
        """Write the outcome of an attempt: state, attempts, error, next_attempt_at, sent_at. Sent stays sent.

        Of a claim that somebody else took over meanwhile, only that it was sent is worth writing. `follow` are
        deliveries that come of the outcome (the fallback of a dead one); those that are there already stay.
        """

    def oldest_unsent(self, now: int | None = None) -> int | None:
        """When the oldest firing without a plan was recorded or the oldest open delivery was queued, ns.

        With `now`, held ones count from the time at which they were due.
        """

    def dead(
        self, owner_id: str, sought: DeadSought = EVERY_DEAD, limit: int = 50, before: tuple[int, str] | None = None
    ) -> list[DeadDelivery]:
        """The owner's dead deliveries, those that died last first; `before` is the cursor (died_at, delivery_id)."""

    def replay(self, owner_id: str, sought: DeadSought, now: int) -> int:
        """Queue dead deliveries anew, with no attempts behind them; what happened before stays known. How many.

        One that is named by its id may be `maybe_sent` too: then it is sent knowingly a second time.
        """

    def figures(self, owner_id: str, since: int) -> Figures:
        """Deliveries by state and channel; latencies of those outside this app that were sent since."""

    def wait(self, timeout_s: float) -> bool:
        """Block until something new is announced (LISTEN) or the time is over."""
