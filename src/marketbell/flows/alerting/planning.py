"""Firings into the outbox: each new firing gets its deliveries, in one transaction each."""

from collections.abc import Callable

import structlog

from marketbell.core.alerts.plan import Destination, delivery_id, plan
from marketbell.core.market.instrument import Instrument
from marketbell.flows.alerting.message import compose
from marketbell.ports.clock import Clock
from marketbell.ports.stores import ChannelStore, Delivery, Firing, InstrumentStore, Ledger

log = structlog.stdlib.get_logger("alerting")

BATCH = 50


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
    ) -> None:
        self._ledger = ledger
        self._channels = channels
        self._instruments = instruments
        self._clock = clock
        self._link_base = link_base
        self._on_planned = on_planned

    def run(self, limit: int = BATCH) -> int:
        """Plan up to `limit` firings; how many there were."""
        firings = self._ledger.unplanned(limit)
        destinations: dict[str, list[Destination]] = {}
        instruments: dict[str, Instrument | None] = {}
        for firing in firings:
            if firing.owner_id not in destinations:
                destinations[firing.owner_id] = [
                    Destination(channel.kind, channel.channel_id, channel.name, channel.is_enabled)
                    for channel in self._channels.all(firing.owner_id)
                ]
            if firing.instrument not in instruments:
                instruments[firing.instrument] = self._instruments.get(firing.instrument)
            self._plan(firing, destinations[firing.owner_id], instruments[firing.instrument])
        return len(firings)

    def _plan(self, firing: Firing, destinations: list[Destination], instrument: Instrument | None) -> None:
        now = self._clock.now()
        if firing.suppressed:
            # its own clauses held it back: it is recorded, and told to nobody
            self._ledger.plan(firing.firing_id, [], now)
            log.info("firing.suppressed", firing_id=firing.firing_id, rule_uid=firing.rule_uid, by=firing.suppressed)
            return
        text = compose(firing, instrument, self._link_base)
        deliveries = [
            Delivery(
                delivery_id=delivery_id(firing.firing_id, item.kind, item.address),
                firing_id=firing.firing_id,
                channel=item.kind,
                address=item.address,
                state=item.state,
                error=item.reason,
                next_attempt_at=now,
                payload={
                    **text,
                    "owner_id": firing.owner_id,
                    "label": item.name,
                    "recorded_at": firing.recorded_at or now,
                },
            )
            for item in plan(firing.notify, destinations)
        ]
        self._ledger.plan(firing.firing_id, deliveries, now)
        self._on_planned(firing)
        log.info(
            "firing.planned",
            firing_id=firing.firing_id,
            rule_uid=firing.rule_uid,
            deliveries=len(deliveries),
            dead=sum(delivery.state == "dead" for delivery in deliveries),
        )
