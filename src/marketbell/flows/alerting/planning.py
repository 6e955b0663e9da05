"""Firings into the outbox: who is told, now or later, and why not; a batch in one transaction."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog

from marketbell.core.alerts.clauses import UNBOUND, Clauses, clauses_of
from marketbell.core.alerts.decide import Decision, Happening, Known, Wishes, decide
from marketbell.core.alerts.limits import NEVER
from marketbell.core.alerts.plan import IN_APP, Destination, Planned, delivery_id, plan
from marketbell.core.market.instrument import Instrument
from marketbell.flows.alerting.message import announcement, compose
from marketbell.flows.alerting.signing import NO_LINKS, Links
from marketbell.ports.clock import Clock
from marketbell.ports.ledger import Counts, Delivery, Firing, Ledger, Plan
from marketbell.ports.stores import ChannelStore, InstrumentStore, RuleStore
from marketbell.ports.wishes import WishStore

log = structlog.stdlib.get_logger("alerting")

BATCH = 200
SUPPRESSED = "suppressed"
"""The decision on what its own clauses held back in the engine."""
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Around:
    """What planning asks of other stores, before it begins."""

    now: int
    destinations: dict[str, list[Destination]]
    instruments: dict[str, Instrument | None]
    wishes: dict[str, Wishes]
    clauses: dict[tuple[str, int], Clauses]


class Planner:
    """Plans what is unplanned. Planning a firing twice is planning it once: ids come from the firing."""

    def __init__(
        self,
        ledger: Ledger,
        channels: ChannelStore,
        instruments: InstrumentStore,
        clock: Clock,
        link_base: str,
        on_planned: Callable[[Firing], None] = lambda _: None,
        *,
        wishes: WishStore | None = None,
        rules: RuleStore | None = None,
        links: Links = NO_LINKS,
    ) -> None:
        self._ledger = ledger
        self._channels = channels
        self._instruments = instruments
        self._clock = clock
        self._link_base = link_base
        self._on_planned = on_planned
        self._wishes = wishes
        self._rules = rules
        self._links = links
        self._clauses: OrderedDict[tuple[str, int], Clauses] = OrderedDict()

    def run(self, limit: int = BATCH) -> int:
        """Plan up to `limit` firings; how many there were."""
        waiting = self._ledger.unplanned(limit)
        if not waiting:
            return 0
        around = self._look_around(waiting)
        decided: list[tuple[Firing, Plan]] = []

        def plans(firings: Sequence[Firing], counts: Counts) -> list[Plan]:
            decided[:] = [(firing, self._plan(firing, counts, around)) for firing in firings]
            return [plan for _, plan in decided]

        done = self._ledger.plan_batch([one.firing_id for one in waiting], around.now, plans)
        for firing, made in decided[:done]:
            self._say(firing, made)
        return done

    def _look_around(self, firings: Sequence[Firing]) -> _Around:
        now = self._clock.now()
        owners = sorted({one.owner_id for one in firings})
        return _Around(
            now,
            {owner: self.destinations(owner) for owner in owners},
            {key: self._instruments.get(key) for key in sorted({one.instrument for one in firings}) if key},
            {owner: Wishes() if self._wishes is None else self._wishes.wishes(owner, now) for owner in owners},
            self._known_clauses(firings),
        )

    def destinations(self, owner_id: str) -> list[Destination]:
        """The owner's channels."""
        return [
            Destination(channel.kind, channel.channel_id, channel.name, channel.is_enabled)
            for channel in self._channels.all(owner_id)
        ]

    def _known_clauses(self, firings: Iterable[Firing]) -> dict[tuple[str, int], Clauses]:
        """The clauses of each version; a version never changes, so they are asked for once."""
        wanted = {(one.rule_uid, one.version) for one in firings}
        missing = sorted(wanted - self._clauses.keys())
        if missing and self._rules is not None:
            commands = self._rules.commands(missing)
            self._clauses.update({key: clauses_of(command) for key, command in commands.items()})
        found = {key: self._clauses.get(key, UNBOUND) for key in wanted}
        while len(self._clauses) > _REMEMBERED:
            self._clauses.popitem(last=False)
        return found

    def _plan(self, firing: Firing, counts: Counts, around: _Around) -> Plan:
        if firing.suppressed:
            # its own clauses held it back: it is recorded, and told to nobody
            return Plan(firing.firing_id, (), SUPPRESSED, firing.suppressed)
        clauses, wishes = around.clauses[firing.rule_uid, firing.version], around.wishes[firing.owner_id]
        rule = (firing.owner_id, firing.rule_uid)
        known = Known(
            counts.told.get((*rule, ""), NEVER),
            counts.told.get((*rule, firing.instrument), NEVER),
            {key[2:]: window for key, window in counts.windows.items() if key[:2] == rule},
        )
        decision = decide(
            Happening(firing.rule_uid, firing.instrument, firing.severity, firing.event, firing.recorded_at),
            clauses,
            wishes,
            plan(firing.notify, around.destinations[firing.owner_id], clauses.fallback),
            known,
            around.now,
        )
        _count(counts, rule, firing.instrument, known, decision.known)
        instrument = around.instruments.get(firing.instrument)
        return Plan(
            firing.firing_id,
            tuple(self._deliveries(firing, clauses, decision, instrument, around.now)),
            decision.verdict.cause,
            decision.verdict.reason,
        )

    def _deliveries(
        self, firing: Firing, clauses: Clauses, decision: Decision, instrument: Instrument | None, now: int
    ) -> Iterable[Delivery]:
        # the inbox shows the firing itself: only what leaves this app has a text
        leaves = any(item.kind != IN_APP for item in decision.planned)
        text = compose(firing, instrument, self._link_base, self._links) if leaves else {}
        common = {"owner_id": firing.owner_id, "recorded_at": firing.recorded_at or now}
        if clauses.fallback:
            common["fallback"] = clauses.fallback
        if clauses.max_age_s is not None:
            common["max_age_s"] = clauses.max_age_s
        for item in decision.planned:
            told = announcement(firing, text, decision.verdict.reason) if item.announces else text
            yield _delivery(firing, item, {**told, **common, "label": item.name}, now)

    def _say(self, firing: Firing, made: Plan) -> None:
        if made.decision == SUPPRESSED:
            log.info("firing.suppressed", firing_id=firing.firing_id, rule_uid=firing.rule_uid, by=firing.suppressed)
            return
        self._on_planned(firing)
        log.info(
            "firing.planned",
            firing_id=firing.firing_id,
            rule_uid=firing.rule_uid,
            deliveries=len(made.deliveries),
            decision=made.decision or None,
            dead=sum(delivery.state == "dead" for delivery in made.deliveries),
        )


def _delivery(firing: Firing, item: Planned, payload: dict[str, object], now: int) -> Delivery:
    # the inbox is the ledger: what is committed there is delivered
    is_inbox = item.kind == IN_APP
    return Delivery(
        delivery_id=delivery_id(firing.firing_id, item.kind, item.address),
        firing_id=firing.firing_id,
        channel=item.kind,
        address=item.address,
        state="sent" if is_inbox else item.state,
        error=item.reason,
        next_attempt_at=now if item.is_open or is_inbox else item.until,
        sent_at=now if is_inbox else 0,
        payload={} if is_inbox else payload,
        gather=item.gather,
    )


def _count(counts: Counts, rule: tuple[str, str], instrument: str, before: Known, after: Known) -> None:
    if after.told != before.told:
        counts.told[(*rule, "")] = after.told
    if after.here != before.here:
        counts.told[(*rule, instrument)] = after.here
    for address, window in after.windows.items():
        counts.windows[(*rule, *address)] = window
