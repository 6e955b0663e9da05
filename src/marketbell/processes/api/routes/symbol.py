"""One instrument: its row, bars, book, shareholding, fundamentals."""

from datetime import UTC, date, datetime
from typing import Any

from apiflask import APIBlueprint

from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import UserError
from marketbell.flows.accounts.decisions import Action
from marketbell.flows.market_views.bars import bar_items, forming_bar
from marketbell.flows.market_views.fundamentals import fundamental_items
from marketbell.flows.market_views.numbers import NS, decimals_of, fixed, utc
from marketbell.flows.market_views.ownership import holding_points
from marketbell.flows.market_views.patterns import pattern_items
from marketbell.flows.market_views.reader import Market
from marketbell.flows.market_views.stocks import stock_item
from marketbell.processes.api.context import asks, edge, market, parts
from marketbell.processes.api.schemas.stocks import (
    BarList,
    BarsQuery,
    EvidenceList,
    FundamentalList,
    OrderBook,
    Shareholding,
    Stock,
)

bp = APIBlueprint("symbol", __name__, url_prefix="/api/stocks/<string:stock_id>", tag="Stocks")


def _found(now: Market, stock_id: str) -> Instrument:
    return now.universe.resolve(stock_id, now.rows)


@bp.get("")
@asks(Action.READ, "stocks")
@bp.output(Stock)
def get_stock(stock_id: str) -> dict[str, Any]:
    """One stock, by VENUE:SYMBOL, by SYMBOL where only one venue lists it, or by its number."""
    now = market()
    instrument = _found(now, stock_id)
    return stock_item(instrument, now.row(instrument.key), now.clock, now.source)


def moment(text: str | None, name: str) -> int | None:
    """ISO-8601 (or a date) as ns UTC; a time without zone is UTC."""
    if text is None or not text.strip():
        return None
    word = text.strip()
    try:
        if len(word) == 10:
            found = datetime.combine(date.fromisoformat(word), datetime.min.time(), UTC)
        else:
            # A plus sign that was not escaped in the query arrives as a space.
            found = datetime.fromisoformat(word.replace(" ", "+") if word.count(" ") == 1 and "T" in word else word)
    except ValueError:
        raise UserError(f"{name} must be a time like 2021-04-28T03:45:00Z, not {text!r}", field=name) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return int(found.timestamp()) * NS + found.microsecond * 1_000


@bp.get("/bars")
@asks(Action.READ, "stocks")
@bp.input(BarsQuery, location="query")
@bp.output(BarList)
def get_bars(stock_id: str, query_data: BarsQuery) -> dict[str, Any]:
    """Bars of a stock, oldest first; the forming bar comes last with `is_closed` false."""
    now = market()
    instrument = _found(now, stock_id)
    start = moment(query_data.from_, "from")
    end = moment(query_data.to, "to")
    if start is not None and end is not None and end <= start:
        raise UserError("to must lie behind from", field="to")
    number = int(instrument.instrument_id)
    if start is None:
        stored = parts().bars.last(number, query_data.timeframe, query_data.limit, end)
    else:
        stored = parts().bars.between(number, query_data.timeframe, start, end if end is not None else 2**62)
    forming = forming_bar(query_data.timeframe, now.row(instrument.key), now.summary.get("session") or {})
    bars = bar_items(stored, instrument.tick_size, forming, start, end)
    bars = bars[-query_data.limit :] if start is None else bars[: query_data.limit]
    return {
        "items": bars,
        "as_of": utc(now.row(instrument.key).get("event_time")),
        "source": instrument.source or now.source,
        "timeframe": query_data.timeframe,
    }


def amount(size: float | None) -> float | None:
    """Units as they are: whole ones stay whole, fractions of coins keep up to 8 decimals."""
    return None if size is None else round(size, 8) if size % 1 else int(size)


@bp.get("/depth")
@asks(Action.READ, "stocks")
@bp.output(OrderBook)
def get_depth(stock_id: str) -> dict[str, Any]:
    """The order book, best price first; empty sides where the feed has none or the book is not ready."""
    now = market()
    instrument = _found(now, stock_id)
    book = edge().reader.document(f"market:depth:{instrument.key}")
    places = decimals_of(instrument.tick_size)

    def side(name: str) -> list[dict[str, Any]]:
        return [
            {"price": fixed(level[0], places), "size": amount(level[1])}
            for level in book.get(name) or ()
            if level and level[0] is not None
        ]

    return {
        "instrument": instrument.key,
        "state": book.get("state") or ("ready" if book else None),
        "bids": side("bids"),
        "asks": side("asks"),
        "as_of": utc(book.get("as_of")),
        "source": instrument.source or now.source,
    }


@bp.get("/evidence")
@asks(Action.READ, "stocks")
@bp.output(EvidenceList)
def get_evidence(stock_id: str) -> dict[str, Any]:
    """Abnormal patterns of a stock: whether each shows, its score, and the numbers of its newest sign.

    A pattern is a shape in the data and a suspicion at most; it says nothing about anybody's intent.
    """
    now = market()
    instrument = _found(now, stock_id)
    row = now.row(instrument.key)
    found = edge().reader.document(f"market:evidence:{instrument.key}")
    return {
        "instrument": instrument.key,
        "items": pattern_items(row, found.get("items") or (), now.clock),
        "as_of": utc(row.get("event_time")),
        "source": instrument.source or now.source,
    }


@bp.get("/shareholding")
@asks(Action.READ, "stocks")
@bp.output(Shareholding)
def get_shareholding(stock_id: str) -> dict[str, Any]:
    """Who holds how much, period by period, as published up to the market's clock."""
    now = market()
    instrument = _found(now, stock_id)
    store = parts().fundamentals
    number = int(instrument.instrument_id)
    names = ("promoter_holding", "pledged_pct", "fii_holding", "dii_holding", "public_holding")
    series = {name: store.history(number, f"fund.{name}") for name in names}
    points = holding_points(series, now.clock or parts().clock.now())
    return {
        "instrument": instrument.key,
        "items": points,
        "as_of": utc(now.clock),
        "source": points[-1]["source"] if points else now.source,
    }


@bp.get("/fundamentals")
@asks(Action.READ, "stocks")
@bp.output(FundamentalList)
def get_fundamentals(stock_id: str) -> dict[str, Any]:
    """Each fundamental with its basis (published or derived), period, publication time, version and source."""
    now = market()
    instrument = _found(now, stock_id)
    number = int(instrument.instrument_id)
    when = now.clock or parts().clock.now()
    store = parts().fundamentals
    stored = [fact for name in store.as_of(when, [number]).get(number, {}) for fact in store.history(number, name)]
    facts = fundamental_items(instrument, stored, now.row(instrument.key), when)
    return {
        "instrument": instrument.key,
        "items": facts,
        "as_of": utc(now.clock),
        "source": str(facts[0]["source"]) if facts else now.source,
    }
