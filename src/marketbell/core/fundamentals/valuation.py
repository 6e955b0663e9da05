"""Which instruments are undervalued picks: a definition that is shown and can be configured.

A low price for earnings means little by itself (whole sectors are cheap, and some companies deserve it):
so the P/E is judged against the company's own sector, and the company must earn well on little debt.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketbell.core.primitives.errors import InvalidSettingError

UNKNOWN_SECTOR = -1
SMALLEST_SECTOR = 3
"""Known P/Es that a sector needs for its median to mean something."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """All of them must hold. ROE in percentage points.

    `sector_pe` is the share of the sector's median P/E that the P/E must stay under (1 = the median itself).
    """

    sector_pe: float = 1.0
    max_pb: float = 3.0
    min_roe: float = 15.0
    max_debt_to_equity: float = 1.0

    @classmethod
    def of(cls, values: Mapping[str, float]) -> Self:
        """Defaults with some replaced. InvalidSettingError for a name that there is not, or no number."""
        known = [field.name for field in fields(cls)]
        for name, value in values.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"
                raise InvalidSettingError(f"undervalued: no threshold '{name}'{hint}")
            if not np.isfinite(value):
                raise InvalidSettingError(f"undervalued: {name} is {value}; it must be a number")
        return cls(**{name: float(value) for name, value in values.items()})


def sector_medians(values: NDArray[Any], sector_codes: NDArray[Any]) -> NDArray[np.float64]:
    """The median of the known positive values of each row's sector; NaN where the sector is unknown or too small."""
    medians = np.full(len(values), np.nan)
    rows = np.flatnonzero(sector_codes != UNKNOWN_SECTOR)
    codes = sector_codes[rows]
    order = np.argsort(codes, kind="stable")
    edges = np.flatnonzero(np.diff(codes[order])) + 1
    for members in np.split(rows[order], edges):
        known = values[members]
        known = known[np.isfinite(known) & (known > 0)]
        if len(known) >= SMALLEST_SECTOR:
            medians[members] = _median(known)
    return medians


def _median(values: NDArray[Any]) -> float:
    """What np.median gives for known values, without its price of a call for each sector."""
    middle = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, middle)[middle])
    low, high = np.partition(values, (middle - 1, middle))[middle - 1 : middle + 1]
    return float((low + high) / 2)


def undervalued_mask(
    columns: Mapping[str, NDArray[Any]], sector_codes: NDArray[Any], thresholds: Thresholds
) -> NDArray[np.bool_]:
    """Rows that meet every threshold. What is missing is unknown, and an unknown value meets none.

    Reads fund.pe, fund.pb, fund.roe and fund.debt_to_equity; losses (a P/E at or under 0) are not cheap.
    """
    pe, pb = columns["fund.pe"], columns["fund.pb"]
    with np.errstate(invalid="ignore"):
        mask: NDArray[np.bool_] = (
            (pe > 0)
            & (pe < thresholds.sector_pe * sector_medians(pe, sector_codes))
            & (pb > 0)
            & (pb < thresholds.max_pb)
            & (columns["fund.roe"] > thresholds.min_roe)
            & (columns["fund.debt_to_equity"] < thresholds.max_debt_to_equity)
        )
    return mask


def describe(thresholds: Thresholds) -> str:
    """The definition in plain words, for the list's heading."""
    if thresholds.sector_pe == 1:
        pe = "P/E below the median of its sector"
    else:
        pe = f"P/E below {_number(thresholds.sector_pe * 100)} % of the median of its sector"
    return (
        f"{pe}, P/B below {_number(thresholds.max_pb)}, ROE above {_number(thresholds.min_roe)} %, "
        f"debt/equity below {_number(thresholds.max_debt_to_equity)}. A company that lacks one of these is not listed."
    )


def _number(value: float) -> str:
    return f"{value:.10g}"
