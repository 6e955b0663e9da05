"""Compile the kernels of rules before the first of them is armed: see core/engine/warm."""

import json

import numpy as np

from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.language.reader import parse_rule
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, SessionTable
from marketbell.core.rules.arming import arm_command
from marketbell.core.rules.book import RuleBook

_RULES = (
    'alert "wide" on ALL when close crosses above 1 at 1m close',
    'alert "alone" on $NONE:WARM when close > 1 and day.volume > 0 at tick hold 30s session NONE 00:00-23:59',
    'alert "time" on ALL when close rises by 1% within 5m or close > 1 for 2 bars at tick',
    'alert "order" on ALL when close > 1 seen in last 5m and close > 1 then close > 2 within 3 bars at tick',
    'alert "others" on ALL when rank(close, ALL) <= 1 at 1m close',
)


def _days(name: str) -> SessionTable:
    opens = np.array([11_000 * DAY], np.int64)
    return SessionTable(name, "UTC", opens, opens + DAY // 4, opens // DAY, np.zeros(1, np.uint8))


def warm_rules() -> None:
    """Arm a few rules on a tiny market and run it."""
    one = Instrument(key="NONE:WARM", calendar="NONE")
    engine = Engine(EngineConfig(), _days, (RuleBook,))
    engine.define([one])
    start = 11_000 * DAY
    items = [arm_command(parse_rule(text), None, "") for text in _RULES]
    batch = json.dumps({"type": "batch", "items": items}).encode()
    engine.apply([Frame(FrameKind.COMMAND, 0, 0, 0, 0, start, start, 0, {}, batch)])
    times = start + np.arange(6) * 40_000_000_000
    engine.apply_trades(
        {
            "instrument_id": np.full(6, int(one.instrument_id)),
            "event_time": times,
            "price": np.arange(1.0, 7.0),
            "volume": np.arange(1.0, 7.0),
        }
    )
    beat = start + DAY // 8
    engine.apply([Frame(FrameKind.HEARTBEAT, 0, 0, 0, 0, beat, beat, 0, {}, b"")])
    engine.finish()
    engine.checkpoint()
