"""Held deliveries whose time has come: gathered into one message, unless their reasons changed meanwhile.

The first of a group becomes the carrying delivery, the others are carried by it. So a group has no row of its own that
could be made twice, and no firing is ever told to one address by two messages.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog

from marketbell.core.alerts import digest, grouping
from marketbell.core.alerts.decide import Happening, Wishes, still_wanted
from marketbell.core.alerts.verdict import Verdict
from marketbell.flows.alerting.message import told_time
from marketbell.flows.alerting.signing import NO_LINKS, Links
from marketbell.ports.clock import Clock
from marketbell.ports.ledger import Delivery, Ledger
from marketbell.ports.wishes import WishStore

log = structlog.stdlib.get_logger("alerting")

LISTED = 100
"""Firings that a message lists a line each; the others are counted."""
MOST_FACTS = 500
SEVERITIES = ("low", "normal", "high")


class Gatherer:
    """Lets held deliveries go. `decide` of the ledger is pure, so wishes are asked for beforehand."""

    def __init__(
        self, ledger: Ledger, clock: Clock, link_base: str, *, wishes: WishStore | None = None, links: Links = NO_LINKS
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._link_base = link_base
        self._wishes = wishes
        self._links = links

    def run(self, limit: int = 100) -> int:
        """Let up to `limit` groups go whose time has come; how many there were."""
        now = self._clock.now()
        wishes: dict[str, Wishes] = {}

        def decide(held: Sequence[Delivery]) -> list[Delivery]:
            owner_id = str(held[0].payload.get("owner_id", ""))
            if owner_id not in wishes:
                wishes[owner_id] = Wishes() if self._wishes is None else self._wishes.wishes(owner_id, now)
            return released(held, wishes[owner_id], now, self._link_base, self._links)

        return self._ledger.gather(now, decide, limit)


def released(
    held: Sequence[Delivery], wishes: Wishes, now: int, link_base: str, links: Links = NO_LINKS
) -> list[Delivery]:
    """What becomes of each of a group: one is queued with the text of all, the others are carried by it.

    What was silenced meanwhile is suppressed; what would fall into quiet hours waits for their end.
    """
    verdicts = [(one, still_wanted(happening(one), wishes, now)) for one in held]
    kept = [one for one, verdict in verdicts if verdict.kind == "tell"]
    done = [_put_off(one, verdict) for one, verdict in verdicts if verdict.kind != "tell"]
    if not kept:
        return done
    first, others = kept[0], kept[1:]
    payload = gathered(kept, now, link_base, links) if others else {**first.payload, "due_at": now}
    carrier = replace(first, state="queued", error="", next_attempt_at=now, gather="", payload=payload)
    carried = [
        replace(one, state="carried", error="", next_attempt_at=0, gather="", carried_by=first.delivery_id)
        for one in others
    ]
    return [carrier, *carried, *done]


def happening(delivery: Delivery) -> Happening:
    """What decisions want to know of a stored delivery."""
    facts = delivery.payload.get("facts", {})
    return Happening(
        str(facts.get("rule_uid", "")),
        str(facts.get("instrument", "")),
        str(facts.get("severity", "normal")),
        str(facts.get("event", "fire")),
        int(delivery.payload.get("recorded_at", 0)),
    )


def gathered(several: Sequence[Delivery], now: int, link_base: str, links: Links = NO_LINKS) -> dict[str, Any]:
    """The text of one message for several firings, a line for each."""
    first = several[0].payload
    facts = [one.payload.get("facts", {}) for one in several]
    rules = [str(one.get("rule", "")) for one in facts]
    uids = sorted({str(one.get("rule_uid", "")) for one in facts})
    severity = max((str(one.get("severity", "normal")) for one in facts), key=SEVERITIES.index)
    is_storm = several[0].gather.startswith(grouping.STORM)
    symbols = [str(one.payload.get("symbol") or one.payload.get("facts", {}).get("instrument", "")) for one in several]
    headline = grouping.headline(rules[0], symbols) if is_storm else digest.headline(rules)
    marks = ("SIMULATED " if all(one.get("is_simulated") for one in facts) else "") + (
        "URGENT " if severity == "high" else ""
    )
    moments = sorted(int(one.payload.get("recorded_at", now)) for one in several)
    lines = [line for one in several for line in (str(one.payload.get("title", "")), *one.payload.get("lines", ()))]
    if len(lines) > LISTED:
        lines = [*lines[:LISTED], f"… and {len(lines) - LISTED} more in the inbox"]
    owner_id = str(first.get("owner_id", ""))
    one_rule = len(uids) == 1
    base = link_base.rstrip("/")
    return {
        "title": marks + headline,
        "body": f"Recorded: {told_time(moments[0], '')} to {told_time(moments[-1], '')}",
        "lines": lines,
        "link": f"{base}/alerts?rule={uids[0]}" if base and one_rule else f"{base}/alerts" if base else "",
        "link_mute": links.url("mute", owner_id, several[0].firing_id, moments[0]) if one_rule else "",
        "facts": {
            "kind": "group" if is_storm else "digest",
            "count": len(several),
            "rule_uid": uids[0] if one_rule else "",
            "rule": rules[0] if one_rule else "",
            "instrument": "",
            "event": "fire",
            "severity": severity,
            "is_simulated": all(bool(one.get("is_simulated")) for one in facts),
            "firings": [
                {
                    name: one.get(name)
                    for name in ("firing_id", "rule_uid", "rule", "instrument", "event_time", "severity")
                }
                for one in facts[:MOST_FACTS]
            ],
        },
        "owner_id": owner_id,
        "label": first.get("label", ""),
        "recorded_at": moments[0],
        "due_at": now,
        **{name: first[name] for name in ("fallback", "max_age_s") if name in first},
    }


def _put_off(one: Delivery, verdict: Verdict) -> Delivery:
    if verdict.kind == "hold":
        return replace(one, state="held", error=verdict.reason, next_attempt_at=verdict.until, gather=digest.DIGEST)
    return replace(one, state="suppressed", error=verdict.reason, next_attempt_at=verdict.until, gather="")
