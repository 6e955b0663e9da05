"""Files to tables: open, name the columns in our words, and say what the file is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from marketbell.adapters.feeds.replay.arrow import flat, raw
from marketbell.core.primitives.errors import InvalidSettingError, InvalidSourceError

FORMATS = {
    "ticks": "tick CSV or Parquet: a time and ltp, last or price; volume, size, trade_id, bid, ask, ingest_time",
    "daily": "daily bars CSV or Parquet, long: date and close; symbol, open, high, low, volume, prev_close",
    "minute": "one-minute bars CSV or Parquet: timestamp and open, high, low, close; symbol, volume",
    "session": "a recorded session (Parquet of the recorder)",
    "binance_stream": "a raw Binance recording: a time of arrival and a JSON message a line",
    "book_updates": "order book CSV, a row a level: timestamp, first_update_id, last_update_id, side, price, qty; "
    "update_type snap, pu",
    "book_snapshots": "order book CSV, a row a book: timestamp, asks[0].price, asks[0].amount, bids[0].price …",
    "fundamentals": "published values CSV, Parquet or JSON: symbol and pe, eps, roe, promoter_holding …; "
    "PATH@2026-08-22 states when it was published",
    "corporate_actions": "corporate actions CSV or JSON: symbol, purpose (or subject), ex_date, face_value",
}
STREAM = "binance_stream"
BOOK_UPDATES = "book_updates"
BOOK_SNAPSHOTS = "book_snapshots"
BOOKS = (BOOK_UPDATES, BOOK_SNAPSHOTS)
_BOOK_COLUMNS = {
    BOOK_UPDATES: {"first_update_id", "last_update_id", "side"},
    BOOK_SNAPSHOTS: {"asks[0].price", "bids[0].price"},
}

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".csv.bz2", ".csv.zst")
_SILENT = (".md", ".txt", ".json", ".npz", ".ckpt")
"""Files beside the data that are not data."""

_NAMES: dict[str, tuple[str, ...]] = {
    "time": ("timestamp", "event_time", "datetime", "date_time", "time", "date", "start"),
    "ingest_time": ("ingest_time", "receive_time", "recv_time", "received_at", "local_timestamp"),
    "price": ("price", "ltp", "last", "last_price", "last_traded_price", "trade_price"),
    "symbol": ("symbol", "ticker", "tradingsymbol", "name", "stock"),
    "instrument": ("instrument",),
    "volume": ("volume", "cum_volume", "cumulative_volume", "total_volume", "vol", "vtt"),
    "size": ("size", "quantity", "qty", "last_qty", "ltq"),
    "trade_id": ("trade_id", "tradeid", "id"),
    "bid": ("bid", "bid_price", "best_bid"),
    "ask": ("ask", "ask_price", "best_ask"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "prev_close": ("prev_close", "previous_close", "prevclose"),
    "flags": ("flags",),
    "position": ("position",),
}
_DERIVATIVE = {"strike", "option_type", "expiry", "iv", "ce_ltp", "pe_ltp"}


@dataclass(frozen=True, slots=True)
class Table:
    """One file: its columns under our names (`known`), the rest under theirs, and its format."""

    path: Path
    format: str
    known: dict[str, pa.ChunkedArray]
    others: dict[str, pa.ChunkedArray]
    source_names: dict[str, str]

    @property
    def rows(self) -> int:
        """How many rows the file has."""
        return len(self.known["time"])

    def numbers(self, name: str) -> NDArray[np.float64] | None:
        """A column as float64; text that is no number and empty cells are NaN. None when it is absent."""
        column = self.known.get(name)
        return None if column is None else as_numbers(column)


def as_numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """A column as float64, NaN where there is no number."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array([_number(text) for text in column.to_pylist()], np.float64)
    if pa.types.is_null(column.type) or pa.types.is_boolean(column.type):
        return np.full(len(column), np.nan)
    values, known = raw(column, pa.float64(), "<f8")
    return np.where(known, values, np.nan)


def _number(text: str | None) -> float:
    try:
        return float(str(text).replace(",", ""))
    except ValueError:
        return float("nan")


