"""One instrument as people read it: the engine's row, named, rounded and dated."""

from collections.abc import Iterable, Mapping
from typing import Any

from marketbell.core.language.fields import BY_NAME
from marketbell.core.market.instrument import Instrument
from marketbell.flows.market_views.numbers import NS, count, decimals_of, fixed, number, shown, utc

Row = Mapping[str, Any]

_PRICES = {
    "close": "close",
    "change": "change",
    "vwap": "vwap",
    "bid": "bid",
    "ask": "ask",
    "spread": "spread",
    "prev_close": "prev_day.close",
    "high_52w": "high_52w",
    "low_52w": "low_52w",
}
_TWO_PLACES = ("change_pct", "turnover", "from_high_52w_pct", "from_low_52w_pct", "volatility", "volume_spike")
_FUND = tuple(name for name in BY_NAME if name.startswith("fund."))


def age_s(row: Row, clock: int | None) -> float | None:
    """Seconds between the market's clock and the row's newest tick; never negative, None if unknown."""
    event_time = row.get("event_time")
    if clock is None or not isinstance(event_time, int) or event_time <= 0:
        return None
    return round(max(0, clock - event_time) / NS, 3)


def stock_item(
    instrument: Instrument, row: Row, clock: int | None, source: str, columns: Iterable[str] = ()
) -> dict[str, Any]:
    """The `Stock` of the REST contract. `columns` adds `values`: those registry fields by their names."""
    places = decimals_of(instrument.tick_size)
    item: dict[str, Any] = {
        "instrument": instrument.key,
        "symbol": instrument.symbol,
        "name": instrument.name or instrument.symbol,
        "kind": instrument.kind,
        "sector": instrument.sector or None,
        "industry": instrument.industry or None,
        "currency": instrument.currency,
        "change_basis": row.get("change_basis"),
        "volume": count(row, "volume") if row.get("volume") is not None else count(row, "day.volume"),
        "tick_size": fixed(instrument.tick_size, places),
        "as_of": utc(row.get("event_time")),
        "age_s": age_s(row, clock),
        "is_simulated": instrument.is_simulated,
        "source": instrument.source or source,
        "day": {
            "open": fixed(number(row, "day.open"), places),
            "high": fixed(number(row, "day.high"), places),
            "low": fixed(number(row, "day.low"), places),
            "volume": count(row, "day.volume"),
            "trades": count(row, "day.trades"),
        },
        "fund": {name.removeprefix("fund."): shown(name, number(row, name), instrument.tick_size) for name in _FUND},
    }
    item |= {name: fixed(number(row, field), places) for name, field in _PRICES.items()}
    item |= {name: fixed(number(row, name), 2) for name in _TWO_PLACES}
    wanted = list(columns)
    if wanted:
        item["values"] = {name: shown(name, number(row, name), instrument.tick_size) for name in wanted}
    return item
