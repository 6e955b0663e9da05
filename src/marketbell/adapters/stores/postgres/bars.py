"""Closed bars in PostgreSQL: written and read as binary COPY, straight from and into columns."""

from collections.abc import Sequence
from typing import Any, LiteralString

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from marketbell.adapters.stores.postgres.connections import Database
from marketbell.adapters.stores.postgres.housekeeping import TABLES, ensure_partitions_for, is_partitioned
from marketbell.core.columns.frame import Columns

_WIRE = (
    ("instrument_id", "i8"),
    ("start", "i8"),
    ("open", "f8"),
    ("high", "f8"),
    ("low", "f8"),
    ("close", "f8"),
    ("volume", "f8"),
    ("trades", "i8"),
    ("vwap", "f8"),
)
_REQUIRED = frozenset({"instrument_id", "start", "open", "high", "low", "close", "volume"})
# One row of COPY's binary form: a field count, then length and value of each field, big-endian.
_ROW = np.dtype(
    [("fields", ">i2")] + [part for name, kind in _WIRE for part in ((f"{name}_length", ">i4"), (name, f">{kind}"))],
)
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_LAST_TIME = np.iinfo(np.int64).max

_STAGE: LiteralString = """
    CREATE TEMPORARY TABLE staged_bars (
        instrument_id bigint, start bigint, open double precision, high double precision, low double precision,
        close double precision, volume double precision, trades bigint, vwap double precision
    ) ON COMMIT DROP
"""
# NaN means unknown in our columns; in SQL that is NULL.
_MERGE: LiteralString = """
    INSERT INTO {table} (instrument_id, start, open, high, low, close, volume, trades, vwap)
    SELECT instrument_id, start, NULLIF(open, 'NaN'), NULLIF(high, 'NaN'), NULLIF(low, 'NaN'), NULLIF(close, 'NaN'),
        NULLIF(volume, 'NaN'), trades, NULLIF(vwap, 'NaN')
    FROM staged_bars
    ON CONFLICT (instrument_id, start) DO UPDATE SET open = excluded.open, high = excluded.high, low = excluded.low,
        close = excluded.close, volume = excluded.volume, trades = excluded.trades, vwap = excluded.vwap
"""
_SELECT: LiteralString = """
    SELECT instrument_id, start, coalesce(open, 'NaN'), coalesce(high, 'NaN'), coalesce(low, 'NaN'),
        coalesce(close, 'NaN'), coalesce(volume, 'NaN'), trades, coalesce(vwap, 'NaN')
    FROM {table}
"""


