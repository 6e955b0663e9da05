"""Which instruments are undervalued picks: a definition that is shown and can be configured."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEFAULTS: dict[str, float] = {"max_pe": 15.0, "max_pb": 2.0, "min_roe": 12.0}
"""A cheap price for earnings and book value, of a company that earns on its equity (percentage points)."""


def undervalued_mask(columns: Mapping[str, NDArray[Any]], thresholds: Mapping[str, float]) -> NDArray[np.bool_]:
    """Rows that meet every threshold; an unknown value meets none."""
    limits = DEFAULTS | dict(thresholds)
    with np.errstate(invalid="ignore"):
        mask: NDArray[np.bool_] = (
            (columns["fund.pe"] > 0)
            & (columns["fund.pe"] <= limits["max_pe"])
            & (columns["fund.pb"] <= limits["max_pb"])
            & (columns["fund.roe"] >= limits["min_roe"])
        )
    return mask
