"""Dhan v2 `optionchain`: `data.oc` by strike with `ce` and `pe`. Everything in units.

The answer says neither its underlying, nor its expiry, nor when it was captured.
"""

from typing import Any

from marketbell.adapters.feeds.replay.chains.columns import Stated, symbol_of_file
from marketbell.adapters.feeds.replay.chains.loading import Content
from marketbell.adapters.feeds.replay.chains.notes import Notes
from marketbell.adapters.feeds.replay.chains.rows import Rows, date_of, number, rows_of
from marketbell.adapters.feeds.replay.chains.symbols import key_of

NAME = "dhan"
TEXT = "Dhan v2 JSON: data.last_price and data.oc by strike with ce and pe; needs --expiry and --as-of"

_COLUMNS = {
    "last": "last_price", "bid": "top_bid_price", "ask": "top_ask_price", "bid_size": "top_bid_quantity",
    "ask_size": "top_ask_quantity", "volume": "volume", "oi": "oi", "prev_close": "previous_close_price",
}  # fmt: skip


def is_one(content: Content) -> bool:
    """Whether it looks like one."""
    return _answer(content.data) is not None


def read(content: Content, stated: Stated, notes: Notes) -> Rows:
    """The rows of the file."""
    data = _answer(content.data) or {}
    underlying = stated.underlying or key_of(symbol_of_file(content.path))
    found: list[dict[str, Any]] = []
    for strike, row in data["oc"].items():
        for name in ("ce", "pe"):
            side = row.get(name) if isinstance(row, dict) else None
            if not isinstance(side, dict):
                continue
            values = {ours: number(side.get(theirs)) for ours, theirs in _COLUMNS.items()}
            found.append({
                **values,
                "oi_change": values["oi"] - number(side.get("previous_oi")),
                "published_iv": number(side.get("implied_volatility")) / 100,
                "underlying": underlying,
                "expiry": date_of(stated.expiry),
                "as_of": stated.as_of,
                "strike": number(strike),
                "is_call": name == "ce",
                "spot": number(data.get("last_price")),
            })  # fmt: skip
    return rows_of(found, notes, source=NAME)


def _answer(data: Any) -> dict[str, Any] | None:
    """The part with the chain: the client library wraps the answer once more."""
    for _ in range(2):
        data = data.get("data") if isinstance(data, dict) else None
        if isinstance(data, dict) and isinstance(data.get("oc"), dict):
            return data
    return None
