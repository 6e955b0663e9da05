"""Long tables of whole chains, minute by minute, with a collector's Greeks. Open interest and volume in contracts."""

from marketbell.adapters.feeds.replay.chains.columns import Layout, Stated, rows_of_table
from marketbell.adapters.feeds.replay.chains.loading import Content
from marketbell.adapters.feeds.replay.chains.notes import Notes
from marketbell.adapters.feeds.replay.chains.rows import CONTRACTS, Rows

NAME = "snapshots"
TEXT = "long table: timestamp, symbol, expiry, strike, option_type, spot, ltp, oi_chg in contracts"

_LAYOUT = Layout(
    shared={
        "underlying": ("symbol",),
        "expiry": ("expiry",),
        "as_of": ("timestamp",),
        "strike": ("strike",),
        "spot": ("spot",),
    },
    side=("option_type",),
    long={"last": ("ltp",), "volume": ("volume",), "oi": ("oi",), "oi_change": ("oi_chg",), "published_iv": ("iv",)},
    oi_unit=CONTRACTS,
    volume_unit=CONTRACTS,
)


def is_one(content: Content) -> bool:
    """Whether it looks like one."""
    return content.has("timestamp", "symbol", "expiry", "strike", "option_type", "spot", "ltp", "oi_chg")


def read(content: Content, stated: Stated, notes: Notes) -> Rows:
    """The rows of the file."""
    return rows_of_table(content, _LAYOUT, stated, NAME, notes)
