"""Operators that work bar by bar, over three truths: a condition is 1, 0 or NaN, and NaN is unknown.

An unknown or infinite number makes the result unknown, but where the operator says otherwise: `and` with a
false and `or` with a true side are known, `if` reads only the side that its condition takes, `coalesce`
takes the first known one, `known` is always known.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from marketbell.core.primitives.errors import UserError

Floats = NDArray[np.float64]


def apply(name: str, x: Sequence[Floats]) -> Floats:
    """`name` over inputs of equal length; the result is new. UserError for an operator that does not exist."""
    known = _OPERATORS.get(name)
    if known is None:
        raise UserError(f"`{name}` is no operator")
    with np.errstate(all="ignore"):
        return known(x)


def _finite(values: Floats) -> Floats:
    values[np.isinf(values)] = np.nan
    return values


def _folded(function: Callable[[Floats, Floats], Floats]) -> Callable[[Sequence[Floats]], Floats]:
    return lambda x: _finite(np.array(reduce(function, x), np.float64))


def _compared(function: Callable[[Floats, Floats], NDArray[np.bool_]]) -> Callable[[Sequence[Floats]], Floats]:
    def compare(x: Sequence[Floats]) -> Floats:
        values: Floats = function(x[0], x[1]).astype(np.float64)
        values[np.isnan(x[0]) | np.isnan(x[1])] = np.nan
        return values

    return compare


def _and(a: Floats, b: Floats) -> Floats:
    unknown = np.isnan(a) | np.isnan(b)
    values: Floats = ((a != 0) & (b != 0)).astype(np.float64)
    values[unknown] = np.nan
    values[(a == 0) | (b == 0)] = 0.0
    return values


def _or(a: Floats, b: Floats) -> Floats:
    unknown = np.isnan(a) | np.isnan(b)
    true = ((a != 0) & ~np.isnan(a)) | ((b != 0) & ~np.isnan(b))
    values: Floats = true.astype(np.float64)
    values[unknown & ~true] = np.nan
    return values


def _not(x: Sequence[Floats]) -> Floats:
    values: Floats = (x[0] == 0).astype(np.float64)
    values[np.isnan(x[0])] = np.nan
    return values


def _if(x: Sequence[Floats]) -> Floats:
    condition, then, otherwise = x
    return np.where(np.isnan(condition), np.nan, np.where(condition != 0, then, otherwise))


def _coalesce(x: Sequence[Floats]) -> Floats:
    values = np.array(x[0])
    for other in x[1:]:
        values = np.where(np.isnan(values), other, values)
    return values


def _round(x: Sequence[Floats]) -> Floats:
    """To whole numbers, or to as many decimals as the second input says; halves away from zero."""
    if len(x) == 1:
        return _finite(_whole(x[0]))
    scale = np.array([10.0 ** int(digits) if np.isfinite(digits) else np.nan for digits in x[1]])
    return _finite(_whole(x[0] * scale) / scale)


def _whole(x: Floats) -> Floats:
    size = np.abs(x)
    low = np.floor(size)
    whole: Floats = np.copysign(low + (size - low >= 0.5), x)
    return whole


def _crossed(x: Sequence[Floats], *, is_up: bool) -> Floats:
    """Left, right, and both at the evaluation before; unknown where one of the four is."""
    now, other, before, other_before = x
    if is_up:
        values = ((before <= other_before) & (now > other)).astype(np.float64)
    else:
        values = ((before >= other_before) & (now < other)).astype(np.float64)
    values[np.isnan(now) | np.isnan(other) | np.isnan(before) | np.isnan(other_before)] = np.nan
    return values


_OPERATORS: Mapping[str, Callable[[Sequence[Floats]], Floats]] = {
    "+": _folded(np.add),
    "-": _folded(np.subtract),
    "*": _folded(np.multiply),
    "/": _folded(np.divide),
    "min": _folded(np.minimum),
    "max": _folded(np.maximum),
    "neg": lambda x: -x[0],
    "abs": lambda x: np.abs(x[0]),
    "round": _round,
    ">": _compared(np.greater),
    ">=": _compared(np.greater_equal),
    "<": _compared(np.less),
    "<=": _compared(np.less_equal),
    "=": _compared(np.equal),
    "!=": _compared(np.not_equal),
    "and": lambda x: np.array(reduce(_and, x), np.float64),
    "or": lambda x: np.array(reduce(_or, x), np.float64),
    "not": _not,
    "if": _if,
    "coalesce": _coalesce,
    "known": lambda x: (~np.isnan(x[0])).astype(np.float64),
    "crosses above": lambda x: _crossed(x, is_up=True),
    "crosses below": lambda x: _crossed(x, is_up=False),
    "enters": lambda x: _and(x[0], _not([x[1]])),
    "leaves": lambda x: _and(x[1], _not([x[0]])),
}
