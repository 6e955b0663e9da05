"""Screens: the ready ones and yours; who is in one, who came and went, how a field is spread."""

from typing import TYPE_CHECKING, Any

from apiflask import APIBlueprint

from marketbell.flows.accounts.decisions import Action
from marketbell.flows.market_views.numbers import NS, utc
from marketbell.flows.market_views.paging import decode_cursor
from marketbell.flows.market_views.reader import Market
from marketbell.processes.api.context import asks, market, owner_id, parts
from marketbell.processes.api.idempotency import fresh_id, idempotent
from marketbell.processes.api.schemas.base import Done
from marketbell.processes.api.schemas.screens import (
    DaysQuery,
    Distribution,
    DistributionQuery,
    RunBody,
    Screen,
    ScreenBody,
    ScreenHistory,
    ScreenList,
    ScreenPage,
    ScreenStays,
)

if TYPE_CHECKING:
    from marketbell.flows.screening.service import Kept, ScreenService

bp = APIBlueprint("screens", __name__, url_prefix="/api", tag="Screens")

_DAY_NS = 86_400 * NS


def service() -> "ScreenService":
    """The use cases of screens."""
    # Imported with the first screen: the grammar's tables are not needed to show a price.
    from marketbell.processes.api.routes.rules import people
    from marketbell.wiring.screens import screen_desk

    found = parts()
    return screen_desk(found.screens, people(), found.cache, found.clock)


def follow_lists() -> None:
    """A list or a screen of the owner changed: screens and rules that name it look among others now."""
    from marketbell.processes.api.routes.rules import service as rules

    service().follow(owner_id())
    rules().follow(owner_id())


def _shown(kept: "Kept") -> dict[str, Any]:
    from marketbell.core.language.expression_printer import print_expression

    tree = kept.tree
    return {
        "screen_id": kept.screen_id,
        "name": tree.name,
        "description": kept.description,
        "text": kept.text,
        "kind": kept.kind,
        "condition": print_expression(tree.when),
        "columns": [print_expression(one) for one in tree.columns],
        "order_by": None if tree.order_by is None else print_expression(tree.order_by),
        "descending": tree.is_descending,
        "limit": tree.limit,
        "count": kept.count,
        "as_of": utc(kept.as_of),
        "leave_when": kept.leave_when,
    }


def _since(days: int, now: Market) -> int:
    return (now.clock or parts().clock.now()) - days * _DAY_NS


@bp.get("/screens")
@asks(Action.READ, "screens")
@bp.output(ScreenList)
def list_screens() -> dict[str, Any]:
    """The ready screens and yours, with how many are in each now."""
    return {"items": [_shown(one) for one in service().all(owner_id())]}


@bp.post("/screens")
@asks(Action.WRITE, "screens")
@idempotent
@bp.input(ScreenBody, location="json")
@bp.output(Screen, status_code=201)
@bp.doc(responses={400: "The text cannot be read; `fields` says which, line and column"})
def save_screen(json_data: ScreenBody) -> dict[str, Any]:
    """Keep a screen under a name: it stands in the stream from now on."""
    made = service().save(owner_id(), json_data.name, json_data.text, json_data.leave_when, screen_id=fresh_id())
    follow_lists()
    return _shown(made)


@bp.post("/screens/run")
@asks(Action.READ, "screens")
@bp.input(RunBody, location="json")
@bp.output(ScreenPage)
@bp.doc(responses={400: "A text that cannot be read; `fields` names it and says line and column"})
def run_screen(json_data: RunBody) -> dict[str, Any]:
    """Who meets a screen, now or on a past day, with how many meet each part and who cannot be judged.

    `text` is a screen or a condition alone; nobody keeps it.
    """
    from marketbell.flows.market_views.screen_pages import moment, page
    from marketbell.flows.screening.service import Question

    now = market()
    offset = decode_cursor(json_data.cursor, int)[0] if json_data.cursor else 0
    asked = Question(
        json_data.text,
        json_data.screen_id,
        moment(json_data.as_of, now),
        json_data.columns,
        json_data.sort,
        json_data.descending,
        json_data.limit,
        offset,
    )
    found = service().run(owner_id(), asked)
    return page(found.screen, found.answer, now, is_past=found.is_past, offset=offset, total=found.total)


@bp.get("/screens/distribution")
@asks(Action.READ, "screens")
@bp.input(DistributionQuery, location="query")
@bp.output(Distribution)
def distribution(query_data: DistributionQuery) -> dict[str, Any]:
    """How the values of a field are spread now."""
    from marketbell.flows.market_views.spread import spread

    return spread(market(), query_data.field)


@bp.get("/screens/<string:screen_id>")
@asks(Action.READ, "screens")
@bp.output(Screen)
def get_screen(screen_id: str) -> dict[str, Any]:
    """One screen."""
    return _shown(service().one(owner_id(), screen_id))


@bp.put("/screens/<string:screen_id>")
@asks(Action.WRITE, "screens")
@bp.input(ScreenBody, location="json")
@bp.output(Screen)
def replace_screen(screen_id: str, json_data: ScreenBody) -> dict[str, Any]:
    """Rename a screen of yours, or change its text."""
    made = service().change(owner_id(), screen_id, json_data.name, json_data.text, json_data.leave_when)
    follow_lists()
    return _shown(made)


@bp.delete("/screens/<string:screen_id>")
@asks(Action.WRITE, "screens")
@bp.output(Done)
def delete_screen(screen_id: str) -> dict[str, Any]:
    """Forget a screen of yours and who came and went. A rule that names it stays and says so."""
    service().delete(owner_id(), screen_id)
    follow_lists()
    return {"ok": True}


@bp.get("/screens/<string:screen_id>/history")
@asks(Action.READ, "screens")
@bp.input(DaysQuery, location="query")
@bp.output(ScreenHistory)
def screen_history(screen_id: str, query_data: DaysQuery) -> dict[str, Any]:
    """Who entered and left a screen, newest first."""
    from marketbell.flows.market_views.screen_pages import passages

    now = market()
    return {"items": passages(service().history(owner_id(), screen_id, _since(query_data.days, now)), now)}


@bp.get("/stocks/<string:stock_id>/screens")
@asks(Action.READ, "screens")
@bp.input(DaysQuery, location="query")
@bp.output(ScreenStays)
def stock_screens(stock_id: str, query_data: DaysQuery) -> dict[str, Any]:
    """On which screens a stock was, ready ones and yours."""
    now = market()
    instrument = now.universe.resolve(stock_id, now.rows)
    found = service().of_instrument(owner_id(), int(instrument.instrument_id), _since(query_data.days, now))
    return {
        "items": [
            {
                "screen_id": stay.screen_id,
                "name": name,
                "entered_at": utc(stay.entered_at),
                "left_at": utc(stay.left_at),
            }
            for stay, name in found
        ]
    }
