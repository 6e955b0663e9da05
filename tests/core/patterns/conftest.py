"""A small market for patterns: minute bars, books and trades of one instrument after the other."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.order_book import BookFlag
from marketbell.core.market.session import DAY, MINUTE, SECOND, SessionTable

DAYS = 5
HOURS = 8
OPEN = 19_000 * DAY + 4 * 60 * MINUTE


class Market:
    """An engine of two instruments; every method is one entry of the log."""

    def __init__(self) -> None:
        self.instruments = [Instrument("NSE:A", tick_size=0.05), Instrument("NSE:B", tick_size=0.05)]
        self.engine = self.new()
        self.ids = [int(one.instrument_id) for one in self.instruments]
        self._update = 1

    def new(self) -> Engine:
        engine = Engine(EngineConfig(), self.sessions)
        engine.define(self.instruments)
        return engine

    @staticmethod
    def sessions(name: str) -> SessionTable:
        opens = OPEN + np.arange(DAYS, dtype=np.int64) * DAY
        days = opens // DAY
        return SessionTable(name, "UTC", opens, opens + HOURS * 60 * MINUTE, days, np.zeros(DAYS, np.uint8))

    def minutes(self, closes: Sequence[float], volumes: Sequence[float], which: int = 0, day: int = 0) -> Frame:
        """Closed minute bars from the open on."""
        count = len(closes)
        close = np.array(closes, np.float64)
        columns: Columns = {
            "instrument_id": np.full(count, self.ids[which]),
            "timeframe_s": np.full(count, 60, np.int32),
            "start": OPEN + day * DAY + np.arange(count) * MINUTE,
            **dict.fromkeys(("open", "high", "low", "close"), close),
            "volume": np.array(volumes, np.float64),
        }
        return self.frame(FrameKind.BAR, columns, {"role": "source"})

    def book(
        self, second: float, bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]], flag: int = 0
    ) -> Frame:
        """A change of the first instrument's book; its id goes on from the one before."""
        levels = [(0, *one) for one in bids] + [(1, *one) for one in asks]
        count = len(levels)
        flags = np.full(count, flag, np.uint8)
        flags[-1] |= BookFlag.LAST
        columns: Columns = {
            "instrument_id": np.full(count, self.ids[0]),
            "event_time": np.full(count, OPEN + round(second * SECOND)),
            "first_update": np.full(count, self._update),
            "last_update": np.full(count, self._update),
            "previous_update": np.full(count, -1),
            "flags": flags,
            "side": np.array([one[0] for one in levels], np.uint8),
            "price": np.array([one[1] for one in levels]),
            "size": np.array([one[2] for one in levels]),
        }
        self._update += 1
        return self.frame(FrameKind.BOOK, columns)

    def skip_ids(self) -> None:
        """The next update will leave an id out."""
        self._update += 1

    def trades(self, second: float, sizes: Sequence[float]) -> Frame:
        """Trades of the first instrument at 100."""
        count = len(sizes)
        time = OPEN + round(second * SECOND) + np.arange(count)
        columns: Columns = {
            "instrument_id": np.full(count, self.ids[0]),
            "event_time": time,
            "ingest_time": time,
            "price": np.full(count, 100.0),
            "volume": np.full(count, np.nan),
            "size": np.array(sizes, np.float64),
            "trade_id": time - OPEN,
            "flags": np.zeros(count, np.uint16),
        }
        return self.frame(FrameKind.TRADE, columns)

    @staticmethod
    def frame(kind: FrameKind, columns: Columns, payload: Any = None) -> Frame:
        raw = json.dumps(payload).encode() if payload else b""
        return Frame(kind, 0, 0, 0, 0, 0, 0, len(columns["instrument_id"]), columns, raw)

    def value(self, name: str, row: int = 0) -> float:
        return float(self.engine.columns()[f"abnormal.{name}"][row])

    def evidence(self, name: str, row: int = 0) -> dict[str, Any]:
        return next(one for one in self.engine.evidence(row) if one["pattern"] == name)


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
def make_market() -> Callable[[], Market]:
    return Market