class PostgresBars:
    """Bars by timeframe in market.bars_1m and market.bars_1d."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known_partitions: set[str] = set()
        self._partitioned: dict[str, bool] = {}

    def put(self, timeframe: str, bars: Columns) -> None:
        """Write all bars in one transaction; of equal (instrument, start) the later row stays.

        `trades` and `vwap` may be left out: history from elsewhere often has neither.
        """
        table = _table(timeframe)
        rows = _pack(bars)
        if not len(rows):
            return
        self._ensure_partitions(timeframe, rows["start"])
        try:
            self._write(table, rows)
        except psycopg.errors.CheckViolation:  # housekeeping dropped a partition that we knew
            self._known_partitions.clear()
            self._ensure_partitions(timeframe, rows["start"])
            self._write(table, rows)

    def last(self, instrument_id: int, timeframe: str, count: int, before: int | None = None) -> Columns:
        """The newest `count` bars whose start lies before `before`, oldest first."""
        query = sql.SQL(_SELECT + "WHERE instrument_id = {id} AND start < {before} ORDER BY start DESC LIMIT {count}")
        found = self._read(
            query.format(
                table=_table(timeframe),
                id=sql.Literal(int(instrument_id)),
                before=sql.Literal(_LAST_TIME if before is None else int(before)),
                count=sql.Literal(int(count)),
            )
        )
        return {name: column[::-1] for name, column in found.items()}

    def between(self, instrument_id: int, timeframe: str, start: int, end: int) -> Columns:
        """Bars with start in [start, end), oldest first."""
        query = sql.SQL(
            _SELECT + "WHERE instrument_id = {id} AND start >= {start} AND start < {end} ORDER BY start"
        ).format(
            table=_table(timeframe),
            id=sql.Literal(int(instrument_id)),
            start=sql.Literal(int(start)),
            end=sql.Literal(int(end)),
        )
        return self._read(query)

    def across(self, instrument_ids: Sequence[int], timeframe: str, start: int, end: int) -> Columns:
        """Bars of several instruments with start in [start, end), in the order of start and id."""
        query = sql.SQL(_SELECT + "WHERE instrument_id = ANY ({ids}) AND start >= {start} AND start < {end}").format(
            table=_table(timeframe),
            ids=sql.Literal([int(one) for one in instrument_ids]),
            start=sql.Literal(int(start)),
            end=sql.Literal(int(end)),
        )
        found = self._read(query)
        order = np.lexsort((found["instrument_id"], found["start"]))
        return {name: column[order] for name, column in found.items()}

    def _write(self, table: sql.Identifier, rows: NDArray[np.void]) -> None:
        with self._database.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(_STAGE)
            with cursor.copy("COPY staged_bars FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(_HEADER)
                copy.write(rows.tobytes())
                copy.write(_TRAILER)
            cursor.execute(sql.SQL(_MERGE).format(table=table))

    def _read(self, query: sql.Composed) -> Columns:
        with (
            self._database.transaction() as connection,
            connection.cursor() as cursor,
            cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(query)) as copy,
        ):
            data = b"".join(bytes(block) for block in copy)
        return _unpack(data)

    def _ensure_partitions(self, timeframe: str, starts: NDArray[np.generic]) -> None:
        """Make the missing partitions of these bars: history comes from any year."""
        if timeframe not in self._partitioned:
            with self._database.transaction() as connection:
                self._partitioned[timeframe] = is_partitioned(connection, timeframe)
        if self._partitioned[timeframe]:
            ensure_partitions_for(self._database.transaction, timeframe, starts, self._known_partitions)


def _table(timeframe: str) -> sql.Identifier:
    if timeframe not in TABLES:
        message = f"bars are kept for {', '.join(TABLES)}, not for {timeframe}"
        raise ValueError(message)
    return sql.Identifier("market", TABLES[timeframe])


def _pack(bars: Columns) -> NDArray[np.void]:
    """COPY's bytes as a structured array, without all but the last of equal (instrument, start)."""
    missing = _REQUIRED - set(bars)
    if missing:
        message = f"bars lack the columns {sorted(missing)}"
        raise ValueError(message)
    rows = np.empty(len(bars["start"]), dtype=_ROW)
    rows["fields"] = len(_WIRE)
    for name, _ in _WIRE:
        rows[f"{name}_length"] = 8
        if name in bars:
            column = np.asarray(bars[name])
            rows[name] = np.nan_to_num(column) if name == "trades" and column.dtype.kind == "f" else column
        else:
            rows[name] = 0 if name == "trades" else np.nan
    order = np.lexsort((rows["start"], rows["instrument_id"]))
    ids, starts = rows["instrument_id"][order], rows["start"][order]
    is_last = np.ones(len(rows), dtype=bool)
    is_last[:-1] = (ids[1:] != ids[:-1]) | (starts[1:] != starts[:-1])
    kept: NDArray[np.void] = rows[order[is_last]]
    return kept


def _unpack(data: bytes) -> Columns:
    rows: NDArray[Any] = np.frombuffer(
        data, dtype=_ROW, offset=len(_HEADER), count=(len(data) - len(_HEADER)) // _ROW.itemsize
    )
    return {name: rows[name].astype(kind) for name, kind in _WIRE}
