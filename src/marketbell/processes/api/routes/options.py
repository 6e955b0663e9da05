"""Option chains: what is stored, analysed when it is asked for.

The kernels are imported with the first question: a process that is never asked about options stays as small as it was.
"""

from datetime import date
from typing import TYPE_CHECKING, Any

from apiflask import APIBlueprint, HTTPError

from marketbell.core.options.model import Model, ModelSettings
from marketbell.core.primitives.errors import UserError
from marketbell.flows.accounts.decisions import Action
from marketbell.flows.market_views.numbers import number
from marketbell.processes.api.context import asks, market, parts
from marketbell.processes.api.schemas.options import (
    AsOfQuery,
    BuildUp,
    BuiltPreset,
    ChainQuery,
    ExpiryQuery,
    HistoryQuery,
    MaxPain,
    OptionChain,
    OptionExpiryList,
    OptionHistory,
    OptionList,
    OptionMetrics,
    OptionPresets,
    OptionStrategies,
    OptionTimes,
    Payoff,
    PayoffBody,
    PresetQuery,
    PutCallRatio,
    RangeQuery,
    StrategiesQuery,
    VolatilitySurface,
)

if TYPE_CHECKING:
    from marketbell.flows.options.desk import Found, OptionDesk

bp = APIBlueprint("options", __name__, url_prefix="/api/options", tag="Options")

UNPROCESSABLE = 422


def desk() -> "OptionDesk":
    """The store of chains, and the instruments that names mean."""
    from marketbell.flows.options.desk import OptionDesk

    now = market()
    return OptionDesk(parts().chains, lambda text: now.universe.resolve(text, now.rows), now.clock)


def _when(asked: "OptionDesk", key: str, text: str | None) -> int | None:
    """The moment of a question; None for the newest."""
    as_of = _moment(text)
    return asked.now(key) if as_of is None else as_of


def _moment(text: str | None, name: str = "as_of", *, is_start: bool = False) -> int | None:
    from marketbell.flows.options.desk import moment

    return moment(text, name, is_start=is_start)


def model_settings(model: str | None, rate: float | None, place: str = "query") -> ModelSettings:
    """The model that is asked for; 422 for a rate that cannot be a fraction a year."""
    try:
        return ModelSettings(Model(model) if model else Model.BLACK76, rate)
    except UserError as error:
        raise HTTPError(UNPROCESSABLE, error.message, {place: {"rate": [error.message]}}) from error


def _found(underlying: str, query: ExpiryQuery, settings: ModelSettings | None = None) -> "Found":
    """The chain of a question."""
    asked = desk()
    key = asked.underlying(underlying)
    as_of = _when(asked, key, query.as_of)
    return asked.chain(key, asked.expiry(key, query.expiry, as_of), as_of, settings)


@bp.get("")
@asks(Action.READ, "stocks")
@bp.output(OptionList)
def list_underlyings() -> dict[str, Any]:
    """Everything that has option chains; no items where nothing has one yet."""
    from marketbell.flows.options import views

    now = market()
    return views.underlyings(desk(), now.universe.get, lambda key: number(now.row(key), "change_pct"))


@bp.get("/<string:underlying>/expiries")
@asks(Action.READ, "stocks")
@bp.input(AsOfQuery, location="query")
@bp.output(OptionExpiryList)
def list_expiries(underlying: str, query_data: AsOfQuery) -> dict[str, Any]:
    """The expiries that had not passed; no items where there is no chain yet."""
    from marketbell.flows.options import views

    asked = desk()
    key = asked.underlying(underlying)
    return views.expiries(asked, key, _when(asked, key, query_data.as_of))


@bp.get("/<string:underlying>/chain")
@asks(Action.READ, "stocks")
@bp.input(ChainQuery, location="query")
@bp.output(OptionChain)
def get_chain(underlying: str, query_data: ChainQuery) -> dict[str, Any]:
    """One expiry's chain with prices, volatilities, Greeks and metrics, under any model and rate.

    The live room `chain:{VENUE:SYMBOL}:{expiry}` carries its changed rows.
    """
    from marketbell.flows.options import views

    return views.chain(_found(underlying, query_data, model_settings(query_data.model, query_data.rate)))


@bp.get("/<string:underlying>/metrics")
@asks(Action.READ, "stocks")
@bp.input(AsOfQuery, location="query")
@bp.output(OptionMetrics)
def get_metrics(underlying: str, query_data: AsOfQuery) -> dict[str, Any]:
    """Metrics of every expiry and over all, with what each is; IV rank and percentile over a year of kept history."""
    from marketbell.flows.options import views

    asked = desk()
    key = asked.underlying(underlying)
    return views.metrics(asked, key, _when(asked, key, query_data.as_of))


@bp.get("/<string:underlying>/pcr")
@asks(Action.READ, "stocks")
@bp.input(ExpiryQuery, location="query")
@bp.output(PutCallRatio)
def get_pcr(underlying: str, query_data: ExpiryQuery) -> dict[str, Any]:
    """Put-call ratios of an expiry: open interest, volume, change in open interest."""
    from marketbell.flows.options import views

    return views.pcr(_found(underlying, query_data))


@bp.get("/<string:underlying>/max-pain")
@asks(Action.READ, "stocks")
@bp.input(ExpiryQuery, location="query")
@bp.output(MaxPain)
def get_max_pain(underlying: str, query_data: ExpiryQuery) -> dict[str, Any]:
    """What holders of all options would get at each strike, and where that is least."""
    from marketbell.flows.options import views

    return views.max_pain(_found(underlying, query_data))


