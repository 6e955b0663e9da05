"""Lists of stocks: search, movers, filters."""

from collections.abc import Iterable
from typing import Any

from apiflask import APIBlueprint

from marketbell.core.primitives.errors import UserError
from marketbell.flows.accounts.decisions import Action
from marketbell.flows.market_views.filters import StockFilter, matches, parse_filter, ranked
from marketbell.flows.market_views.numbers import utc
from marketbell.flows.market_views.paging import page_of_keys
from marketbell.flows.market_views.reader import Market
from marketbell.flows.market_views.stocks import stock_item
from marketbell.ports.screens import MOST_ROWS
from marketbell.processes.api.context import asks, market, owner_id
from marketbell.processes.api.schemas.base import PageQuery
from marketbell.processes.api.schemas.stocks import FilterBody, FilterQuery, StockList, StocksQuery, UndervaluedList

bp = APIBlueprint("stocks", __name__, url_prefix="/api", tag="Stocks")

UNDERVALUED_WITHOUT_WORDS = "The definition comes with the list; there is no list yet."


def items(now: Market, keys: Iterable[str], columns: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The stocks of those keys, in that order."""
    wanted = tuple(columns)
    return [stock_item(now.universe.get(key), now.row(key), now.clock, now.source, wanted) for key in keys]


def _ranking(name: str, query: PageQuery) -> dict[str, Any]:
    now = market()
    keys = list((now.lists.get("lists") or {}).get(name) or ())
    page, cursor = page_of_keys(keys, query.cursor, query.limit)
    return {
        "items": items(now, page),
        "as_of": utc(now.lists.get("as_of") or now.as_of),
        "source": now.source,
        "next_cursor": cursor,
        "total": len(keys),
    }


@bp.get("/stocks")
@asks(Action.READ, "stocks")
@bp.input(StocksQuery, location="query")
@bp.output(StockList)
def list_stocks(query_data: StocksQuery) -> dict[str, Any]:
    """Search and list stocks.

    With `query` the best match comes first (symbol, then name), without it the order is by key.
    """
    now = market()
    keys: Iterable[str] = now.keys
    if query_data.kind:
        keys = [key for key in keys if now.universe.get(key).kind == query_data.kind.lower()]
    if query_data.sector:
        wanted = query_data.sector.casefold()
        keys = [key for key in keys if now.universe.get(key).sector.casefold() == wanted]
    found = now.universe.search(query_data.query, keys) if query_data.query else list(keys)
    page, cursor = page_of_keys(found, query_data.cursor, query_data.limit)
    return {
        "items": items(now, page),
        "as_of": utc(now.as_of),
        "source": now.source,
        "next_cursor": cursor,
        "total": len(found),
    }


@bp.get("/stocks/top-gainers")
@asks(Action.READ, "stocks")
@bp.input(PageQuery, location="query")
@bp.output(StockList)
def top_gainers(query_data: PageQuery) -> dict[str, Any]:
    """Stocks that rose most, by change_pct."""
    return _ranking("top_gainers", query_data)


@bp.get("/stocks/top-losers")
@asks(Action.READ, "stocks")
@bp.input(PageQuery, location="query")
@bp.output(StockList)
def top_losers(query_data: PageQuery) -> dict[str, Any]:
    """Stocks that fell most, by change_pct."""
    return _ranking("top_losers", query_data)


@bp.get("/stocks/52-week-high")
@asks(Action.READ, "stocks")
@bp.input(PageQuery, location="query")
@bp.output(StockList)
def week52_high(query_data: PageQuery) -> dict[str, Any]:
    """Stocks whose 52-week high is of today, the largest change first."""
    return _ranking("high_52w", query_data)


@bp.get("/stocks/52-week-low")
@asks(Action.READ, "stocks")
@bp.input(PageQuery, location="query")
@bp.output(StockList)
def week52_low(query_data: PageQuery) -> dict[str, Any]:
    """Stocks whose 52-week low is of today, the largest fall first."""
    return _ranking("low_52w", query_data)


@bp.get("/stocks/most-active")
@asks(Action.READ, "stocks")
@bp.input(PageQuery, location="query")
@bp.output(StockList)
def most_active(query_data: PageQuery) -> dict[str, Any]:
    """Stocks with the largest turnover."""
    return _ranking("most_active", query_data)


@bp.get("/stocks/unusual-volume")
@asks(Action.READ, "stocks")
@bp.input(PageQuery, location="query")
@bp.output(StockList)
def unusual_volume(query_data: PageQuery) -> dict[str, Any]:
    """Stocks whose volume of the last minute stands out most (volume_spike)."""
    return _ranking("unusual_volume", query_data)


@bp.get("/stocks/volatile")
@asks(Action.READ, "stocks")
@bp.input(PageQuery, location="query")
@bp.output(StockList)
def volatile(query_data: PageQuery) -> dict[str, Any]:
    """Stocks with the highest volatility."""
    return _ranking("volatile", query_data)


@bp.get("/stocks/undervalued")
@asks(Action.READ, "stocks")
@bp.input(PageQuery, location="query")
@bp.output(UndervaluedList)
def undervalued(query_data: PageQuery) -> dict[str, Any]:
    """Stocks that are cheap by the definition in the answer."""
    definition = market().lists.get("undervalued_definition") or market().lists.get("definition")
    return _ranking("undervalued", query_data) | {"definition": str(definition or UNDERVALUED_WITHOUT_WORDS)}


def _filtered(wanted: StockFilter, query: PageQuery, among: Iterable[str]) -> dict[str, Any]:
    now = market()
    rows = ((now.universe.get(key), now.row(key)) for key in among)
    page, cursor, total = ranked(wanted, rows, query.cursor, query.limit)
    return {
        "items": [stock_item(i, row, now.clock, now.source, wanted.columns) for i, row in page],
        "as_of": utc(now.as_of),
        "source": now.source,
        "next_cursor": cursor,
        "total": total,
    }


@bp.get("/stocks/filter")
@asks(Action.READ, "stocks")
@bp.input(FilterQuery, location="query")
@bp.output(StockList)
@bp.doc(responses={400: "A field that does not exist, or a bound that is not a number"})
def filter_stocks(query_data: FilterQuery) -> dict[str, Any]:
    """Filter by any field of the registry.

    `min.FIELD=NUMBER`, `max.FIELD=NUMBER` and `in.FIELD=A,B` for any field of /api/fields (`in` also for
    sector, industry, kind, currency, symbol, instrument), `sort=-FIELD`, `columns=A,B`, `limit`, `cursor`.
    A stock that lacks a value that is asked about does not match.
    """
    bounds: dict[str, dict[str, Any]] = {"min": {}, "max": {}, "in": {}}
    for name, value in (query_data.model_extra or {}).items():
        prefix, dot, field = name.partition(".")
        if not dot or prefix not in bounds:
            raise UserError(f"unknown parameter {name}: use min.FIELD, max.FIELD, in.FIELD, sort, columns", field=name)
        bounds[prefix][field] = value.split(",") if prefix == "in" else value
    columns = (query_data.columns or "").split(",")
    wanted = parse_filter(bounds["min"], bounds["max"], bounds["in"], query_data.sort, columns)
    return _filtered(wanted, query_data, market().keys)


@bp.post("/stocks/filter")
@asks(Action.READ, "stocks")
@bp.input(FilterBody, location="json")
@bp.output(StockList)
def filter_stocks_by_body(json_data: FilterBody) -> dict[str, Any]:
    """Filter by any field of the registry, or by a text of the rule language, asked for as JSON."""
    wanted = parse_filter(json_data.min, json_data.max, json_data.in_, json_data.sort, json_data.columns)
    if json_data.text is None or not json_data.text.strip():
        return _filtered(wanted, json_data, market().keys)
    from marketbell.processes.api.routes.screens import service

    met, _ = service().keys(owner_id(), json_data.text, MOST_ROWS, 0)
    if json_data.sort:
        return _filtered(wanted, json_data, met)
    now = market()
    kept = [key for key in met if matches(wanted, now.universe.get(key), now.row(key))]
    page, cursor = page_of_keys(kept, json_data.cursor, json_data.limit)
    return {
        "items": items(now, page, wanted.columns),
        "as_of": utc(now.as_of),
        "source": now.source,
        "next_cursor": cursor,
        "total": len(kept),
    }


@bp.get("/indices")
@asks(Action.READ, "stocks")
@bp.output(StockList)
def indices() -> dict[str, Any]:
    """The indices, as stocks of kind `index`."""
    now = market()
    keys = index_keys(now)
    return {
        "items": items(now, keys),
        "as_of": utc(now.as_of),
        "source": now.source,
        "next_cursor": None,
        "total": len(keys),
    }


def index_keys(now: Market) -> list[str]:
    """Keys of the indices: what the engine lists, else those of that kind."""
    listed = now.summary.get("indices") or now.lists.get("indices") or ()
    keys = [entry if isinstance(entry, str) else str(entry.get("instrument", "")) for entry in listed]
    return [key for key in keys if key] or [key for key in now.keys if now.universe.get(key).kind == "index"]
