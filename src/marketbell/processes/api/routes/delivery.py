"""How delivery is doing: the queue, its age, dead letters, latencies."""

from typing import Any

from apiflask import APIBlueprint

from marketbell.flows.accounts.decisions import Action
from marketbell.processes.api.context import asks, owner_id, parts
from marketbell.processes.api.schemas.alerts import DeliveryFigures

bp = APIBlueprint("delivery", __name__, url_prefix="/api/delivery", tag="Alerts")

WINDOW_NS = 86_400 * 10**9


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


@bp.get("")
@asks(Action.READ, "delivery")
@bp.output(DeliveryFigures)
def get_delivery() -> dict[str, Any]:
    """Deliveries by state and channel; latency from a firing's record to acceptance, over the last day."""
    now, ledger = parts().clock.now(), parts().ledger
    figures = ledger.figures(owner_id(), now - WINDOW_NS)
    oldest = ledger.oldest_unsent(now)
    return {
        "states": dict(figures.states),
        "oldest_unsent_s": None if oldest is None else max(0, now - oldest) / 1e9,
        "dead": figures.states.get("dead", 0),
        "latency_ms": {"p50": _rounded(figures.p50_ms), "p99": _rounded(figures.p99_ms)},
        "by_channel": [
            {
                "channel": one.channel,
                "states": dict(one.states),
                "latency_ms": {"p50": _rounded(one.p50_ms), "p99": _rounded(one.p99_ms)},
            }
            for one in figures.by_channel
        ],
    }
