"""Rules for daily rows (definitions.md §3): columns in, verdicts out.

A row that is dropped enters nothing else. Order of checks: bad_price, stale_day, then the repair
bad_bar; suspect_split and closed_day are flags.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketbell.core.quality.kinds import QualityKind

_RATIOS = (1 / 2, 1 / 3, 1 / 5, 1 / 10, 2 / 3, 2.0, 3.0, 5.0, 10.0)
_TOLERANCE = 0.02
"""Distance in log price within which an overnight ratio looks like a split."""

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class DailyVerdict:
    """What the rules say about rows in file order.

    `keep` rows enter the history. `prices` are the repaired open, high, low and close of all rows
    (NaN where the file has no such column). `kinds` holds a mask for each kind that occurred.
    """

    keep: NDArray[np.bool_]
    prices: dict[str, NDArray[np.float64]]
    kinds: dict[QualityKind, NDArray[np.bool_]]


def _same_as_before(column: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Row i equals row i - 1; two missing numbers are equal."""
    same = np.zeros(len(column), np.bool_)
    if len(column) > 1:
        same[1:] = column[1:] == column[:-1]
        if column.dtype.kind == "f":
            missing = np.isnan(column.astype(np.float64))
            same[1:] |= missing[1:] & missing[:-1]
    return same


def judge_daily(
    symbol: NDArray[np.generic],
    prices: Mapping[str, NDArray[np.float64]],
    others: Mapping[str, NDArray[np.generic]],
    *,
    prev_close: NDArray[np.float64] | None = None,
    is_open_day: NDArray[np.bool_] | None = None,
    has_action: NDArray[np.bool_] | None = None,
) -> DailyVerdict:
    """Judge the rows of a daily file.

    `symbol` marks where one instrument's rows end (rows of one symbol stand together, by date).
    `prices` are the price columns that the file has, `others` every further column but the date
    (volume, previous close, delivery ...): all of them must repeat for a stale day. `is_open_day`
    says whether the calendar knows the date; `has_action` where a corporate action explains a jump.
    """
    count = len(symbol)
    same_symbol = np.zeros(count, np.bool_)
    same_symbol[1:] = symbol[1:] == symbol[:-1]

    bad_price = np.zeros(count, np.bool_)
    for values in prices.values():
        bad_price |= ~np.isfinite(values) | (values <= 0)

    stale = same_symbol.copy()
    every: list[NDArray[np.generic]] = [*prices.values(), *others.values()]
    for column in every:
        stale &= _same_as_before(column)
    stale &= ~bad_price

    keep = ~(bad_price | stale)
    mended = {name: np.array(prices.get(name, np.full(count, np.nan)), np.float64) for name in PRICES}
    bad_bar = np.zeros(count, np.bool_)
    if {"open", "high", "low"} <= prices.keys():
        top = np.maximum.reduce([mended[name] for name in PRICES])
        bottom = np.minimum.reduce([mended[name] for name in PRICES])
        bad_bar = keep & ((top != mended["high"]) | (bottom != mended["low"]))
        mended["high"] = np.where(bad_bar, top, mended["high"])
        mended["low"] = np.where(bad_bar, bottom, mended["low"])

    kinds = {
        QualityKind.BAD_PRICE: bad_price,
        QualityKind.STALE_DAY: stale,
        QualityKind.BAD_BAR: bad_bar,
        QualityKind.SUSPECT_SPLIT: _suspect_split(symbol, mended["close"], keep, prev_close, has_action),
    }
    if is_open_day is not None:
        kinds[QualityKind.CLOSED_DAY] = keep & ~is_open_day
    return DailyVerdict(keep, mended, {kind: mask for kind, mask in kinds.items() if mask.any()})


def _suspect_split(
    symbol: NDArray[np.generic],
    close: NDArray[np.float64],
    keep: NDArray[np.bool_],
    prev_close: NDArray[np.float64] | None,
    has_action: NDArray[np.bool_] | None,
) -> NDArray[np.bool_]:
    """Close over the previous kept close lies near a small-integer ratio.

    Where the source gives the exchange's own previous close (adjusted on ex-dates) that one counts.
    """
    suspect = np.zeros(len(close), np.bool_)
    rows = np.flatnonzero(keep)
    before = np.full(len(rows), np.nan)
    if len(rows) > 1:
        together = symbol[rows[1:]] == symbol[rows[:-1]]
        before[1:] = np.where(together, close[rows[:-1]], np.nan)
    if prev_close is not None:
        given = prev_close[rows]
        before = np.where(np.isfinite(given) & (given > 0), given, before)
    with np.errstate(invalid="ignore"):
        ratio = close[rows] / before
        near = np.zeros(len(rows), np.bool_)
        for target in _RATIOS:
            near |= (ratio > target * math.exp(-_TOLERANCE)) & (ratio < target * math.exp(_TOLERANCE))
    if has_action is not None:
        near &= ~has_action[rows]
    suspect[rows] = near
    return suspect
