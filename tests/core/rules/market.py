"""A small market for tests of rules: two sessions of two hours, a few instruments, frames from plain rows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.outputs import Outputs, RuleFiring
from marketbell.core.language.json_form import to_json
from marketbell.core.language.reader import parse_rule, parse_screen
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, MINUTE, SECOND, SessionTable
from marketbell.core.rules.arming import arm_command
from marketbell.core.rules.book import RuleBook
from marketbell.core.rules.firing import firing_id

FIRST_DAY = 18_743  # Monday, 2021-04-26
IST = 19_800 * SECOND
"""Ahead of UTC."""
KEYS = ("NSE:A", "NSE:B", "NSE:C")
INSTRUMENTS = [Instrument("NSE:A", indices=("TEN",)), Instrument("NSE:B", indices=("TEN",)), Instrument("NSE:C")]
IDS = {one.key: int(one.instrument_id) for one in INSTRUMENTS}


def table(name: str = "") -> SessionTable:
    """Twenty days from 09:15 to 11:15 in India."""
    days = np.array([FIRST_DAY + n for n in range(20)], np.int64)
    opens = days * DAY + 9 * 3_600 * SECOND + 15 * MINUTE - IST
    return SessionTable(name, "Asia/Kolkata", opens, opens + 120 * MINUTE, days, np.zeros(20, np.uint8))


OPEN = int(table().open[0])
OPENS = table().open.tolist()


def new() -> Engine:
    """An engine with the instruments and a book of rules."""
    engine = Engine(EngineConfig(), table, (RuleBook,))
    engine.define(INSTRUMENTS)
    return engine


def book(engine: Engine) -> RuleBook:
    """Its book."""
    return next(one for one in engine.operators if isinstance(one, RuleBook))


def frame(kind: FrameKind, payload: Mapping[str, Any] | None = None, time: int = OPEN) -> Frame:
    """An entry of the log without rows."""
    raw = json.dumps(payload).encode() if payload is not None else b""
    return Frame(kind, 0, 0, 0, 0, time, time, 0, {}, raw)


def command(text: str, version: int = 1, **more: Any) -> dict[str, Any]:
    """What arms the rule of a text."""
    return arm_command(parse_rule(text), None, "owner", version) | more


def arm(*texts: str, **more: Any) -> list[Frame]:
    """Frames that arm rules."""
    return [frame(FrameKind.COMMAND, command(text, **more)) for text in texts]


def screen(text: str) -> dict[str, Any]:
    """The JSON of a screen."""
    return to_json(parse_screen(text))


def ticks(rows: Sequence[tuple[str, float, float]], start: int = OPEN) -> dict[str, Any]:
    """Trade columns of (key, seconds behind `start`, price); the volume counts the ticks."""
    return {
        "instrument_id": np.array([IDS[key] for key, _, _ in rows], np.int64),
        "event_time": np.array([start + round(second * SECOND) for _, second, _ in rows], np.int64),
        "price": np.array([price for _, _, price in rows], np.float64),
        "volume": np.arange(1, len(rows) + 1, dtype=np.float64),
    }


def heartbeat(second: float, start: int = OPEN) -> Frame:
    """The venue's clock."""
    return frame(FrameKind.HEARTBEAT, time=start + round(second * SECOND))


def fired(*outputs: Outputs) -> list[RuleFiring]:
    """All firings."""
    return [one for out in outputs for one in out.rule_firings]


def told(*outputs: Outputs, start: int = OPEN) -> list[tuple[str, str, float]]:
    """Rule, instrument and seconds behind `start` of every firing that was not suppressed, in the order of time."""
    found = [(one.rule, one.key, (one.event_time - start) / SECOND) for one in fired(*outputs) if not one.suppressed]
    return sorted(found, key=lambda one: (one[2], one[0], one[1]))


def ids(*outputs: Outputs) -> list[str]:
    """Ids of all firings, sorted."""
    return sorted(
        firing_id(one.rule_uid, one.definition_hash, one.instrument_id, one.event_time, one.nth)
        for one in fired(*outputs)
    )
