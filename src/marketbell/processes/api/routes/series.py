"""Indicators and other series of one instrument, computed by the engine's own functions."""

from typing import Any

from apiflask import APIBlueprint

from marketbell.core.market.timeframe import Timeframe
from marketbell.flows.accounts.decisions import Action
from marketbell.flows.market_views.numbers import plain, utc
from marketbell.flows.market_views.series import ask
from marketbell.ports.series import SeriesRequest
from marketbell.processes.api.context import asks, market, parts
from marketbell.processes.api.schemas.series import SeriesQuery, SeriesSet

bp = APIBlueprint("series", __name__, url_prefix="/api/stocks/<string:stock_id>", tag="Stocks")


@bp.get("/series")
@asks(Action.READ, "stocks")
@bp.input(SeriesQuery, location="query")
@bp.output(SeriesSet)
def get_series(stock_id: str, query_data: SeriesQuery) -> dict[str, Any]:
    """Values of expressions at the newest bars. The same text in a rule means the same numbers.

    The live room `instrument:{VENUE:SYMBOL}` carries the newest points of every set that somebody asked for
    in the last minute and a half, under `series` by `request_id`.
    """
    now = market()
    instrument = now.universe.resolve(stock_id, now.rows)
    request = SeriesRequest(
        int(instrument.instrument_id),
        instrument.key,
        str(Timeframe.parse(query_data.timeframe)),
        tuple(text.strip() for text in query_data.expressions.split(";") if text.strip()),
        query_data.limit,
    )
    answer = ask(parts().cache, parts().clock, request)
    return {
        "instrument": instrument.key,
        "timeframe": request.timeframe,
        "request_id": request.request_id,
        "starts": [utc(start) for start in answer["starts"]],
        "is_forming": answer["is_forming"],
        "series": [
            {"expression": one["expression"], "type": one["type"], "values": [plain(v) for v in one["values"]]}
            for one in answer["series"]
        ],
        "as_of": utc(answer.get("as_of")),
        "source": instrument.source or now.source,
    }
