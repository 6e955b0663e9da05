"""Any table of options whose columns have usual names, long or wide. Volatilities are in per cent, counts in units.

A column `oi_contracts` or `volume_contracts` says that contracts are counted.
"""

import dataclasses

from marketbell.adapters.feeds.replay.chains.columns import Layout, Stated, rows_of_table
from marketbell.adapters.feeds.replay.chains.loading import Content
from marketbell.adapters.feeds.replay.chains.notes import Notes
from marketbell.adapters.feeds.replay.chains.rows import CONTRACTS, UNITS, Rows

NAME = "generic"
TEXT = (
    "CSV or Parquet: strike and option_type (CE or PE) with ltp, or strike with ce_ltp and pe_ltp; underlying, expiry, "
    "as_of, spot, bid, ask, volume, oi, oi_change, prev_close, iv, lot_size"
)

_STRIKE = ("strike", "strike_price", "strikeprice")
_SIDE = ("option_type", "type", "right", "side", "cp", "optiontype", "call_put", "instrument_type")
_QUOTES = {
    "last": ("ltp", "last", "last_price", "lastprice", "close", "price", "premium"),
    "bid": ("bid", "bid_price", "bidprice"),
    "ask": ("ask", "ask_price", "askprice", "offer"),
    "bid_size": ("bid_size", "bid_qty", "bidqty"),
    "ask_size": ("ask_size", "ask_qty", "askqty"),
    "volume": ("volume", "vol", "volume_contracts", "total_volume"),
    "oi": ("oi", "open_interest", "openinterest", "oi_contracts"),
    "oi_change": ("oi_change", "oi_chg", "change_in_oi", "changeinopeninterest", "chg_oi"),
    "prev_close": ("prev_close", "previous_close", "prevclose", "close_price"),
    "published_iv": ("iv", "implied_volatility", "impliedvolatility"),
}
_WIDE = {ours: tuple(f"{{}}_{name}" for name in theirs) for ours, theirs in _QUOTES.items()}
_LAYOUT = Layout(
    shared={
        "underlying": ("underlying", "symbol", "ticker", "stock", "root"),
        "expiry": ("expiry", "expiry_date", "expiration", "expirydate", "expiration_date"),
        "as_of": ("as_of", "timestamp", "snapshot", "datetime", "time", "date"),
        "quote_time": ("quote_time", "last_trade_time", "ltt"),
        "strike": _STRIKE,
        "spot": ("spot", "underlying_price", "spot_price", "underlying_value", "underlyingvalue", "stock_ltp"),
        "lot": ("lot_size", "lotsize", "lot"),
    },
    side=_SIDE,
    long=_QUOTES,
    wide=_WIDE,
    sides=(("ce", "pe"), ("call", "put"), ("calls", "puts"), ("c", "p")),
)


def is_one(content: Content) -> bool:
    """Whether it looks like one: a strike, and a side with a price or both sides beside each other."""
    if not any(content.has(name) for name in _STRIKE):
        return False
    if any(content.has(name) for name in _SIDE):
        return any(content.has(name) for names in _QUOTES.values() for name in names)
    return any(
        content.has(name.format(one)) and content.has(name.format(two))
        for names in _WIDE.values()
        for name in names
        for one, two in _LAYOUT.sides
    )


def read(content: Content, stated: Stated, notes: Notes) -> Rows:
    """The rows of the file."""
    names = set(content.names or ())

    def unit(name: str) -> str:
        return CONTRACTS if any(one.endswith(f"{name}_contracts") for one in names) else UNITS

    layout = dataclasses.replace(_LAYOUT, oi_unit=unit("oi"), volume_unit=unit("volume"))
    return rows_of_table(content, layout, stated, NAME, notes)
