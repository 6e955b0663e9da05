"""The inbox: what fired, with which values, where it was sent, what happened to it; ack, snooze, begin anew."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apiflask import APIBlueprint

from marketbell.core.alerts.acks import LONGEST_SNOOZE_S, SNOOZE_S, Mute, ack_until
from marketbell.core.alerts.preferences import zone_of
from marketbell.core.primitives.errors import NotFoundError, UserError
from marketbell.flows.accounts.decisions import Action, Resource
from marketbell.flows.alerting.story import label_of, story
from marketbell.flows.market_views.labels import address_label
from marketbell.flows.market_views.numbers import utc
from marketbell.flows.market_views.paging import decode_cursor, encode_cursor
from marketbell.flows.market_views.reader import Market
from marketbell.ports.ledger import Delivery, Firing, Grouped, Sought
from marketbell.processes.api.context import asks, demand, edge, market, owner_id, parts
from marketbell.processes.api.idempotency import idempotent
from marketbell.processes.api.routes.rules import service
from marketbell.processes.api.routes.symbol import moment
from marketbell.processes.api.schemas.alerts import (
    Ack,
    Alert,
    AlertList,
    AlertsQuery,
    ReadBody,
    Rearmed,
    SnoozeBody,
    Story,
)
from marketbell.processes.api.schemas.base import Done

bp = APIBlueprint("alerts", __name__, url_prefix="/api/alerts", tag="Alerts")

NS = 1_000_000_000
WITH_UNTIL = frozenset({"held", "retry", "suppressed"})


def label(delivery: Delivery) -> str:
    """The channel's name as it was when the message was planned; the address itself is nobody's to read."""
    return label_of(delivery) or address_label(delivery.channel, delivery.address)


def _delivery(delivery: Delivery) -> dict[str, Any]:
    until = delivery.next_attempt_at if delivery.state in WITH_UNTIL else 0
    return {
        "delivery_id": delivery.delivery_id,
        "channel": delivery.channel,
        "address_label": label(delivery),
        "state": delivery.state,
        "attempts": delivery.attempts,
        "error": delivery.error,
        "until": utc(until),
        "carried_by": delivery.carried_by,
        "sent_at": utc(delivery.sent_at),
    }


def ack_shown(mute: Mute) -> dict[str, Any]:
    """An ack or a snooze as REST shows it."""
    return {"kind": mute.kind, "at": utc(mute.at), "by": mute.by, "until": utc(mute.until)}


def _item(
    firing: Firing,
    deliveries: Iterable[Delivery],
    read_up_to: int,
    mutes: Sequence[Mute] = (),
    grouped: Grouped | None = None,
) -> dict[str, Any]:
    instrument = edge().reader.universe().get(firing.instrument)
    return {
        "firing_id": firing.firing_id,
        "rule_uid": firing.rule_uid,
        "rule": firing.rule,
        "instrument": firing.instrument,
        "symbol": instrument.symbol,
        "name": instrument.name or instrument.symbol,
        "event_time": utc(firing.event_time),
        "recorded_at": utc(firing.recorded_at),
        "values": firing.values,
        "deliveries": [_delivery(delivery) for delivery in deliveries],
        "is_read": firing.recorded_at <= read_up_to,
        "severity": firing.severity,
        "event": firing.event,
        "version": firing.version,
        "suppressed": firing.suppressed,
        "ack": ack_shown(mutes[-1]) if mutes else None,
        "group": grouped
        and {"count": grouped.count, "unread": grouped.unread, "instruments": list(grouped.instruments)},
    }


def _sought(query: AlertsQuery, now: Market, read_up_to: int) -> Sought:
    key = ""
    if query.instrument:
        key = now.universe.resolve(query.instrument, now.rows).key
    recorded_after = read_up_to if query.unread else None
    return Sought(query.rule_uid or "", key, recorded_after, query.state or "", query.severity or "")


@bp.get("")
@asks(Action.READ, "alerts")
@bp.input(AlertsQuery, location="query")
@bp.output(AlertList)
def list_alerts(query_data: AlertsQuery) -> dict[str, Any]:
    """Alerts, newest first, with every delivery and the reason. What was held back is listed too."""
    before: tuple[int, str] | None = None
    if query_data.cursor:
        event_time, firing_id = decode_cursor(query_data.cursor, int, str)
        before = (event_time, firing_id)
    now, ledger = market(), parts().ledger
    read_up_to = ledger.read_up_to(owner_id())
    sought, limit = _sought(query_data, now, read_up_to), query_data.limit
    found: list[tuple[Firing, Sequence[Delivery], Grouped | None]]
    if query_data.group:
        grouped = ledger.groups(owner_id(), limit + 1, before, sought)
        found = [(one.firing, one.deliveries, one) for one in grouped]
    else:
        single = ledger.firings(owner_id(), limit + 1, before, sought)
        found = [(firing, deliveries, None) for firing, deliveries in single]
    page = found[:limit]
    last = page[-1][0] if page and len(found) > limit else None
    mutes = _mutes([firing for firing, _, _ in page])
    return {
        "items": [
            _item(firing, deliveries, read_up_to, mutes.get(firing.firing_id, ()), one)
            for firing, deliveries, one in page
        ],
        "as_of": utc(parts().clock.now()),
        "source": now.source,
        "next_cursor": encode_cursor(last.event_time, last.firing_id) if last else None,
        "unread": ledger.unread(owner_id()),
    }


def _mutes(firings: Sequence[Firing]) -> Mapping[str, Sequence[Mute]]:
    return parts().wishes.mutes_of(owner_id(), [firing.firing_id for firing in firings])


def _mine(firing_id: str, action: Action = Action.READ) -> tuple[Firing, list[Delivery]]:
    found = parts().ledger.firing(owner_id(), firing_id)
    if found is None:
        raise NotFoundError("no such alert")
    demand(action, Resource("alert", firing_id, found[0].owner_id))
    return found


@bp.get("/<string:firing_id>")
@asks(Action.READ, "alerts")
@bp.output(Alert)
def get_alert(firing_id: str) -> dict[str, Any]:
    """One alert with every delivery and the reason."""
    firing, deliveries = _mine(firing_id)
    mutes = _mutes([firing]).get(firing_id, ())
    return _item(firing, deliveries, parts().ledger.read_up_to(owner_id()), mutes)


@bp.get("/<string:firing_id>/story")
@asks(Action.READ, "alerts")
@bp.output(Story)
def get_story(firing_id: str) -> dict[str, Any]:
    """What happened to an alert: from the tick that decided it to its reading, with every attempt and its error.

    Alerts of the archive have their story too.
    """
    history = parts().ledger.history(owner_id(), firing_id)
    if history is None:
        raise NotFoundError("no such alert")
    lines = story(history, _mutes([history.firing]).get(firing_id, ()))
    return {
        "firing_id": firing_id,
        "items": [
            {
                "at": utc(line.at),
                "what": line.what,
                "detail": line.detail,
                "channel": line.channel,
                "address_label": line.label,
                "delivery_id": line.delivery_id,
            }
            for line in lines
        ],
    }


def made_ack(firing: Firing, by: str) -> Mute:
    """Acknowledge an alert: nothing more of its rule about its instrument for the rest of the owner's day."""
    now = parts().clock.now()
    zone = zone_of(parts().wishes.wishes(firing.owner_id, now).preferences)
    mute = Mute("ack", firing.firing_id, firing.rule_uid, firing.instrument, ack_until(now, zone), now, by)
    return parts().wishes.mute(firing.owner_id, mute)


