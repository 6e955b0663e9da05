"""Preferences: the zone, quiet hours, digests, storms."""

from dataclasses import asdict
from typing import Any

from apiflask import APIBlueprint

from marketbell.core.alerts.preferences import DEFAULTS, Preferences, checked
from marketbell.flows.accounts.decisions import Action
from marketbell.processes.api.context import asks, owner_id, parts
from marketbell.processes.api.schemas.alerts import AlertingPreferences, PreferencesBody

bp = APIBlueprint("preferences", __name__, url_prefix="/api/alerting/preferences", tag="Alerts")


@bp.get("")
@asks(Action.READ, "preferences")
@bp.output(AlertingPreferences)
def get_preferences() -> dict[str, Any]:
    """How you want to be told; the defaults until you say otherwise."""
    return asdict(parts().wishes.preferences(owner_id()) or DEFAULTS)


@bp.put("")
@asks(Action.WRITE, "preferences")
@bp.input(PreferencesBody, location="json")
@bp.output(AlertingPreferences)
def put_preferences(json_data: PreferencesBody) -> dict[str, Any]:
    """Set them all. They count for what fires from now on, and for what is held already."""
    wanted = checked(Preferences(**json_data.model_dump()))
    parts().wishes.put_preferences(owner_id(), wanted)
    return asdict(wanted)
