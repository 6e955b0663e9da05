"""One delivery from claimed to settled: the attempt, and what its outcome means.

The order is what makes a crash harmless: claimed under a lease, then said to have begun, then sent with
the delivery's id as key, then settled. A sender that dies before it began leaves a delivery that is
simply taken again; one that dies after it leaves a message whose outcome nobody knows: sent again with
the same key where the receiver honours it, listed as `maybe_sent` where it does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import structlog

from marketbell.core.alerts.decide import Wishes, still_wanted
from marketbell.core.alerts.digest import DIGEST
from marketbell.core.alerts.late import is_late
from marketbell.core.alerts.plan import IN_APP, Destination, delivery_id, named
from marketbell.core.alerts.retry import RetryPolicy, gives_up, wait_s
from marketbell.core.primitives.errors import DeliveryError
from marketbell.flows.alerting.gathering import happening
from marketbell.flows.alerting.message import message
from marketbell.ports.clock import Clock
from marketbell.ports.ledger import Delivery, Ledger
from marketbell.ports.notifiers import Notifier
from marketbell.ports.stores import Channel, ChannelStore
from marketbell.ports.wishes import WishStore

log = structlog.stdlib.get_logger("alerting")

MAX_ERROR = 300
WISHES_S = 1.0
"""How old a look at silences and quiet hours may be when a message leaves."""
UNKNOWN_OUTCOME = "the sender stopped during this attempt; it may have arrived"


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a claim holds, when a message counts as late, and how failures are tried again."""

    lease_s: float = 30.0
    max_age_s: float = 600.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)


