"""The inbox: what fired, with which values, and where it was sent."""

from typing import Any

from apiflask import APIBlueprint

from marketbell.core.primitives.errors import NotFoundError, UserError
from marketbell.flows.accounts.decisions import Action
from marketbell.flows.market_views.labels import address_label
from marketbell.flows.market_views.numbers import utc
from marketbell.flows.market_views.paging import decode_cursor, encode_cursor
from marketbell.flows.market_views.reader import Market
from marketbell.ports.ledger import Delivery, Firing, Sought
from marketbell.processes.api.context import asks, edge, market, owner_id, parts
from marketbell.processes.api.routes.symbol import moment
from marketbell.processes.api.schemas.base import Done
from marketbell.processes.api.schemas.people import Alert, AlertList, AlertsQuery, ReadBody

bp = APIBlueprint("alerts", __name__, url_prefix="/api/alerts", tag="Alerts")


def _address(delivery: Delivery) -> str:
    """The channel's name as it was when the message was planned; the address itself is nobody's to read."""
    if delivery.channel == "in_app":
        return address_label(delivery.channel, delivery.address)
    return str(delivery.payload.get("label") or address_label(delivery.channel, delivery.address))


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "channel": delivery.channel,
        "address_label": _address(delivery),
        "state": delivery.state,
        "attempts": delivery.attempts,
        "error": delivery.error,
        "sent_at": utc(delivery.sent_at),
    }


def _item(firing: Firing, deliveries: list[Delivery], read_up_to: int) -> dict[str, Any]:
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
    }


def _sought(query: AlertsQuery, now: Market, read_up_to: int) -> Sought:
    key = ""
    if query.instrument:
        key = now.universe.resolve(query.instrument, now.rows).key
    return Sought(query.rule_uid or "", key, read_up_to if query.unread else None)


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
    now = market()
    read_up_to = parts().ledger.read_up_to(owner_id())
    sought = _sought(query_data, now, read_up_to)
    found = parts().ledger.firings(owner_id(), query_data.limit + 1, before, sought)
    page = found[: query_data.limit]
    last = page[-1][0] if page and len(found) > query_data.limit else None
    return {
        "items": [_item(firing, deliveries, read_up_to) for firing, deliveries in page],
        "as_of": utc(parts().clock.now()),
        "source": now.source,
        "next_cursor": encode_cursor(last.event_time, last.firing_id) if last else None,
        "unread": parts().ledger.unread(owner_id()),
    }


@bp.get("/<string:firing_id>")
@asks(Action.READ, "alerts")
@bp.output(Alert)
def get_alert(firing_id: str) -> dict[str, Any]:
    """One alert with every delivery and the reason."""
    found = parts().ledger.firing(owner_id(), firing_id)
    if found is None:
        raise NotFoundError("no such alert")
    return _item(*found, parts().ledger.read_up_to(owner_id()))


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
    parts().ledger.mark_read(owner_id(), up_to + 999_999)
    return {"ok": True}
