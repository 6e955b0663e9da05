"""Channels that lead to the receivers, and the judgement of what arrived there."""

from collections import Counter
from typing import Any

from receivers import ACCEPTING, Receivers
from report import Tally

from marketbell.adapters.stores.postgres import PostgresStores
from marketbell.ports.stores import LOCAL_OWNER, Channel

HOOKS, SLACKS = 12, 4
IN_APP = "in_app"


def furnish(stores: PostgresStores, receivers: Receivers) -> None:
    """Webhooks `h0`… that honour keys, and Slack channels `s0`… that do not."""
    for number in range(HOOKS):
        name = f"h{number}"
        stores.channels.put(Channel(name, LOCAL_OWNER, "webhook", name, {"url": receivers.url("hook", name)}))
    for number in range(SLACKS):
        name = f"s{number}"
        stores.channels.put(Channel(name, LOCAL_OWNER, "slack", name, {"url": receivers.url("slack", name)}))


def outbox(stores: PostgresStores) -> list[dict[str, Any]]:
    """Every delivery, as the table has it."""
    with stores.database.transaction() as connection:
        return [row[0] for row in connection.execute("SELECT to_jsonb(o) - 'payload' FROM ledger.outbox o").fetchall()]


def has_backlog(stores: PostgresStores) -> bool:
    """True while something is unsent, or waits on purpose (which is nobody's backlog, and not told yet)."""
    if stores.ledger.oldest_unsent() is not None:
        return True
    with stores.database.transaction() as connection:
        held = connection.execute("SELECT 1 FROM ledger.outbox WHERE state = 'held' LIMIT 1").fetchone()
    return held is not None


def judge(stores: PostgresStores, receivers: Receivers, tally: Tally, faults: int) -> None:
    """Nothing lost, nothing told twice, and no more unsure ends than `faults` explain. AssertionError says what."""
    with stores.database.transaction() as connection:
        firings = {
            row[0]: tuple(row[1])
            for row in connection.execute(
                "SELECT firing_id, notify FROM ledger.firings WHERE suppressed = '' AND rule_uid NOT LIKE 'watch:%'"
            ).fetchall()
        }
    deliveries = outbox(stores)
    by_id = {one["delivery_id"]: one for one in deliveries}
    told = {kind: receivers.told(kind) for kind in ("hook", "slack")}
    inbox = {one["firing_id"] for one in deliveries if one["channel"] == IN_APP and one["state"] == "sent"}
    heard_by_key = {
        (call.key, firing) for call in list(receivers.calls) if call.way in ACCEPTING for firing in call.firings
    }
    lost = [f"{firing} is not in the inbox" for firing in firings.keys() - inbox]
    ends = Counter((one["channel"], one["state"]) for one in deliveries)
    # the message of several has a link to their rule, not to one firing: Slack's are counted
    carriers = {one["carried_by"] for one in deliveries if one.get("carried_by")}
    for one in deliveries:
        carrier = by_id.get(one.get("carried_by") or "", one)
        if one["channel"] == "webhook" and (carrier["delivery_id"], one["firing_id"]) not in heard_by_key:
            lost.append(f"webhook {one['delivery_id']} is {one['state']} ({one['error']}) and was not told")
        if one["channel"] != "slack" or one["state"] != "sent" or one["delivery_id"] in carriers:
            continue
        if not told["slack"][one["firing_id"]]:
            lost.append(f"slack {one['delivery_id']} is sent and was not told")
    groups = sum(
        one["channel"] == "slack" and one["state"] == "sent" for one in deliveries if one["delivery_id"] in carriers
    )
    told_of_groups = sum(
        call.name.startswith("slack") and call.way in ACCEPTING and not call.firings for call in list(receivers.calls)
    )
    lost += ["a message of several to Slack is sent and was not told"] * (groups - told_of_groups)
    heard = Counter(one["firing_id"] for one in deliveries if one["channel"] == "webhook")
    lost += [
        f"{firing} has no delivery to its webhook"
        for firing, notify in firings.items()
        if any(word.startswith("webhook") for word in notify) and not heard[firing]
    ]
    keys = {
        (firing, call.name, call.key)
        for call in list(receivers.calls)
        for firing in call.firings
        if call.name.startswith("hook")
    }
    twice = [f"{place} has two keys" for place, n in Counter(key[:2] for key in keys).items() if n > 1]
    twice += [f"slack was told {firing} {times} times" for firing, times in told["slack"].items() if times > 1]
    twice += [f"{key} is of no delivery" for key in told["hook"] if key not in by_id]
    unsure_groups = sum(by_id[one]["state"] == "maybe_sent" for one in carriers if by_id[one]["channel"] == "slack")
    twice += ["a message of several was told to Slack twice"] * (told_of_groups - groups - unsure_groups)
    tally.lost += len(lost)
    tally.doubled += len(twice)
    unsure = sum(count for (_, state), count in ends.items() if state == "maybe_sent")
    repeats = sum(told["hook"].values()) - len(told["hook"])
    carried = sum(count for (_, state), count in ends.items() if state == "carried")
    tally.remark = (
        f"{len(firings):,} firings told in {len(told['hook']):,} messages ({carried:,} carried by another), "
        f"{repeats} repeated under their own key, {unsure} maybe sent"
    )
    assert not lost, lost[:5]
    assert not twice, twice[:5]
    assert unsure <= faults, f"{unsure} deliveries are unsure after {faults} faults: {ends}"
    assert {state for _, state in ends} <= {"sent", "maybe_sent", "carried"}, ends
