"""A small market for tests of series: sessions of an hour, three instruments, frames from plain rows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.needs import bars_needed
from marketbell.core.engine.past_bars import PastBars, past_of
from marketbell.core.engine.series import Series
from marketbell.core.engine.timeframes import Sessions
from marketbell.core.language.plan import Plan
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, MINUTE, SECOND, SessionTable
from marketbell.core.market.timeframe import Timeframe

FIRST_DAY = 18_701  # Monday, 2021-03-15
KEYS = ("NSE:A", "NSE:B", "NSE:C")
INSTRUMENTS = [Instrument(key) for key in KEYS]
IDS = [int(one.instrument_id) for one in INSTRUMENTS]
M5 = Timeframe.parse("5m")


def table(name: str = "") -> SessionTable:
    """Forty days of one hour on weekdays, ending in a minute of 30 s."""
    days = np.array([d for d in range(FIRST_DAY, FIRST_DAY + 60) if (d + 3) % 7 < 5][:40], np.int64)
    opens = days * DAY + 4 * 3_600 * SECOND
    return SessionTable(name, "UTC", opens, opens + 59 * MINUTE + 30 * SECOND, days, np.zeros(40, np.uint8))


TABLE = table()
OPENS = TABLE.open


def new(**more: Any) -> Engine:
    engine = Engine(EngineConfig(), table)
    if more:
        engine.series = Series(**more)
        engine.operators = (*engine.operators[:-1], engine.series)
    engine.define(INSTRUMENTS)
    return engine


def frame(kind: FrameKind, columns: Columns | None = None, payload: Any = None, at: int = 0) -> Frame:
    found = columns or {}
    count = len(found.get("instrument_id", ()))
    raw = json.dumps(payload).encode() if payload else b""
    return Frame(kind, 0, 7, 0, 0, at, at, count, found, raw)


def trades(rows: Sequence[tuple[int, int, float]]) -> Columns:
    """(instrument, time, price), a unit each."""
    times = np.array([row[1] for row in rows], np.int64)
    return {
        "instrument_id": np.array([IDS[row[0]] for row in rows], np.int64),
        "event_time": times,
        "ingest_time": times.copy(),
        "price": np.array([row[2] for row in rows], np.float64),
        "size": np.ones(len(rows)),
    }


def history(rows: Sequence[tuple[int, int, float]], seconds: int = 60) -> Frame:
    price = np.array([row[2] for row in rows], np.float64)
    columns = {
        "instrument_id": np.array([IDS[row[0]] for row in rows], np.int64),
        "timeframe_s": np.full(len(rows), seconds, np.int32),
        "start": np.array([row[1] for row in rows], np.int64),
        **{name: price.copy() for name in ("open", "high", "low", "close", "volume", "prev_close")},
    }
    return frame(FrameKind.BAR, columns)


def heartbeat(at: int) -> Frame:
    return frame(FrameKind.HEARTBEAT, at=at)


def log_of(spots: Sequence[tuple[int, int, int, int]]) -> list[tuple[int, int, float]]:
    """Ticks in the order of their arrival from (instrument, gap in 100 ms, back in ms, price), over several days."""
    out = []
    clock, newest = int(OPENS[0]), [0] * len(KEYS)
    for row, gap, back, price in spots:
        clock += gap * SECOND // 10
        at = int(np.searchsorted(OPENS, clock, side="right")) - 1
        if clock >= TABLE.close[at]:
            clock = int(OPENS[at + 1]) + gap % 600 * SECOND // 10
            at += 1
        t = max(clock - back * SECOND // 1_000, newest[row] - 2 * SECOND, int(OPENS[at]))
        newest[row] = max(newest[row], t)
        out.append((row, t, float(price)))
    return out


TICKS = st.lists(
    st.tuples(
        st.integers(0, 2), st.one_of(st.integers(0, 900), st.integers(0, 30_000)), st.integers(0, 2_500),
        st.integers(50, 60),
    ),
    min_size=1, max_size=150,
)  # fmt: skip


def minute_history(until: int, count: int, row: int = 0) -> list[tuple[int, int, float]]:
    """Minutes of sessions before `until`, oldest first, prices 1, 2, 3 …."""
    starts = np.concatenate([np.arange(o, c, MINUTE) for o, c in zip(TABLE.open, TABLE.close, strict=True)])
    starts = starts[starts < until][-count:]
    return [(row, int(start), float(n + 1)) for n, start in enumerate(starts)]


DAY_5 = int(OPENS[5])


def live_ticks(row: int, first: int, minutes: int, begin: float = 100.0) -> list[tuple[int, int, float]]:
    return [(row, first + n * MINUTE + 5 * SECOND, begin + n) for n in range(minutes)]


MINUTES = 60
"""Of a session."""


def watch(texts: Mapping[str, str], uid: str = "w", timeframe: str = "5m") -> Frame:
    payload = {"type": "watch", "uid": uid, "expressions": dict(texts), "timeframe": timeframe}
    return frame(FrameKind.COMMAND, payload=payload)


def past(
    rows: Sequence[tuple[int, int, float]], plan: Plan, holes: Sequence[tuple[int, int]] = (), until: int = 0
) -> Frame:
    """Stored minutes of (instrument, start, price) for who watches a plan."""
    price = np.array([row[2] for row in rows], np.float64)
    columns = {
        "instrument_id": np.array([IDS[row[0]] for row in rows], np.int64),
        "start": np.array([row[1] for row in rows], np.int64),
        "trades": np.ones(len(rows), np.int64),
        **{name: price.copy() for name in ("open", "high", "low", "close", "volume", "vwap")},
    }
    return stored(columns, plan, holes, until)


def stored(
    columns: Columns,
    plan: Plan,
    holes: Sequence[tuple[int, int]] = (),
    until: int = 0,
    series: Sequence[str] | None = None,
) -> Frame:
    """Stored minutes (columns of a bar store) for who watches a plan."""
    sessions = Sessions.of([TABLE] * len(KEYS))
    rows = np.array([IDS.index(int(one)) for one in columns["instrument_id"]], np.int64)
    order = np.lexsort((columns["start"], rows))
    values = np.column_stack([columns[name] for name in ("open", "high", "low", "close", "volume", "vwap")])
    minutes = sessions.minute_bars(rows[order], columns["start"][order], values[order], columns["trades"][order])
    newest = until or int(minutes.end.max(initial=0))
    found = PastBars(*past_of(minutes, bars_needed(plan, MINUTES), sessions), newest, tuple(holes))
    return frame(FrameKind.BAR, found.columns(np.array(IDS)), found.payload(series))