class Deliverer:
    """Attempts deliveries. Every method blocks; several threads may deliver different deliveries at once."""

    def __init__(
        self,
        ledger: Ledger,
        channels: ChannelStore,
        notifiers: Mapping[str, Notifier],
        clock: Clock,
        terms: Terms | None = None,
        *,
        wishes: WishStore | None = None,
    ) -> None:
        self._ledger = ledger
        self._channels = channels
        self._notifiers = notifiers
        self._clock = clock
        self._wishes = wishes
        self._wished: dict[str, tuple[float, Wishes]] = {}
        self.terms = terms or Terms()

    def claim(self, limit: int) -> list[Delivery]:
        """Take what is due."""
        return self._ledger.claim(self._clock.now(), self.terms.lease_s, limit)

    def give_back(self, delivery: Delivery, wait: float = 0.0) -> None:
        """Let go of a claimed delivery whose attempt has not begun; it is due again after `wait` seconds."""
        now = self._clock.now()
        state = "retry" if delivery.attempts else "queued"
        self._ledger.settle(replace(delivery, state=state, next_attempt_at=now + int(wait * 1e9)), now)

    def attempt(self, delivery: Delivery) -> Delivery | None:
        """Send a claimed delivery and return it with its outcome, unwritten. None where it is no longer ours.

        The outcome is written by `settle`, which may be repeated until the store answers.
        """
        notifier = self._notifiers.get(delivery.channel)
        if notifier is None:
            return replace(delivery, state="dead", error=f"nothing here can send to {delivery.channel}")
        if delivery.was_sending and not notifier.honours_key:
            return replace(delivery, state="maybe_sent", error=UNKNOWN_OUTCOME)
        config = self._config(delivery)
        if isinstance(config, Delivery):
            return config
        begun = replace(delivery, attempts=delivery.attempts + 1)
        now = self._clock.now()
        if not self._ledger.begin(begun, now, self.terms.lease_s):
            return None
        due_at = int(delivery.payload.get("due_at") or delivery.payload.get("recorded_at", now))
        late = is_late(due_at, now, float(delivery.payload.get("max_age_s", self.terms.max_age_s)))
        try:
            reference = notifier.send(config, message(delivery.delivery_id, delivery.payload, late=late))
        except DeliveryError as error:
            return self._failed(begun, error, has_key=notifier.honours_key)
        return replace(begun, state="sent", error="", sent_at=self._clock.now(), reference=str(reference or ""))

    def settle(self, delivery: Delivery) -> None:
        """Write an outcome. Where a message died, the one to its rule's fallback is written with it."""
        follow = self._fallback(delivery) if delivery.state == "dead" else []
        self._ledger.settle(delivery, self._clock.now(), follow)
        log.info(
            "delivery.settled",
            delivery_id=delivery.delivery_id,
            firing_id=delivery.firing_id,
            channel=delivery.channel,
            state=delivery.state,
            attempts=delivery.attempts,
            error=delivery.error or None,
        )

    def _config(self, delivery: Delivery) -> dict[str, object] | Delivery:
        """The channel's configuration as it is now; or what becomes of the delivery where nothing may be sent."""
        if delivery.attempts >= self.terms.retry.attempts:
            return replace(delivery, state="dead", error=delivery.error or "every attempt was broken off")
        if delivery.channel == IN_APP:
            return {}
        for channel in self._channels.all(str(delivery.payload.get("owner_id", ""))):
            if _is_meant(delivery, channel):
                if channel.is_enabled:
                    return self._against(delivery) or dict(channel.config)
                return replace(delivery, state="dead", error="the channel was switched off")
        return replace(delivery, state="dead", error="the channel was removed")

    def _against(self, delivery: Delivery) -> Delivery | None:
        """What the person wished for meanwhile: silenced by now, or their quiet hours began. None: it may go."""
        if self._wishes is None or delivery.was_sending:
            return None
        now, owner_id = self._clock.now(), str(delivery.payload.get("owner_id", ""))
        steady = self._clock.monotonic()
        taken, wishes = self._wished.get(owner_id, (steady - 2 * WISHES_S, Wishes()))
        if steady - taken > WISHES_S:
            wishes = self._wishes.wishes(owner_id, now)
            self._wished[owner_id] = (steady, wishes)
        verdict = still_wanted(happening(delivery), wishes, now)
        if verdict.kind == "tell":
            return None
        if verdict.kind == "hold":
            return replace(delivery, state="held", error=verdict.reason, next_attempt_at=verdict.until, gather=DIGEST)
        return replace(delivery, state="suppressed", error=verdict.reason, next_attempt_at=verdict.until)

    def _fallback(self, delivery: Delivery) -> list[Delivery]:
        """The deliveries of a dead one's fallback clause; they have none themselves."""
        word = str(delivery.payload.get("fallback") or "")
        if not word:
            return []
        now = self._clock.now()
        destinations = [
            Destination(one.kind, one.channel_id, one.name, one.is_enabled)
            for one in self._channels.all(str(delivery.payload.get("owner_id", "")))
        ]
        label = str(delivery.payload.get("label") or delivery.channel)
        payload = {name: value for name, value in delivery.payload.items() if name != "fallback"}
        return [
            Delivery(
                delivery_id(delivery.firing_id, item.kind, item.address),
                delivery.firing_id,
                item.kind,
                item.address,
                item.state,
                error=item.reason,
                next_attempt_at=now if item.is_open else 0,
                payload={**payload, "label": item.name, "instead_of": f"{delivery.channel} {label}: {delivery.error}"},
            )
            for item in named(word, destinations)
        ]

    def _failed(self, delivery: Delivery, error: DeliveryError, *, has_key: bool) -> Delivery:
        text = error.message[:MAX_ERROR]
        if error.facts.get("outcome") == "unknown" and not has_key:
            # it may have arrived, and nothing at the receiver would notice a second one
            return replace(delivery, state="maybe_sent", error=text)
        if gives_up(self.terms.retry, delivery.attempts, is_permanent=error.permanent):
            return replace(delivery, state="dead", error=text)
        asked = error.facts.get("retry_after_s", 0.0)
        wait = wait_s(
            self.terms.retry,
            delivery.delivery_id,
            delivery.attempts,
            float(asked) if isinstance(asked, (int, float)) else 0.0,
        )
        return replace(delivery, state="retry", error=text, next_attempt_at=self._clock.now() + int(wait * 1e9))


def _is_meant(delivery: Delivery, channel: Channel) -> bool:
    """By its id; or by its name, where a message died because there was no such channel, and now there is."""
    return delivery.address == channel.channel_id or (
        channel.kind == delivery.channel and delivery.address == channel.name
    )