@bp.get("/<string:underlying>/oi-buildup")
@asks(Action.READ, "stocks")
@bp.input(ExpiryQuery, location="query")
@bp.output(BuildUp)
def get_oi_buildup(underlying: str, query_data: ExpiryQuery) -> dict[str, Any]:
    """Long and short build-up, unwinding and covering, strike by strike, since the previous day's close."""
    from marketbell.flows.options import views

    return views.oi_buildup(_found(underlying, query_data))


def _stretch(underlying: str, query: RangeQuery) -> tuple["OptionDesk", str, date | None, Any]:
    from marketbell.flows.options.views import Stretch

    asked = desk()
    key = asked.underlying(underlying)
    now = asked.now(key)
    expiry = asked.expiry(key, query.expiry, now) if query.expiry else None
    start, end = _moment(query.from_, "from", is_start=True), _moment(query.to, "to")
    return asked, key, expiry, Stretch.of(asked.listed(key, now), start, end)


@bp.get("/<string:underlying>/history")
@asks(Action.READ, "stocks")
@bp.input(HistoryQuery, location="query")
@bp.output(OptionHistory)
def get_history(underlying: str, query_data: HistoryQuery) -> dict[str, Any]:
    """Metrics over time, as they were computed with each chain; no items where nothing is kept."""
    from marketbell.flows.options import views

    asked, key, expiry, stretch = _stretch(underlying, query_data)
    names = [name.strip() for name in (query_data.names or "").split(",") if name.strip()]
    return views.history(asked, key, expiry, stretch, names, query_data.limit)


@bp.get("/<string:underlying>/times")
@asks(Action.READ, "stocks")
@bp.input(RangeQuery, location="query")
@bp.output(OptionTimes)
def get_times(underlying: str, query_data: RangeQuery) -> dict[str, Any]:
    """The moments that have a stored chain: each can be asked for with `as_of`."""
    from marketbell.flows.options import views

    return views.times(*_stretch(underlying, query_data))


@bp.get("/<string:underlying>/volatility-surface")
@asks(Action.READ, "stocks")
@bp.input(AsOfQuery, location="query")
@bp.output(VolatilitySurface)
def get_surface(underlying: str, query_data: AsOfQuery) -> dict[str, Any]:
    """SVI fits of every expiry with their residuals, checked for butterfly and calendar arbitrage, and a grid."""
    from marketbell.flows.options.surface import surface_document

    asked = desk()
    key = asked.underlying(underlying)
    found = asked.all(key, _when(asked, key, query_data.as_of))
    return surface_document([one.analysed for one in found])


@bp.get("/presets")
@asks(Action.READ, "stocks")
@bp.output(OptionPresets)
def list_presets() -> dict[str, Any]:
    """Positions that have a name: straddle, spreads, condor, butterfly, calendar and others."""
    from marketbell.flows.options.strategies import presets

    return {"items": presets()}


@bp.get("/<string:underlying>/presets/<string:name>")
@asks(Action.READ, "stocks")
@bp.input(PresetQuery, location="query")
@bp.output(BuiltPreset)
def build_preset(underlying: str, name: str, query_data: PresetQuery) -> dict[str, Any]:
    """A position with a name, made of the chain's contracts; its legs can be sent to `payoff`."""
    from marketbell.flows.options.strategies import preset_document

    asked = desk()
    key = asked.underlying(underlying)
    as_of = _when(asked, key, query_data.as_of)
    expiry = asked.expiry(key, query_data.expiry, as_of)
    later = [one for one in asked.required(key, as_of).days if one > expiry]
    near = asked.chain(key, expiry, as_of).analysed
    return preset_document(name, near, asked.chain(key, later[0], as_of).analysed if later else None, query_data.by)


@bp.get("/<string:underlying>/strategies")
@asks(Action.READ, "stocks")
@bp.input(StrategiesQuery, location="query")
@bp.output(OptionStrategies)
def list_strategies(underlying: str, query_data: StrategiesQuery) -> dict[str, Any]:
    """Three positions of limited risk for a view of the underlying, worked out and in words."""
    from marketbell.flows.options.strategies import strategies_document

    found = strategies_document(_found(underlying, query_data).analysed, query_data.view)
    items = [item | {"words": " ".join(item["words"])} for item in found["items"]]
    return found | {"items": items}


@bp.post("/<string:underlying>/payoff")
@asks(Action.READ, "stocks")
@bp.input(PayoffBody, location="json")
@bp.output(Payoff)
def work_out_payoff(underlying: str, json_data: PayoffBody) -> dict[str, Any]:
    """A position worked out: profit today and at expiry, limits, break-evens, chance, margin, what-if."""
    from marketbell.flows.options.payoff import LegAsked, WhatIf, payoff_document

    asked = desk()
    settings = model_settings(json_data.model, json_data.rate, "json")
    key = asked.underlying(underlying)
    as_of = _when(asked, key, json_data.as_of)
    expiry = asked.expiry(key, json_data.expiry, as_of)
    legs = [
        LegAsked(
            leg.kind,
            leg.side,
            leg.strike,
            asked.expiry(key, leg.expiry, as_of) if leg.expiry else None,
            leg.lots,
            leg.price,
        )
        for leg in json_data.legs
    ]
    days = {expiry, *(leg.expiry for leg in legs if leg.expiry)}
    found = {day: asked.chain(key, day, as_of, settings) for day in sorted(days)}
    what_if = WhatIf(**json_data.what_if.model_dump()) if json_data.what_if else WhatIf()
    kind = market().universe.get(key).kind
    answer = payoff_document({day: one.analysed for day, one in found.items()}, expiry, legs, what_if, kind)
    return answer | {"is_simulated": any(one.record.is_simulated for one in found.values())}