def files_of(sources: Sequence[str | Path]) -> list[Path]:
    """Every data file of the given files and folders, sorted by path. InvalidSourceError where there is none."""
    found: list[Path] = []
    for source in sources:
        path = Path(source).expanduser()
        if path.is_dir():
            inside = sorted(item for item in path.rglob("*") if item.is_file() and not item.name.startswith((".", "_")))
            data = [item for item in inside if item.suffix not in _SILENT]
            if not data:
                raise InvalidSourceError(f"{path}: the folder holds no market data; {known_formats()}")
            found += data
        elif path.is_file():
            found.append(path)
        else:
            raise InvalidSourceError(f"{path}: there is no such file or folder")
    return list(dict.fromkeys(found))


def known_formats() -> str:
    """What a message lists."""
    known = "; ".join(f"{name} ({text})" for name, text in FORMATS.items())
    return f"known are {known}; option chains of the exchange, brokers and others (docs/howto/option-chains.md)"


def read_table(path: Path, forced: str | None = None) -> Table:
    """Read a file and say what it is. InvalidSourceError for a file that is no market data known here."""
    if forced is not None and forced not in FORMATS:
        raise InvalidSettingError(f"unknown format {forced!r}; {known_formats()}")
    try:
        table = _load(path)
    except (pa.ArrowException, OSError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidSourceError(f"{path}: cannot be read ({reason}); {known_formats()}") from error
    return _named(path, table, forced)


def _load(path: Path) -> pa.Table:
    if path.name.endswith(".parquet"):
        return pq.read_table(path)
    if path.name.endswith(SUFFIXES):
        try:
            return _read_csv(path, {})
        except pa.ArrowInvalid:
            # A column that looks like numbers in the first block and is not below: read everything as text.
            with pa.input_stream(path) as stream:
                names = pcsv.open_csv(stream).schema.names
            return _read_csv(path, dict.fromkeys(names, pa.string()))
    raise InvalidSourceError(f"{path}: unknown kind of file; {known_formats()}")


def _read_csv(path: Path, types: dict[str, pa.DataType]) -> pa.Table:
    options = pcsv.ConvertOptions(column_types=types, null_values=["", "NA", "N/A", "null", "None", "-"])
    with pa.input_stream(path) as stream:
        return pcsv.read_csv(stream, convert_options=options)


def _named(path: Path, table: pa.Table, forced: str | None) -> Table:
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise InvalidSourceError(f"{path}: several columns are called {twice[0]!r}: which of them is meant?")
    by_lower = {name.strip().lower().replace(" ", "_"): name for name in table.column_names}
    known: dict[str, pa.ChunkedArray] = {}
    names: dict[str, str] = {}
    for ours, theirs in _NAMES.items():
        for name in theirs:
            if name in by_lower and by_lower[name] not in names.values():
                known[ours] = table[by_lower[name]]
                names[ours] = by_lower[name]
                break
    others = {name: table[name] for name in table.column_names if name not in names.values()}
    format_ = forced or _format(known, set(by_lower))
    needed = {"ticks": "price", "session": "price", **dict.fromkeys(BOOKS, "time")}.get(format_ or "", "close")
    if format_ == "ticks" and "price" not in known and "close" in known:
        known["price"] = known["close"]
    if format_ is None or "time" not in known or needed not in known:
        columns = ", ".join(table.column_names[:12]) or "none"
        raise InvalidSourceError(f"{path}: not market data that is known here (columns {columns}); {known_formats()}")
    if not table.num_rows:
        raise InvalidSourceError(f"{path}: the file has no rows")
    return Table(path, format_, known, others, names)


def _format(known: dict[str, pa.ChunkedArray], names: set[str]) -> str | None:
    for format_, columns in _BOOK_COLUMNS.items():
        if columns <= names:
            return format_
    if "time" not in known or names & _DERIVATIVE:
        return None
    if {"instrument", "price", "position"} <= known.keys():
        return "session"
    if "price" in known and "open" not in known:
        return "ticks"
    if "close" not in known:
        return None
    return "daily" if _is_daily(known["time"]) else "minute" if "open" in known else "ticks"


def _is_daily(column: pa.ChunkedArray) -> bool:
    """Every stamp is a date, or midnight."""
    kind = column.type
    if pa.types.is_date(kind):
        return True
    if pa.types.is_timestamp(kind):
        nanoseconds, _ = raw(flat(column).cast(pa.timestamp("ns", kind.tz), safe=False), pa.int64(), "<i8")
        return bool((nanoseconds % 86_400_000_000_000 == 0).all())
    if pa.types.is_string(kind):
        return all(":" not in str(text) for text in column.slice(0, 50).to_pylist())
    return False
