"""NSE's F&O bhavcopy: every contract at the close of a day, under the names of before 2024-07, of UDiFF, or of ours.

Open interest is in units. Volume is in contracts, but some copies hold units: if nearly all are multiples of the lot
size they are taken for units. The moment is the close of the derivatives session of the day. Futures of the same expiry
are what Black (1976) prices on.
"""

import dataclasses

import numpy as np
import pyarrow as pa

from marketbell.adapters.feeds.replay.arrow import words
from marketbell.adapters.feeds.replay.chains.columns import DAY, Bools, Layout, Stated, rows_of_table
from marketbell.adapters.feeds.replay.chains.loading import Content
from marketbell.adapters.feeds.replay.chains.notes import Notes
from marketbell.adapters.feeds.replay.chains.rows import CONTRACTS, UNITS, Rows, date_of, note_rows
from marketbell.core.options.chain import Floats
from marketbell.core.options.future import ListedFuture
from marketbell.core.options.lots import lot_size
from marketbell.core.primitives.errors import InvalidSourceError

NAME = "bhavcopy"
TEXT = (
    "NSE F&O bhavcopy, CSV, zip or Parquet: FinInstrmTp TckrSymb XpryDt StrkPric OptnTp ClsPric (UDiFF), "
    "INSTRUMENT SYMBOL EXPIRY_DT STRIKE_PR OPTION_TYP CLOSE (before), or instrument_type, symbol, strike, close"
)

_KIND = ("instrument_type", "fininstrmtp", "instrument")
_LAYOUT = Layout(
    shared={
        "underlying": ("symbol", "tckrsymb"),
        "expiry": ("expiry", "xprydt", "expiry_dt"),
        "as_of": ("date", "traddt", "timestamp"),
        "strike": ("strike", "strkpric", "strike_pr"),
        "spot": ("underlying", "undrlygpric"),
        "lot": ("lot_size", "newbrdlotqty"),
    },
    side=("option_type", "optntp", "option_typ"),
    long={
        "last": ("close", "clspric"),
        "prev_close": ("prev_close", "prvsclsgpric"),
        "oi": ("oi", "opnintrst", "open_int"),
        "oi_change": ("chg_oi", "chnginopnintrst", "chg_in_oi"),
        "volume": ("volume", "ttltradgvol", "contracts"),
    },
)
_FUTURE = dataclasses.replace(
    _LAYOUT, shared={role: names for role, names in _LAYOUT.shared.items() if role != "strike"}, side=()
)
_FUTURES = ("STF", "IDF", "FUTSTK", "FUTIDX")
_OPTIONS = ("STO", "IDO", "OPTSTK", "OPTIDX")
_MOSTLY = 0.95


def is_one(content: Content) -> bool:
    """Whether it looks like one."""
    return any(
        content.has(*names)
        for names in (
            ("instrument_type", "symbol", "expiry", "strike", "option_type", "close", "date"),
            ("fininstrmtp", "tckrsymb", "xprydt", "strkpric", "optntp", "clspric", "traddt"),
            ("instrument", "symbol", "expiry_dt", "strike_pr", "option_typ", "close", "timestamp"),
        )
    )


def read(content: Content, stated: Stated, notes: Notes) -> Rows:
    """The rows of the options, and the futures beside them."""
    table, kinds = content.table, content.column(*_KIND)
    if table is None or kinds is None:
        raise InvalidSourceError(f"{content.path}: is no table with a kind of instrument")
    at, listed = words(kinds.cast(pa.string()))
    is_option = np.array([one.strip() in _OPTIONS for one in listed], np.bool_)[at]
    is_future = np.array([one.strip() in _FUTURES for one in listed], np.bool_)[at]
    notes.add("not_an_option", content.path.name, content.path.name, int((~is_option & ~is_future).sum()))
    rows = rows_of_table(_part(content, table, is_option), _LAYOUT, stated, NAME, notes)
    for name in ("last", "oi", "oi_change", "volume", "prev_close"):
        rows.columns.setdefault(name, np.full(len(rows.name), np.nan))
    lots = _lots(rows)
    if rows.lot is None:
        rows.lot = lots[rows.name]
    volume = rows.columns["volume"]
    traded = (volume > 0) & (rows.lot > 0)
    is_units = traded.any() and (volume[traded] % rows.lot[traded] == 0).mean() >= _MOSTLY
    note_rows(rows, notes, "stale_price", (volume == 0) & (rows.columns["last"] > 0))
    rows.volume_unit = UNITS if is_units else CONTRACTS
    if is_future.any():
        futures = rows_of_table(_part(content, table, is_future), _FUTURE, stated, NAME, notes)
        rows.futures = _futures(futures, dict(zip(rows.names, lots.tolist(), strict=True)), rows.volume_unit)
    return rows


def _part(content: Content, table: pa.Table, keep: Bools) -> Content:
    return Content(
        content.path, table=table.take(pa.array(np.flatnonzero(keep).tolist(), pa.int64())), names=content.names
    )


def _lots(rows: Rows) -> Floats:
    """The lot of each underlying: its column's, the dated table's, else what all open interest is a multiple of."""
    found = np.full(len(rows.names), np.nan)
    for at in range(len(rows.names)):
        own = rows.name == at
        told = rows.lot[own] if rows.lot is not None else np.empty(0)
        counts = rows.columns["oi"][own]
        counts = counts[counts > 0]
        if len(told):
            found[at] = told[0]
        elif own.any():
            day, symbol = date_of(int(rows.as_of[own][0] // DAY)), rows.names[at].partition(":")[2]
            found[at] = lot_size(symbol, date_of(int(rows.expiry[own].min())), day)
        if np.isnan(found[at]) and len(counts):
            found[at] = np.gcd.reduce(counts.astype(np.int64))
    return found


def _futures(rows: Rows, lots: dict[str, float], volume_unit: str) -> list[ListedFuture]:
    unknown = [float("nan")] * len(rows.name)
    columns = dict.fromkeys(_LAYOUT.long, unknown) | {name: one.tolist() for name, one in rows.columns.items()}
    found = []
    for n in range(len(rows.name)):
        key = rows.names[rows.name[n]]
        lot = float(rows.lot[n]) if rows.lot is not None else lots.get(key, float("nan"))
        found.append(
            ListedFuture(
                underlying=key,
                expiry=date_of(int(rows.expiry[n])),
                as_of=int(rows.as_of[n]),
                last=columns["last"][n],
                prev_close=columns["prev_close"][n],
                oi=columns["oi"][n],
                oi_change=columns["oi_change"][n],
                volume=columns["volume"][n] * (lot if volume_unit == CONTRACTS else 1.0),
                lot_size=lot,
                spot=float(rows.spot[n]),
            )
        )
    return found
