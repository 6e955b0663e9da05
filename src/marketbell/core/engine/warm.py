"""Compile every kernel before it is needed: a tiny market goes through an engine.

Compiling takes seconds the first time on a machine and is cached by Numba after that. Processes call
this before they report ready.
"""

import json

import numpy as np

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.cross_section import FORMS, cross_section
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, SessionTable


def _two_days(name: str) -> SessionTable:
    opens = np.array([11_000 * DAY, 11_001 * DAY], np.int64)
    return SessionTable(name, "UTC", opens, opens + DAY // 4, opens // DAY, np.zeros(2, np.uint8))


def warm() -> None:
    """Run every kernel once with the types that it will meet."""
    engine = Engine(EngineConfig(), _two_days)
    one = Instrument(key="NONE:WARM", calendar="NONE")
    ident = int(one.instrument_id)
    start = 11_000 * DAY
    ids, times = np.full(2, ident, np.int64), np.array([start, start + DAY], np.int64)
    prices = np.array([1.0, 2.0])
    bar: Columns = {
        "instrument_id": ids[:1],
        "timeframe_s": np.full(1, 86_400, np.int32),
        "start": times[:1] - DAY,
        **dict.fromkeys(("open", "high", "low", "close", "volume"), prices[:1]),
    }
    quote: Columns = {
        "instrument_id": ids,
        "event_time": times,
        **dict.fromkeys(("bid", "bid_size", "ask", "ask_size"), prices),
    }
    # A snapshot of two levels, and an update of one of them.
    book: Columns = {
        "instrument_id": np.full(3, ident, np.int64),
        "event_time": np.full(3, start),
        "first_update": np.array([1, 1, 2]),
        "last_update": np.array([1, 1, 2]),
        "previous_update": np.full(3, -1),
        "flags": np.array([1, 3, 2], np.uint8),
        "side": np.array([0, 1, 0], np.uint8),
        "price": np.array([1.0, 2.0, 1.0]),
        "size": np.ones(3),
    }

    series = {"held": "(close@2m[1] - close@10s)@3m", "field": "change_pct@1m", "week": "close@1w"}
    watch = {"type": "watch", "uid": "warm", "expressions": series, "timeframe": "3m"}
    level = {"type": "arm_level", "rule_uid": "warm", "version": 1, "instrument_id": ident, "direction": "above"}
    level["level"] = 1.5

    def frame(kind: FrameKind, columns: Columns | None = None, payload: object = None) -> Frame:
        found = columns or {}
        raw = json.dumps(payload).encode() if payload else b""
        return Frame(kind, 0, 0, 0, 0, start, start, len(found.get("instrument_id", ())), found, raw)

    engine.define([one])
    engine.apply(
        [
            frame(FrameKind.COMMAND, payload=watch),
            frame(FrameKind.BAR, bar),
            frame(FrameKind.QUOTE, quote),
            frame(FrameKind.BOOK, book),
            frame(FrameKind.TRADE, {"instrument_id": ids, "event_time": times, "price": prices, "volume": prices}),
            frame(FrameKind.HEARTBEAT),
            frame(FrameKind.COMMAND, payload=level),
            frame(FrameKind.COMMAND, payload={"type": "disarm", "rule_uid": "warm", "version": 1}),
            frame(FrameKind.BAR, bar, {"role": "source"}),
        ]
    )
    engine.tentative()
    engine.finish()
    engine.columns()
    engine.lists()
    _across()


def warm_functions() -> None:
    """Run every function of the catalogue once: an installer's work, so that no chart waits for the compiler."""
    from marketbell.core.indicators.implementations import IMPLEMENTATIONS  # noqa: PLC0415 — the engine alone needs none

    for one in IMPLEMENTATIONS.values():
        signature = one.signature
        parameters = tuple(float(p.default or max(p.least, 2)) for p in signature.parameters)
        count = len(signature.arguments) + len(signature.bars)
        state = np.zeros((1, one.places(parameters)))
        out = np.empty((len(signature.outputs), 2))
        one.run(state, np.zeros(2, np.int64), np.ones((count, 2)), np.array(parameters), True, out)


def _across() -> None:
    """Changes of one row and of many, across a universe."""
    rows = np.arange(16)
    for name in FORMS:
        form = cross_section(name, len(rows))
        form.set_members(np.ones(len(rows), np.bool_))
        form.update(rows[:1], np.ones(1))
        form.update(rows, np.ones(len(rows)))
