"""Build-up: what price and open interest did together.

Price and OI up: long build-up. Price down, OI up: short build-up. Both down: long unwinding. Price up, OI down: short
covering. Of an option the price is its premium. No change of either is no state. The reference is always stated: the
previous trading day's close (`of_chain`) or an earlier chain (`between`).
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from marketbell.core.options.chain import Chain, Floats, Side
from marketbell.core.options.forward import NEAREST

# mypy: disable-error-code="misc"

Codes = NDArray[np.uint8]

STATES = ("", "long_buildup", "short_buildup", "long_unwinding", "short_covering")
"""Names by code. The same as the rule language's `opt.oi_state`."""


@njit(cache=True, error_model="numpy", nogil=True)
def state(price_change: float, oi_change: float) -> int:
    """The code of one pair of changes; 0 where one is unknown or zero."""
    if price_change > 0.0:
        return 1 if oi_change > 0.0 else 4 if oi_change < 0.0 else 0
    if price_change < 0.0:
        return 2 if oi_change > 0.0 else 3 if oi_change < 0.0 else 0
    return 0


@njit(cache=True, error_model="numpy", nogil=True)
def _states(price_change: Floats, oi_change: Floats, out: Codes) -> None:
    for i in range(len(out)):
        out[i] = state(price_change[i], oi_change[i])


def states(price_change: Floats, oi_change: Floats) -> Codes:
    """Codes of pairs of changes, arrays of one length."""
    out = np.zeros(len(price_change), np.uint8)
    _states(np.asarray(price_change, np.float64), np.asarray(oi_change, np.float64), out)
    return out


def of_chain(chain: Chain) -> tuple[Codes, Codes]:
    """Codes of the calls and the puts of each strike against the previous trading day's close."""
    return _of_side(chain.call), _of_side(chain.put)


def between(now: Chain, before: Chain) -> tuple[Codes, Codes]:
    """Codes of each strike of `now` against an earlier chain of the same expiry; 0 for strikes that it lacks."""
    if not len(before):
        return np.zeros(len(now), np.uint8), np.zeros(len(now), np.uint8)
    at = np.minimum(np.searchsorted(before.strikes, now.strikes), len(before) - 1)
    is_known = before.strikes[at] == now.strikes
    pairs = ((now.call, before.call), (now.put, before.put))
    call, put = (
        states(np.where(is_known, new.last - old.last[at], np.nan), np.where(is_known, new.oi - old.oi[at], np.nan))
        for new, old in pairs
    )
    return call, put


def of_underlying(chain: Chain) -> str:
    """The state of the underlying as its options of this expiry tell it, against the previous day's close.

    Price: the change of the parity forward, the median of (C - P) now less (C - P) then over the five strikes nearest
    the spot that have all four prices. Open interest: the change of all calls and puts. Empty where one is unknown.
    """
    return STATES[state(forward_change(chain), oi_change(chain))]


def oi_change(chain: Chain) -> float:
    """Change of open interest of all calls and puts against the previous day; NaN where no strike tells it."""
    both = np.concatenate([chain.call.oi_change, chain.put.oi_change])
    known = both[~np.isnan(both)]
    return float(known.sum()) if len(known) else math.nan


def forward_change(chain: Chain) -> float:
    """Change of the parity forward against the previous close, from last prices near the money; NaN unknown."""
    call, put = chain.call, chain.put
    moved = (call.last - put.last) - (call.prev_close - put.prev_close)
    positive = (call.last > 0) & (put.last > 0) & (call.prev_close > 0) & (put.prev_close > 0)
    known = np.flatnonzero(positive)
    if not len(known) or math.isnan(chain.spot):
        return math.nan
    order = np.argsort(np.abs(chain.strikes[known] - chain.spot), kind="stable")
    return float(np.median(moved[known[order[:NEAREST]]]))


def _of_side(side: Side) -> Codes:
    is_known = (side.last > 0) & (side.prev_close > 0)
    return states(np.where(is_known, side.last - side.prev_close, np.nan), side.oi_change)
