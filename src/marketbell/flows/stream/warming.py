"""A minute of an invented market through the engine, so that its kernels are compiled before real ticks come."""

from collections.abc import Callable

import numpy as np
import orjson

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.market.instrument import Instrument
from marketbell.ports.calendars import SessionTable

_MINUTE = 60_000_000_000


def warm(config: EngineConfig, sessions: Callable[[str], SessionTable]) -> None:
    """Touch every kernel once; the engine is thrown away."""
    engine = Engine(config, sessions)
    instrument = Instrument("NSE:WARM", calendar="XNSE")
    ident = int(instrument.instrument_id)
    opens = int(sessions("XNSE").open[-1])
    rule = {
        "type": "arm_level",
        "rule_uid": "warm",
        "version": 1,
        "rule": "warm",
        "owner_id": "",
        "instrument_id": ident,
        "field": "close",
        "direction": "above",
        "level": 100.5,
        "definition_hash": "",
        "fire": "once",
        "expires_at": None,
        "notify": [],
    }
    ticks = np.arange(4, dtype=np.int64)
    times = opens + ticks * _MINUTE
    frames = [
        _document(FrameKind.REFERENCE, {"type": "instruments", "items": [instrument.as_dict()]}),
        _rows(FrameKind.BAR, _bar(ident, opens - 86_400_000_000_000, 86_400)),
        _rows(
            FrameKind.PROFILE,
            {
                "instrument_id": np.array([ident]),
                "minute": np.array([1], "<u2"),
                "count": np.array([4], "<u4"),
                "mean": np.array([10.0]),
                "m2": np.array([4.0]),
            },
        ),
        _document(FrameKind.COMMAND, rule),
        _rows(
            FrameKind.TRADE,
            {
                "instrument_id": np.full(4, ident),
                "event_time": times,
                "ingest_time": times,
                "price": 100.0 + ticks,
                "volume": 10.0 * ticks,
            },
        ),
        _rows(
            FrameKind.QUOTE,
            {
                "instrument_id": np.array([ident]),
                "event_time": times[-1:],
                "bid": np.array([100.0]),
                "bid_size": np.array([1.0]),
                "ask": np.array([101.0]),
                "ask_size": np.array([1.0]),
            },
        ),
        _rows(FrameKind.BAR, _bar(ident, opens + 10 * _MINUTE, 60), {"role": "source"}),
        Frame(FrameKind.HEARTBEAT, 0, 0, 0, 0, int(times[-1]), int(times[-1]), 0),
    ]
    engine.apply(frames)
    engine.columns()
    engine.lists()
    engine.finish()
    Engine.restore(engine.checkpoint(), config, sessions)


def _bar(ident: int, start: int, seconds: int) -> Columns:
    prices = {name: np.array([100.0]) for name in ("open", "high", "low", "close", "volume")}
    return {
        "instrument_id": np.array([ident]),
        "timeframe_s": np.array([seconds], "<i4"),
        "start": np.array([start]),
        **prices,
    }


def _rows(kind: FrameKind, columns: Columns, payload: dict[str, str] | None = None) -> Frame:
    raw = orjson.dumps(payload) if payload else b""
    return Frame(kind, 0, 0, 0, 0, 0, 0, len(columns["instrument_id"]), columns, raw)


def _document(kind: FrameKind, payload: dict[str, object]) -> Frame:
    return Frame(kind, 0, 0, 0, 0, 0, 0, 0, {}, orjson.dumps(payload))
