"""From the provider's words to ours: symbols to instruments, trades to columns, metrics to fields."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from marketbell.adapters.feeds.finnhub.parser import Trade
from marketbell.core.columns.frame import Columns
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import InvalidSettingError

SOURCE = "finnhub"
MILLISECOND = 1_000_000
_CURRENCY_VENUES = frozenset({"OANDA", "FXCM", "FOREX", "IC MARKETS"})
_FINE_QUOTES = ("BTC", "ETH", "BNB")
_METRICS = {"peBasicExclExtraTTM": "fund.pe"}


def instrument_of(symbol: str) -> Instrument:
    """The instrument that a provider's symbol means: `MSFT` is US:MSFT, `BINANCE:BTCUSDT` keeps its venue.

    InvalidSettingError for what cannot be a symbol.
    """
    venue, colon, name = symbol.rpartition(":")
    if not name or (colon and not venue) or any(c.isspace() or not c.isprintable() for c in name):
        raise InvalidSettingError(f"finnhub: '{symbol}' is not a symbol; write MSFT or BINANCE:BTCUSDT")
    if not venue:
        return Instrument(
            f"US:{name.upper()}", name.upper(), currency="USD", calendar="XNYS", tick_size=0.01, source=SOURCE
        )
    key = f"{venue.upper().replace(' ', '_')}:{name.upper()}"
    if venue.upper() in _CURRENCY_VENUES:
        quote = name.upper().replace("/", "_").rpartition("_")[2]
        return Instrument(
            key, name.upper(), kind="currency", currency=quote, calendar="24/7", tick_size=0.00001, source=SOURCE
        )
    # The provider says nothing about price steps: fine enough for pairs quoted in money, finer for those in coins.
    step = 1e-8 if name.upper().endswith(_FINE_QUOTES) else 0.0001
    return Instrument(key, name.upper(), kind="crypto", currency="USD", calendar="24/7", tick_size=step, source=SOURCE)


def trade_columns(trades: Sequence[Trade], ids: Sequence[int], received: int, first_id: int) -> Columns:
    """TRADE columns. `received` is our time of arrival, ns UTC.

    The provider numbers no trades, and two real trades may agree in millisecond, price and size: so they
    bear our own rising numbers from `first_id`, and none is taken for a repeat of another.
    """
    count = len(trades)
    return {
        "instrument_id": np.array(ids, dtype=np.int64),
        "event_time": np.array([trade.time_ms for trade in trades], dtype=np.int64) * MILLISECOND,
        "ingest_time": np.full(count, received, dtype=np.int64),
        "price": np.array([trade.price for trade in trades], dtype=np.float64),
        "size": np.array([trade.size for trade in trades], dtype=np.float64),
        "trade_id": np.arange(first_id, first_id + count, dtype=np.int64),
    }


def fundamentals_of(answer: Mapping[str, Any]) -> dict[str, float]:
    """Registry fields in an answer of /stock/metric; what is missing or no number is left out."""
    metric = answer.get("metric")
    if not isinstance(metric, Mapping):
        return {}
    found: dict[str, float] = {}
    for name, field in _METRICS.items():
        value = metric.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value):
            found[field] = float(value)
    return found
