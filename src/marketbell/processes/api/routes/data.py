"""The health of the data: quality events, feeds, processes."""

from typing import Any

import orjson
from apiflask import APIBlueprint

from marketbell import __version__
from marketbell.core.primitives.errors import ConflictError, UnavailableError, UserError
from marketbell.flows.accounts.decisions import Action
from marketbell.flows.market_views.numbers import utc
from marketbell.processes.api.context import asks, edge, market, parts
from marketbell.processes.api.routes.health import required
from marketbell.processes.api.routes.market import moment_text
from marketbell.processes.api.schemas.market import FeedControl, FeedList, Quality, Status

bp = APIBlueprint("data", __name__, url_prefix="/api", tag="Data health")

CONTROL_KEY = "feed:control"


@bp.get("/quality")
@asks(Action.READ, "quality")
@bp.output(Quality)
def quality() -> dict[str, Any]:
    """Quality events: totals by kind, by instrument, and the newest."""
    found = edge().reader.document("market:quality")
    now = market()
    recent = [
        {
            "instrument": str(event.get("instrument", "")),
            "kind": str(event.get("kind", "")),
            "action": str(event.get("action", "")),
            "event_time": moment_text(event.get("event_time")),
            "count": int(event.get("count") or 1),
        }
        for event in found.get("recent") or ()
    ]
    return {
        "totals": {str(kind): int(n) for kind, n in (found.get("totals") or {}).items()},
        "instruments": [
            {"instrument": key, "kinds": {str(kind): int(n) for kind, n in kinds.items()}}
            for key, kinds in sorted((found.get("instruments") or {}).items())
        ],
        "recent": recent,
        "as_of": utc(found.get("as_of") or now.as_of),
        "source": now.source,
    }


def _feed(card: dict[str, Any]) -> dict[str, Any]:
    speed = card.get("rate")
    return {
        "name": str(card.get("name", "")),
        "label": str(card.get("label", "")),
        "kind": str(card.get("kind", "")),
        "is_simulated": bool(card.get("is_simulated", False)),
        "supports": [str(word) for word in card.get("supports") or ()],
        "limits": str(card.get("limits", "")),
        "tested": str(card.get("tested", "")),
        "calendar": card.get("calendar"),
        "state": str(card.get("state", "running")),
        "position": card.get("position"),
        "clock": moment_text(card.get("clock")),
        "last_event_time": moment_text(card.get("last_event_time")),
        "rate": None if speed is None else float(speed),
        "lag_frames": card.get("lag_frames"),
        "error": card.get("error") or None,
    }


def _feeds() -> dict[str, Any]:
    now = market()
    return {
        "items": [_feed(card) for card in edge().reader.array("feeds")],
        "control": edge().reader.document(CONTROL_KEY),
        "as_of": utc(now.clock),
        "source": now.source,
    }


@bp.get("/feeds")
@asks(Action.READ, "feeds")
@bp.output(FeedList)
def feeds() -> dict[str, Any]:
    """The feeds with their quality cards and how they run."""
    return _feeds()


@bp.post("/feeds/control")
@asks(Action.CONTROL, "feeds")
@bp.input(FeedControl, location="json")
@bp.output(FeedList)
def control_feeds(json_data: FeedControl) -> dict[str, Any]:
    """Pause, go on, or change the speed of a replay or demo feed.

    The setting is kept at once; the feed follows within a second.
    """
    given = json_data.model_dump(exclude_none=True)
    if not given:
        raise UserError("say paused or speed", field="paused")
    if isinstance(json_data.speed, float) and not 0 < json_data.speed <= 1_000_000:
        raise UserError("speed must lie above 0 and at most at 1000000", field="speed")
    if json_data.speed is not None and any(card.get("kind") == "live" for card in edge().reader.array("feeds")):
        raise ConflictError("a live feed runs at the market's own speed")
    now = edge().reader.document(CONTROL_KEY) | given
    parts().cache.set(CONTROL_KEY, orjson.dumps(now))
    return _feeds()


def _partition(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "partition": int(entry.get("partition", 0)),
        **{name: entry.get(name) for name in ("shards", "state", "reason", "epoch", "offset", "lag")},
        "checkpoint_age_s": entry.get("checkpoint_age_s"),
        "gaps": entry.get("gaps"),
        "recent_gaps": [
            {"reason": str(gap.get("reason", "")), "at": moment_text(gap.get("at"))}
            for gap in entry.get("recent_gaps") or ()
        ],
    }


def _stream_process(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "shards": str(entry.get("shards", "")),
        "is_owner": bool(entry.get("is_owner")),
        "is_leader": bool(entry.get("is_leader")),
        "ticks_per_s": entry.get("ticks_per_s"),
        "problem": entry.get("problem") or None,
    }


def _chains() -> dict[str, Any]:
    store = parts().chains
    try:
        store.ping()
    except UnavailableError as error:
        return {"store": store.kind, "problem": error.message}
    return {"store": store.kind, "problem": None}


@bp.get("/status")
@asks(Action.READ, "status")
@bp.output(Status)
def status() -> dict[str, Any]:
    """Processes with their state, the engine's lag, and the oldest alert that waits."""
    beating = edge().reader.processes()
    processes = []
    wanted = required(parts().settings)
    for name in sorted(wanted | beating.keys()):
        beat = beating.get(name, {})
        processes.append(
            {
                "name": name,
                "pid": beat.get("pid"),
                "state": str(beat.get("state", "missing")),
                "since": moment_text(beat.get("since")),
                "detail": beat.get("detail") or {},
            }
        )
    stream = edge().reader.document("stream:status")
    try:
        oldest = parts().ledger.oldest_unsent()
        store_answers = True
    except UnavailableError:
        oldest, store_answers = None, False
    chains = _chains()
    all_ready = (
        store_answers
        and chains["problem"] is None
        and all(p["state"] == "ready" for p in processes if p["name"] in wanted)
    )
    return {
        "state": "ok" if all_ready else "degraded",
        "processes": processes,
        "partitions": [_partition(entry) for entry in stream.get("partitions") or ()],
        "stream": [_stream_process(entry) for entry in stream.get("processes") or ()],
        "problem": stream.get("problem") or None,
        "chains": chains,
        "ticks_per_s": stream.get("ticks_per_s"),
        "oldest_unsent": utc(oldest),
        "version": __version__,
    }
