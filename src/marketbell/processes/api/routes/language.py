"""The language for editors: its fields and functions, and what may be written at a place."""

from collections.abc import Iterator
from typing import Any

from apiflask import APIBlueprint

from marketbell.flows.accounts.decisions import Action
from marketbell.flows.market_views.reader import Market
from marketbell.processes.api.context import asks, market, owner_id, parts
from marketbell.processes.api.schemas.language import CompleteBody, CompletionAnswer, FieldList

bp = APIBlueprint("language", __name__, url_prefix="/api", tag="Language")

_SHOWN = 20


def universes(now: Market) -> list[str]:
    """Indices, sectors and lists that rules may name."""
    from marketbell.core.engine.universes import Universes

    return list(Universes(list(now.universe.by_key.values())).names)


@bp.get("/fields")
@asks(Action.READ, "fields")
@bp.output(FieldList)
def fields() -> dict[str, Any]:
    """The registry: fields with types, units and meaning, functions, and the universes that there are."""
    from marketbell.core.language.reference import describe_fields, describe_functions

    return {"items": describe_fields(), "functions": describe_functions(), "universes": universes(market())}


@bp.post("/language/complete")
@asks(Action.READ, "fields")
@bp.input(CompleteBody, location="json")
@bp.output(CompletionAnswer)
def complete(json_data: CompleteBody) -> dict[str, Any]:
    """What can be written at a place of a text: fields, functions, words that may follow, names of yours."""
    from marketbell.core.language import completion
    from marketbell.flows.screening.names import screens_of

    now = market()
    found = parts()

    def instruments(text: str) -> Iterator[tuple[str, str]]:
        for key in now.universe.search(text, now.keys)[:_SHOWN]:
            yield key, now.universe.get(key).name

    names = completion.Names(
        instruments,
        universes(now),
        [one.name for one in found.watchlists.all(owner_id())],
        sorted(screens_of(found.screens)(owner_id())),
        [f"{one.kind}:{one.name}" for one in found.channels.all(owner_id())],
    )
    answer = completion.complete(json_data.text, json_data.position, json_data.kind, names)
    return {
        "from": answer.start,
        "to": answer.end,
        "items": [
            {"label": one.label, "insert": one.insert, "kind": one.kind, "detail": one.detail} for one in answer.items
        ],
    }