def made_snooze(firing: Firing, until: int, by: str) -> Mute:
    """Put an alert off: nothing of its rule about its instrument until then."""
    now = parts().clock.now()
    if not now < until <= now + LONGEST_SNOOZE_S * NS:
        raise UserError("until lies ahead of now, and within a year", field="until")
    mute = Mute("snooze", firing.firing_id, firing.rule_uid, firing.instrument, until, now, by)
    return parts().wishes.mute(firing.owner_id, mute)


@bp.post("/<string:firing_id>/ack")
@asks(Action.WRITE, "alerts")
@idempotent
@bp.output(Ack)
def ack_alert(firing_id: str) -> dict[str, Any]:
    """Seen: no more messages of this rule about this instrument until the end of your day (an hour at least).

    What is muted stands in the inbox all the same. That a condition is over is told.
    """
    firing, _ = _mine(firing_id, Action.WRITE)
    return ack_shown(made_ack(firing, "owner"))


@bp.post("/<string:firing_id>/snooze")
@asks(Action.WRITE, "alerts")
@idempotent
@bp.input(SnoozeBody, location="json")
@bp.output(Ack)
def snooze_alert(firing_id: str, json_data: SnoozeBody) -> dict[str, Any]:
    """Not now: no messages of this rule about this instrument until then."""
    firing, _ = _mine(firing_id, Action.WRITE)
    if json_data.for_s is not None and json_data.until is not None:
        raise UserError("say for_s or until, not both", field="until")
    until = moment(json_data.until, "until")
    if until is None:
        until = parts().clock.now() + (json_data.for_s or SNOOZE_S) * NS
    return ack_shown(made_snooze(firing, until, "owner"))


@bp.post("/<string:firing_id>/rearm")
@asks(Action.WRITE, "alerts")
@idempotent
@bp.output(Rearmed)
def rearm_alert(firing_id: str) -> dict[str, Any]:
    """Let its rule begin anew, as the next version: once-only rules may fire again. Ends its acks and snoozes."""
    firing, _ = _mine(firing_id, Action.WRITE)
    rule = service().begin_anew(owner_id(), firing.rule_uid)
    unmuted = parts().wishes.unmute(owner_id(), firing.rule_uid, firing.instrument, parts().clock.now())
    return {"rule_uid": rule.rule_uid, "version": rule.version, "state": rule.state, "unmuted": unmuted}


@bp.post("/read")
@asks(Action.WRITE, "alerts")
@bp.input(ReadBody, location="json")
@bp.output(Done)
def mark_read(json_data: ReadBody) -> dict[str, Any]:
    """Everything recorded up to that moment has been read. It never goes back."""
    up_to = moment(json_data.up_to, "up_to")
    if up_to is None:
        raise UserError("up_to must be a time", field="up_to")
    # Times leave us with milliseconds: the whole millisecond that the person saw counts as seen.
    parts().ledger.mark_read(owner_id(), up_to + 999_999, parts().clock.now())
    return {"ok": True}
