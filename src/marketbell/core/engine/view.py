"""The engine's state as the fields of the registry."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import kernel as k

BAR_FIELDS = ("bar.start", "bar.open", "bar.high", "bar.low", "bar.close", "bar.volume")


def numeric_columns(
    f: NDArray[np.float64],
    i: NDArray[np.int64],
    bar_start: NDArray[np.int64],
    bar: NDArray[np.float64],
    now: int,
) -> dict[str, NDArray[Any]]:
    """Values of every field of the tick kernel for the given rows; unknown is NaN, event_time 0."""
    seen = i[:, k.I_OPEN] != k.NEVER
    known = np.where(seen, 0.0, np.nan)
    close = f[:, k.F_LAST]
    before = f[:, k.F_PREV_CLOSE]
    from_close = np.isfinite(before) & (before > 0)
    basis = np.where(from_close, before, f[:, k.F_OPEN])
    volume = np.where(i[:, k.I_HAS_VOLUME] == 1, f[:, k.F_CUM], np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        change = close - basis
        change_pct = change / basis * 100.0
        vwap = np.where(f[:, k.F_SIZE] > 0, f[:, k.F_PV] / f[:, k.F_SIZE], np.nan)
        # Without any daily history the range of a year is not known, whatever today's range is.
        high = np.fmax(np.fmax(f[:, k.F_HIST_HIGH], f[:, k.F_HIGH]), close)
        low = np.fmin(np.fmin(f[:, k.F_HIST_LOW], f[:, k.F_LOW]), close)
        high = np.where(np.isnan(f[:, k.F_HIST_HIGH]), np.nan, high)
        low = np.where(np.isnan(f[:, k.F_HIST_LOW]), np.nan, low)
        newest = np.where(i[:, k.I_NEWEST] == k.NEVER, 0, i[:, k.I_NEWEST])
        columns: dict[str, NDArray[Any]] = {
            "close": close.copy(),
            "change": change,
            "change_pct": change_pct,
            "bid": f[:, k.F_BID].copy(),
            "ask": f[:, k.F_ASK].copy(),
            "spread": f[:, k.F_ASK] - f[:, k.F_BID],
            "day.open": f[:, k.F_OPEN].copy(),
            "day.high": f[:, k.F_HIGH].copy(),
            "day.low": f[:, k.F_LOW].copy(),
            "day.volume": volume,
            "day.trades": i[:, k.I_TRADES] + known,
            "volume": volume,
            "turnover": np.where(i[:, k.I_HAS_VOLUME] == 1, f[:, k.F_PV], np.nan),
            "vwap": vwap,
            "prev_day.close": before.copy(),
            "high_52w": high,
            "low_52w": low,
            "from_high_52w_pct": (close / high - 1.0) * 100.0,
            "from_low_52w_pct": (close / low - 1.0) * 100.0,
            "volatility": f[:, k.F_VOLATILITY].copy(),
            "volume_spike": f[:, k.F_SPIKE].copy(),
        }
        columns["event_time"] = newest
        columns["src.age"] = np.where(newest > 0, (now - newest) / 1e9, np.nan)
        columns["change_basis"] = from_close.astype(np.int64)
        columns["day.start"] = np.where(seen, i[:, k.I_OPEN], 0)
        columns["bar.start"] = bar_start.copy()
        for at, name in enumerate(BAR_FIELDS[1:]):
            columns[name] = bar[:, at].copy()
    return columns
