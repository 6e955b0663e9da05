"""The open minutes of rows, as the tick kernel holds them."""

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import kernel as k
from marketbell.core.engine.operators import ClosedBars


def open_minutes(
    bar_f: NDArray[np.float64],
    bar_i: NDArray[np.int64],
    f: NDArray[np.float64],
    slots: int,
    rows: NDArray[np.int64],
) -> ClosedBars:
    """Open minutes of these rows as they stand, ascending for each: several are open by lateness alone.

    `bar_f`, `bar_i` are the kernel's open bars (`slots` places a row), `f` its float state. A minute's volume
    is what it adds to those before it, as when it closes.
    """
    places = rows[:, None] * slots + np.arange(slots)
    start = np.where(bar_i[places, k.J_START] >= 0, bar_i[places, k.J_START], k.FAR)
    places = np.take_along_axis(places, np.argsort(start, axis=1, kind="stable"), axis=1)
    base = f[rows, k.F_BASE].copy()
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
    for at in places.T:
        own_i, own = bar_i[at], bar_f[at]
        is_open = own_i[:, k.J_START] >= 0
        volume = own[:, k.B_SIZES] + np.maximum(0.0, own[:, k.B_CUM] - base)
        base = np.where(is_open, np.maximum(base, own[:, k.B_CUM]), base)
        with np.errstate(invalid="ignore", divide="ignore"):
            vwap = np.where(own[:, k.B_SIZE] > 0, own[:, k.B_PV] / own[:, k.B_SIZE], np.nan)
        prices = [own[:, c] for c in (k.B_OPEN, k.B_HIGH, k.B_LOW, k.B_CLOSE)]
        values = np.column_stack([*prices, np.where(own_i[:, k.J_HAS_VOLUME] == 1, volume, np.nan), vwap])
        mine = np.flatnonzero(is_open)
        found.append((rows[mine], own_i[mine][:, [k.J_START, k.J_TRADES]], values[mine]))
    lines = np.concatenate([line for _, line, _ in found])
    return ClosedBars(
        np.concatenate([who for who, _, _ in found]),
        np.ascontiguousarray(lines[:, 0]),
        np.ascontiguousarray(lines[:, 1]),
        np.concatenate([values for _, _, values in found]),
    )
