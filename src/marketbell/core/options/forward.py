"""The price an option trades at, and the forward of its expiry (definitions.md §5.3 and §5.5).

Source of the parity forward: put-call parity, C - P = e^{-rT} (F - K) (Stoll 1969); Black (1976) for its use.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from marketbell.core.options.chain import Chain, Floats, Side

# mypy: disable-error-code="misc"

NEAREST = 5
"""Strikes that give the parity forward."""
_FEWEST_LASTS = 3
"""Of last prices, which may be from different moments, at least so many strikes must agree on a median."""


class Forward(NamedTuple):
    """A forward and where it is from.

    `future` the listed future of the expiry; `parity` mids of both sides near the money; `parity_last` last prices of
    both sides that traded, where the source has no quotes; `spot` the spot, for want of all these; empty: none.
    """

    price: float
    source: str


@njit(cache=True, error_model="numpy", nogil=True)
def _mids(bid: Floats, ask: Floats, out: Floats) -> None:
    """The mid where 0 < bid <= ask, else NaN."""
    for i in range(len(bid)):
        out[i] = 0.5 * (bid[i] + ask[i]) if 0.0 < bid[i] <= ask[i] < np.inf else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _used(bid: Floats, ask: Floats, last: Floats, out: Floats) -> None:
    """The mid, else the last price above zero, else NaN."""
    for i in range(len(bid)):
        if 0.0 < bid[i] <= ask[i] < np.inf:
            out[i] = 0.5 * (bid[i] + ask[i])
        else:
            out[i] = last[i] if 0.0 < last[i] < np.inf else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _traded(last: Floats, volume: Floats, out: Floats) -> None:
    """The last price of what traded today (or may have: volume unknown), else NaN."""
    for i in range(len(last)):
        out[i] = last[i] if 0.0 < last[i] < np.inf and volume[i] != 0.0 else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _parity(strikes: Floats, call: Floats, put: Floats, spot: float, growth: float, least: int) -> float:
    """The median of K + growth · (C - P) over the strikes with both that are nearest the spot (lower first)."""
    n = len(strikes)
    found = np.empty(NEAREST)
    high = np.searchsorted(strikes, spot)
    low = high - 1
    count = 0
    while count < NEAREST and (low >= 0 or high < n):
        if high >= n or (low >= 0 and spot - strikes[low] <= strikes[high] - spot):
            at = low
            low -= 1
        else:
            at = high
            high += 1
        value = strikes[at] + growth * (call[at] - put[at])
        if value > 0.0:
            found[count] = value
            count += 1
    return np.median(found[:count]) if count >= least else np.nan


def mids(side: Side) -> Floats:
    """Mid of each strike's quotes, NaN where there are not two that do not cross."""
    out = np.empty(len(side.bid))
    _mids(side.bid, side.ask, out)
    return out


def prices(side: Side) -> Floats:
    """The price used of each strike: mid, else last above zero, else NaN (definitions.md §5.3)."""
    out = np.empty(len(side.bid))
    _used(side.bid, side.ask, side.last, out)
    return out


def forward_of(chain: Chain, rate: float, t_years: float) -> Forward:
    """The forward of the chain's expiry (definitions.md §5.5): its listed future, else parity, else the spot.

    `rate` is a fraction a year; without a known time a rate other than 0 leaves no parity. Of fewer than five strikes
    with both prices those there are count.
    """
    if 0.0 < chain.future < math.inf:
        return Forward(chain.future, "future")
    if not 0.0 < chain.spot < math.inf:
        return Forward(math.nan, "")
    growth = 1.0 if rate == 0.0 else math.exp(rate * max(t_years, 0.0)) if not math.isnan(t_years) else math.nan
    call, put = np.empty(len(chain)), np.empty(len(chain))
    _mids(chain.call.bid, chain.call.ask, call)
    _mids(chain.put.bid, chain.put.ask, put)
    price = _parity(chain.strikes, call, put, chain.spot, growth, 1)
    if not math.isnan(price):
        return Forward(price, "parity")
    _traded(chain.call.last, chain.call.volume, call)
    _traded(chain.put.last, chain.put.volume, put)
    price = _parity(chain.strikes, call, put, chain.spot, growth, _FEWEST_LASTS)
    if not math.isnan(price):
        return Forward(price, "parity_last")
    return Forward(chain.spot, "spot")
