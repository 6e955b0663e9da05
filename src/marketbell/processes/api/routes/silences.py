"""Silences: messages muted by hand until a moment. The inbox shows what was muted."""

from typing import Any

from apiflask import APIBlueprint

from marketbell.core.alerts.silences import Silence
from marketbell.core.primitives.errors import UserError
from marketbell.flows.accounts.decisions import Action
from marketbell.flows.market_views.numbers import utc
from marketbell.processes.api.context import asks, market, owner_id, parts
from marketbell.processes.api.idempotency import fresh_id, idempotent
from marketbell.processes.api.routes.symbol import moment
from marketbell.processes.api.schemas.alerts import SilenceBody, SilenceInfo, SilenceList
from marketbell.processes.api.schemas.base import Done

bp = APIBlueprint("silences", __name__, url_prefix="/api/silences", tag="Alerts")

LONGEST_NS = 10 * 366 * 86_400 * 10**9


def _shown(silence: Silence) -> dict[str, Any]:
    return {
        "silence_id": silence.silence_id,
        "rule_uid": silence.rule_uid or None,
        "instrument": silence.instrument or None,
        "severity": silence.severity or None,
        "until": utc(silence.until),
        "reason": silence.reason,
        "created_at": utc(silence.created_at),
    }


@bp.get("")
@asks(Action.READ, "silence")
@bp.output(SilenceList)
def list_silences() -> dict[str, Any]:
    """Your silences that hold, the one that ends first first."""
    return {"items": [_shown(one) for one in parts().wishes.silences(owner_id(), parts().clock.now())]}


@bp.post("")
@asks(Action.WRITE, "silence")
@idempotent
@bp.input(SilenceBody, location="json")
@bp.output(SilenceInfo, status_code=201)
def create_silence(json_data: SilenceBody) -> dict[str, Any]:
    """Mute a rule, an instrument, a severity, or their combination, until a moment."""
    now = parts().clock.now()
    until = moment(json_data.until, "until")
    if until is None or not now < until <= now + LONGEST_NS:
        raise UserError("until lies ahead of now, and within ten years", field="until")
    key = ""
    if json_data.instrument:
        seen = market()
        key = seen.universe.resolve(json_data.instrument, seen.rows).key
    silence = Silence(
        until=until,
        rule_uid=json_data.rule_uid or "",
        instrument=key,
        severity=json_data.severity or "",
        reason=" ".join(json_data.reason.split()),
        silence_id=fresh_id(),
        created_at=now,
    )
    return _shown(parts().wishes.put_silence(owner_id(), silence))


@bp.delete("/<string:silence_id>")
@asks(Action.WRITE, "silence")
@bp.output(Done)
def delete_silence(silence_id: str) -> dict[str, Any]:
    """End a silence now."""
    parts().wishes.end_silence(owner_id(), silence_id)
    return {"ok": True}
