"""Dead letters: messages that could not be delivered, and another try for them."""

from typing import Any

from apiflask import APIBlueprint

from marketbell.flows.accounts.decisions import Action
from marketbell.flows.market_views.numbers import utc
from marketbell.flows.market_views.paging import decode_cursor, encode_cursor
from marketbell.ports.ledger import DeadDelivery, DeadSought
from marketbell.processes.api.context import asks, owner_id, parts
from marketbell.processes.api.idempotency import idempotent
from marketbell.processes.api.routes.alerts import label
from marketbell.processes.api.routes.symbol import moment
from marketbell.processes.api.schemas.alerts import DeadLetterList, DeadLettersQuery, ReplayBody, Replayed

bp = APIBlueprint("dead_letters", __name__, url_prefix="/api/dead-letters", tag="Alerts")

FOREVER = 2**63 - 1


def _sought(channel: str | None, since: str | None, until: str | None, ids: tuple[str, ...] = ()) -> DeadSought:
    return DeadSought(ids, channel or "", moment(since, "since") or 0, moment(until, "until") or FOREVER)


def _shown(one: DeadDelivery) -> dict[str, Any]:
    return {
        "delivery_id": one.delivery.delivery_id,
        "firing_id": one.firing.firing_id,
        "rule_uid": one.firing.rule_uid,
        "rule": one.firing.rule,
        "instrument": one.firing.instrument,
        "channel": one.delivery.channel,
        "address_label": label(one.delivery),
        "title": str(one.delivery.payload.get("title", "")),
        "error": one.delivery.error,
        "attempts": one.delivery.attempts,
        "died_at": utc(one.died_at),
    }


@bp.get("")
@asks(Action.READ, "dead_letter")
@bp.input(DeadLettersQuery, location="query")
@bp.output(DeadLetterList)
def list_dead_letters(query_data: DeadLettersQuery) -> dict[str, Any]:
    """Your messages that were given up, with the last error, those that died last first."""
    before: tuple[int, str] | None = None
    if query_data.cursor:
        died_at, delivery_id = decode_cursor(query_data.cursor, int, str)
        before = (died_at, delivery_id)
    sought = _sought(query_data.channel, query_data.since, query_data.until)
    found = parts().ledger.dead(owner_id(), sought, query_data.limit + 1, before)
    page = found[: query_data.limit]
    last = page[-1] if page and len(found) > query_data.limit else None
    return {
        "items": [_shown(one) for one in page],
        "next_cursor": encode_cursor(last.died_at, last.delivery.delivery_id) if last else None,
    }


@bp.post("/replay")
@asks(Action.WRITE, "dead_letter")
@idempotent
@bp.input(ReplayBody, location="json")
@bp.output(Replayed)
def replay_dead_letters(json_data: ReplayBody) -> dict[str, Any]:
    """Queue dead messages anew, with all their attempts before them; what happened before stays in their story.

    They have the same idempotency key as before, and say LATE where they are.
    """
    sought = _sought(json_data.channel, json_data.since, json_data.until, tuple(json_data.delivery_ids))
    return {"replayed": parts().ledger.replay(owner_id(), sought, parts().clock.now())}
