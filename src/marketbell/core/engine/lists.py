"""Lists of the market: movers, ranges, activity, breadth and sectors. Columns in, keys out.

Every order is total: ties go by the instrument's row, so equal states give equal lists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketbell.core.fundamentals.valuation import UNKNOWN_SECTOR, Thresholds, describe, undervalued_mask
from marketbell.core.market.instrument import Instrument

_SPIKE = 2.0
"""Sigmas from which a minute's volume is unusual."""

_LISTED_KINDS = ("equity", "crypto", "currency")


@dataclass(frozen=True, slots=True)
class Universe:
    """What does not change with ticks: keys, kinds and sectors by row."""

    keys: tuple[str, ...]
    is_listed: NDArray[np.bool_]
    indices: tuple[int, ...]
    sectors: tuple[tuple[str, NDArray[np.int64]], ...]
    sector_codes: NDArray[np.int64]

    @classmethod
    def of(cls, instruments: Sequence[Instrument]) -> Self:
        """Take it from the instruments in row order."""
        members: dict[str, list[int]] = {}
        for row, instrument in enumerate(instruments):
            if instrument.kind == "equity" and instrument.sector:
                members.setdefault(instrument.sector, []).append(row)
        sectors = tuple((name, np.array(rows, np.int64)) for name, rows in sorted(members.items()))
        codes = np.full(len(instruments), UNKNOWN_SECTOR, np.int64)
        for code, (_, rows) in enumerate(sectors):
            codes[rows] = code
        return cls(
            keys=tuple(i.key for i in instruments),
            is_listed=np.array([i.kind in _LISTED_KINDS for i in instruments], np.bool_),
            indices=tuple(row for row, i in enumerate(instruments) if i.kind == "index"),
            sectors=sectors,
            sector_codes=codes,
        )


def _top(values: NDArray[Any], allowed: NDArray[np.bool_], limit: int, *, largest: bool) -> NDArray[np.int64]:
    """Rows of the largest (smallest) known values."""
    rows = np.flatnonzero(allowed & np.isfinite(values))
    order = np.argsort(-values[rows] if largest else values[rows], kind="stable")
    return rows[order[:limit]]


def market_lists(
    universe: Universe, columns: Mapping[str, NDArray[Any]], limit: int, undervalued: Mapping[str, float]
) -> dict[str, Any]:
    """`lists` {name: keys}, `breadth` counts, `sectors` (weighted by market cap, else equally), `indices` keys.

    `undervalued_definition` says in words what that list holds.
    """
    listed = universe.is_listed
    thresholds = Thresholds.of(undervalued)
    change = columns["change_pct"]
    with np.errstate(invalid="ignore"):
        at_high = listed & (np.fmax(columns["day.high"], columns["close"]) >= columns["high_52w"])
        at_low = listed & (np.fmin(columns["day.low"], columns["close"]) <= columns["low_52w"])
        up, down, flat = change > 0, change < 0, change == 0
        spiking = listed & (columns["volume_spike"] >= _SPIKE)
        turnover = columns["turnover"]
        cheap = listed & undervalued_mask(columns, universe.sector_codes, thresholds)
    rows = {
        "top_gainers": _top(change, listed & up, limit, largest=True),
        "top_losers": _top(change, listed & down, limit, largest=False),
        "high_52w": _top(change, at_high, limit, largest=True),
        "low_52w": _top(change, at_low, limit, largest=False),
        "most_active": _top(turnover, listed & (turnover > 0), limit, largest=True),
        "unusual_volume": _top(columns["volume_spike"], spiking, limit, largest=True),
        "volatile": _top(columns["volatility"], listed, limit, largest=True),
        "undervalued": _top(columns["fund.pe"], cheap, limit, largest=False),
    }
    keys = universe.keys
    return {
        "lists": {name: [keys[row] for row in found] for name, found in rows.items()},
        "undervalued_definition": describe(thresholds),
        "breadth": {
            "advances": int(np.count_nonzero(listed & up)),
            "declines": int(np.count_nonzero(listed & down)),
            "unchanged": int(np.count_nonzero(listed & flat)),
            "unknown": int(np.count_nonzero(listed & ~np.isfinite(change))),
        },
        "sectors": [_sector(name, rows, columns) for name, rows in universe.sectors],
        "indices": [keys[row] for row in universe.indices],
    }


def _sector(name: str, rows: NDArray[np.int64], columns: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Change of a sector: by market cap where every known member has one, else the plain mean."""
    change = columns["change_pct"][rows]
    known = np.isfinite(change)
    weight = columns["fund.market_cap"][rows][known]
    if not len(weight) or not np.isfinite(weight).all():
        weight = np.ones(int(known.sum()))
    total = float(weight.sum())
    return {
        "sector": name,
        "change_pct": float((change[known] * weight).sum() / total) if total > 0 else None,
        "advances": int(np.count_nonzero(change > 0)),
        "declines": int(np.count_nonzero(change < 0)),
        "count": len(rows),
    }
