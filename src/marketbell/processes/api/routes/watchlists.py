"""Watchlists. A change is announced to the live server, so that open pages follow."""

from typing import Any

import orjson
import structlog
from apiflask import APIBlueprint

from marketbell.core.primitives.errors import NotFoundError, UnavailableError
from marketbell.flows.accounts.decisions import Action, Resource
from marketbell.ports import stores
from marketbell.processes.api.context import asks, demand, market, owner_id, parts
from marketbell.processes.api.idempotency import fresh_id, idempotent
from marketbell.processes.api.schemas.base import Done
from marketbell.processes.api.schemas.people import Watchlist, WatchlistBody, WatchlistList

bp = APIBlueprint("watchlists", __name__, url_prefix="/api/watchlists", tag="Watchlists")
log = structlog.stdlib.get_logger("api")


def _shown(watchlist: stores.Watchlist) -> dict[str, Any]:
    return {
        "watchlist_id": watchlist.watchlist_id,
        "name": watchlist.name,
        "instruments": list(watchlist.instruments),
    }


def _mine(watchlist_id: str) -> stores.Watchlist:
    found = parts().watchlists.get(owner_id(), watchlist_id)
    if found is None:
        raise NotFoundError("no such watchlist")
    demand(Action.WRITE, Resource("watchlist", watchlist_id, found.owner_id))
    return found


def _instruments(body: WatchlistBody) -> tuple[str, ...]:
    """The keys meant, each once, in the given order; NotFoundError names one that nobody lists."""
    now = market()
    return tuple(dict.fromkeys(now.universe.resolve(text, now.rows).key for text in body.instruments))


def _announce(watchlist_id: str) -> None:
    """Tell open pages, and let screens and rules that name the list follow it."""
    from marketbell.processes.api.routes.screens import follow_lists

    follow_lists()
    try:
        parts().bus.publish("market", 0, orjson.dumps({"type": "watchlist", "watchlist_id": watchlist_id}))
    except UnavailableError as error:
        # The list itself is saved; pages that are open see it when they join again.
        log.warning("watchlist.not_announced", watchlist_id=watchlist_id, error=error.message)


@bp.get("")
@asks(Action.READ, "watchlist")
@bp.output(WatchlistList)
def list_watchlists() -> dict[str, Any]:
    """Your watchlists."""
    return {"items": [_shown(watchlist) for watchlist in parts().watchlists.all(owner_id())]}


@bp.post("")
@asks(Action.WRITE, "watchlist")
@idempotent
@bp.input(WatchlistBody, location="json")
@bp.output(Watchlist, status_code=201)
def create_watchlist(json_data: WatchlistBody) -> dict[str, Any]:
    """Make a watchlist."""
    made = parts().watchlists.put(
        stores.Watchlist(fresh_id(), owner_id(), json_data.name.strip(), _instruments(json_data))
    )
    _announce(made.watchlist_id)
    return _shown(made)


@bp.get("/<string:watchlist_id>")
@asks(Action.READ, "watchlist")
@bp.output(Watchlist)
def get_watchlist(watchlist_id: str) -> dict[str, Any]:
    """One watchlist."""
    return _shown(_mine(watchlist_id))


@bp.put("/<string:watchlist_id>")
@asks(Action.WRITE, "watchlist")
@bp.input(WatchlistBody, location="json")
@bp.output(Watchlist)
def replace_watchlist(watchlist_id: str, json_data: WatchlistBody) -> dict[str, Any]:
    """Rename a watchlist, or change its instruments and their order."""
    old = _mine(watchlist_id)
    made = parts().watchlists.put(
        stores.Watchlist(old.watchlist_id, old.owner_id, json_data.name.strip(), _instruments(json_data))
    )
    _announce(watchlist_id)
    return _shown(made)


@bp.delete("/<string:watchlist_id>")
@asks(Action.WRITE, "watchlist")
@bp.output(Done)
def delete_watchlist(watchlist_id: str) -> dict[str, Any]:
    """Forget a watchlist."""
    _mine(watchlist_id)
    parts().watchlists.delete(owner_id(), watchlist_id)
    _announce(watchlist_id)
    return {"ok": True}
