"""The market that `bench engine` runs on: seeded random walks as packed frames, and standing levels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.market.instrument import Instrument

SEED = 20_260_801
START = 1_785_542_400_000_000_000
"""2026-08-01 00:00 UTC; the benchmark's calendar has no closing hours."""
TICKS_PER_SECOND = 10_000


@dataclass(frozen=True, slots=True)
class BenchMarket:
    """Ticks in log order, and levels around the first prices; `row` indexes `instruments`."""

    instruments: list[Instrument]
    row: NDArray[np.int64]
    event_time: NDArray[np.int64]
    price: NDArray[np.float64]
    volume: NDArray[np.float64]
    level_row: NDArray[np.int64]
    level_price: NDArray[np.float64]
    level_up: NDArray[np.bool_]

    def only(self, mine: NDArray[np.bool_]) -> "BenchMarket":
        """The part of these instruments, `mine` [instruments]."""
        number = np.cumsum(mine) - 1
        ticks, levels = mine[self.row], mine[self.level_row]
        return BenchMarket(
            [instrument for instrument, is_mine in zip(self.instruments, mine.tolist(), strict=True) if is_mine],
            number[self.row[ticks]],
            self.event_time[ticks],
            self.price[ticks],
            self.volume[ticks],
            number[self.level_row[levels]],
            self.level_price[levels],
            self.level_up[levels],
        )

    def frames(self, rows_per_frame: int) -> list[Frame]:
        """The ticks as TRADE frames."""
        ids = np.array([instrument.instrument_id for instrument in self.instruments], np.int64)[self.row]
        frames = []
        for first in range(0, len(self.row), rows_per_frame):
            part = slice(first, min(first + rows_per_frame, len(self.row)))
            columns: Columns = {
                "instrument_id": ids[part],
                "event_time": self.event_time[part],
                "ingest_time": self.event_time[part],
                "price": self.price[part],
                "volume": self.volume[part],
            }
            low, high = int(self.event_time[part][0]), int(self.event_time[part][-1])
            frames.append(
                Frame(FrameKind.TRADE, 0, 1, part.start, part.stop, low, high, part.stop - part.start, columns)
            )
        return frames


def make_market(instruments: int, ticks: int, levels: int, ticks_per_second: int = TICKS_PER_SECOND) -> BenchMarket:
    """Random walks with 0.05 % steps on a 0.05 grid, levels within 5 %; `ticks_per_second` is market time."""
    rng = np.random.default_rng(SEED)
    known = [
        Instrument(key=f"NONE:B{number:05d}", name=f"Bench {number}", calendar="NONE", is_simulated=True)
        for number in range(instruments)
    ]
    # Mild skew: the busiest tenth has about a quarter of the ticks.
    row = np.minimum((rng.random(ticks) ** 1.5 * instruments).astype(np.int64), instruments - 1)
    start = rng.uniform(50, 5_000, instruments)
    steps = rng.normal(0.0, 0.0005, ticks)
    order = np.argsort(row, kind="stable")
    grouped = row[order]
    walk = np.cumsum(steps[order])
    first = np.searchsorted(grouped, np.arange(instruments))
    before = np.where(first > 0, walk[np.minimum(first, ticks - 1) - 1], 0.0)
    drift = np.empty(ticks)
    drift[order] = walk - before[grouped]
    price = np.round(start[row] * np.exp(drift) / 0.05) * 0.05
    sizes = rng.integers(1, 500, ticks).astype(np.float64)
    total = np.cumsum(sizes[order])
    sold = np.where(first > 0, total[np.minimum(first, ticks - 1) - 1], 0.0)
    volume = np.empty(ticks)
    volume[order] = total - sold[grouped]
    event_time = START + np.arange(ticks, dtype=np.int64) * (1_000_000_000 // ticks_per_second)
    level_row = rng.integers(0, instruments, levels)
    level_price = np.round(start[level_row] * (1 + rng.uniform(-0.05, 0.05, levels)) / 0.05) * 0.05
    return BenchMarket(known, row, event_time, price, volume, level_row, level_price, rng.random(levels) < 0.5)
