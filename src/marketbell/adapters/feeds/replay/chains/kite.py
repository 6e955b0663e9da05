"""Wide tables as collectors of Kite's quotes write them: a strike a row, calls and puts beside each other.

Open interest and volume in units. `snapshot` is the moment of the whole chain, `timestamp` when the row was read.
"""

from marketbell.adapters.feeds.replay.chains.columns import Layout, Stated, rows_of_table
from marketbell.adapters.feeds.replay.chains.loading import Content
from marketbell.adapters.feeds.replay.chains.notes import Notes
from marketbell.adapters.feeds.replay.chains.rows import Rows

NAME = "kite"
TEXT = "wide table: strike, expiry, ce_ltp, pe_ltp; symbol or stock, spot or stock_ltp, ce_oi, ce_volume, snapshot"

_LAYOUT = Layout(
    shared={
        "underlying": ("symbol", "stock", "underlying"),
        "expiry": ("expiry", "expiry_date"),
        "as_of": ("snapshot", "timestamp"),
        "quote_time": ("timestamp",),
        "strike": ("strike",),
        "spot": ("spot", "stock_ltp"),
        "lot": ("lot_size",),
    },
    wide={
        "last": ("{}_ltp",),
        "oi": ("{}_oi",),
        "volume": ("{}_volume",),
        "bid": ("{}_bid",),
        "ask": ("{}_ask",),
        "oi_change": ("{}_oi_change", "{}_oi_chg"),
        "published_iv": ("{}_iv",),
    },
)


def is_one(content: Content) -> bool:
    """Whether it looks like one."""
    return content.has("strike", "ce_ltp", "pe_ltp", "expiry") and (content.has("symbol") or content.has("stock"))


def read(content: Content, stated: Stated, notes: Notes) -> Rows:
    """The rows of the file."""
    return rows_of_table(content, _LAYOUT, stated, NAME, notes)
