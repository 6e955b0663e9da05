"""Upstox v2 `option/chain`: a strike a row with `call_options` and `put_options`. Everything in units.

The answer does not say when it was captured.
"""

from typing import Any

from marketbell.adapters.feeds.replay.chains.columns import Stated
from marketbell.adapters.feeds.replay.chains.loading import Content
from marketbell.adapters.feeds.replay.chains.notes import Notes
from marketbell.adapters.feeds.replay.chains.nse import day_of
from marketbell.adapters.feeds.replay.chains.rows import Rows, number, rows_of
from marketbell.adapters.feeds.replay.chains.symbols import key_of

NAME = "upstox"
TEXT = "Upstox v2 JSON: data with strike_price, expiry, call_options and put_options; needs --as-of"

_COLUMNS = {
    "last": "ltp", "bid": "bid_price", "ask": "ask_price", "bid_size": "bid_qty", "ask_size": "ask_qty",
    "volume": "volume", "oi": "oi", "prev_close": "close_price",
}  # fmt: skip


def is_one(content: Content) -> bool:
    """Whether it looks like one."""
    rows = _rows(content.data)
    return bool(rows) and isinstance(rows[0], dict) and {"strike_price", "call_options"} <= rows[0].keys()


def read(content: Content, stated: Stated, notes: Notes) -> Rows:
    """The rows of the file."""
    found: list[dict[str, Any]] = []
    lost = 0
    for row in _rows(content.data):
        expiry = day_of(row.get("expiry")) if isinstance(row, dict) else None
        if expiry is None:
            lost += 1
            continue
        for name in ("call_options", "put_options"):
            side = row.get(name)
            market = side.get("market_data") if isinstance(side, dict) else None
            if not isinstance(market, dict):
                continue
            greeks = side.get("option_greeks") if isinstance(side, dict) else None
            values = {ours: number(market.get(theirs)) for ours, theirs in _COLUMNS.items()}
            found.append({
                **values,
                "oi_change": values["oi"] - number(market.get("prev_oi")),
                "published_iv": number(greeks.get("iv")) / 100 if isinstance(greeks, dict) else None,
                "underlying": stated.underlying or key_of(str(row.get("underlying_key") or "NSE:UNKNOWN")),
                "expiry": expiry,
                "as_of": stated.as_of,
                "strike": row.get("strike_price"),
                "is_call": name == "call_options",
                "spot": row.get("underlying_spot_price"),
            })  # fmt: skip
    notes.add("unreadable", content.path.name, content.path.name, lost)
    return rows_of(found, notes, source=NAME)


def _rows(data: Any) -> list[Any]:
    rows = data.get("data") if isinstance(data, dict) else data
    return rows if isinstance(rows, list) else []
