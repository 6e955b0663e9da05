"""The market as a whole: summary, sectors."""

from typing import Any

from apiflask import APIBlueprint

from marketbell.flows.accounts.decisions import Action
from marketbell.flows.market_views.numbers import fixed, utc
from marketbell.flows.market_views.reader import NO_FEED, Market
from marketbell.processes.api.context import asks, market
from marketbell.processes.api.routes.stocks import index_keys, items
from marketbell.processes.api.schemas.market import MarketSummary, SectorList

bp = APIBlueprint("market", __name__, url_prefix="/api", tag="Market")


def moment_text(value: Any) -> str | None:
    """A time of the cache, ns or already text, as text."""
    return utc(value) if isinstance(value, int) else value


def feed_label(now: Market) -> dict[str, Any]:
    """Where the data comes from; honest words where there is nothing."""
    source = now.summary.get("source") or {}
    return {
        "label": str(source.get("label") or NO_FEED),
        "kind": str(source.get("kind") or "none"),
        "is_simulated": bool(source.get("is_simulated", False)),
        "speed": source.get("speed"),
    }


def _sectors(now: Market) -> list[dict[str, Any]]:
    found = now.summary.get("sectors") or now.lists.get("sectors") or ()
    sectors = [
        {
            "sector": entry["sector"],
            "change_pct": fixed(entry.get("change_pct"), 2),
            "advances": int(entry.get("advances") or 0),
            "declines": int(entry.get("declines") or 0),
            "count": int(entry.get("count") or 0),
        }
        for entry in found
    ]
    sectors.sort(key=lambda s: (s["change_pct"] is None, -float(s["change_pct"] or 0), s["sector"]))
    return sectors


@bp.get("/sectors")
@asks(Action.READ, "sectors")
@bp.output(SectorList)
def sectors() -> dict[str, Any]:
    """Sectors with their change weighted by market value."""
    now = market()
    return {"items": _sectors(now), "as_of": utc(now.as_of), "source": now.source}


@bp.get("/market")
@asks(Action.READ, "market")
@bp.output(MarketSummary)
def summary() -> dict[str, Any]:
    """Session, clock, breadth, indices, sectors and source in one answer."""
    now = market()
    session = now.summary.get("session")
    breadth = now.summary.get("breadth") or now.lists.get("breadth") or {}
    return {
        "as_of": utc(now.as_of),
        "clock": utc(now.clock),
        "session": session
        and {
            "state": str(session.get("state") or "closed"),
            "opens_at": moment_text(session.get("opens_at")),
            "closes_at": moment_text(session.get("closes_at")),
            "date": session.get("date"),
            "calendar": session.get("calendar"),
            "zone": session.get("zone"),
        },
        "breadth": {name: int(breadth.get(name) or 0) for name in ("advances", "declines", "unchanged", "unknown")},
        "indices": items(now, index_keys(now)),
        "sectors": _sectors(now),
        "source": feed_label(now),
    }
