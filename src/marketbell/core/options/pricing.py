"""Volatility, price and Greeks of whole markets: columns in, columns out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.options import american, black_kernel, implied_kernel
from marketbell.core.options.chain import Floats
from marketbell.core.options.contracts import OUTPUTS
from marketbell.core.options.model import Model, ModelSettings

SERIAL_BELOW = 50_000
"""Contracts, some 3 ms on one core. Under it the cores save little where they are free. Where they are not, waiting for
the last of them costs ten times the work: 11 ms for 10,000 contracts against 0.6 ms on one (docs/decisions/0013)."""
SERIAL_TREES_BELOW = 16
"""The same of the American model, where a contract costs a thousand times as much."""
_NOTHING = np.full(1, np.nan)
_CORES = ["free"]
"""Who takes the word out has all cores; another thread meanwhile does with its own. Numba's simplest threading layer,
which stands in where no OpenMP is installed, ends the process when two threads use it at once."""


@dataclass(frozen=True, slots=True)
class Priced:
    """One entry a contract, NaN where `status` is not OK; the price that was given stays.

    `iv` is a fraction. `delta` and `gamma` are to the spot (an unknown spot leaves them, vanna and charm unknown).
    `vega` is for a percentage point of volatility, `rho` for one of the rate, `theta` and `charm` (change of the delta)
    for a calendar day, `vanna` (change of the delta) and `volga` (change of the vega) for a percentage point of
    volatility. Formulas and sources: black_kernel.py.
    """

    price: Floats
    iv: Floats
    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    rho: Floats
    vanna: Floats
    volga: Floats
    charm: Floats
    status: NDArray[np.uint8]
    """The numbers of model.Status."""

    def __len__(self) -> int:
        return len(self.status)


def implied(
    price: Any,
    strike: Any,
    is_call: Any,
    spot: Any,
    forward: Any,
    t_years: Any,
    settings: ModelSettings,
    warm: Any = None,
) -> Priced:
    """Volatility and Greeks of prices: arrays of shape (contracts,), or one number for all of them.

    `forward` counts in the model BLACK76 alone. `t_years` is the time to expiry in years of 365 days. `warm` is each
    contract's last volatility, NaN for none: where the search may begin; the answer does not depend on it.
    ValueError where the shapes do not fit.
    """
    columns = _columns(price, strike, is_call, spot, forward, t_years)
    columns.append(_NOTHING if warm is None else _column(warm, np.float64))
    kernels = american if settings.model is Model.AMERICAN else implied_kernel
    return _run(kernels.implied_rows, kernels.implied_parallel, columns, settings)


def value(iv: Any, strike: Any, is_call: Any, spot: Any, forward: Any, t_years: Any, settings: ModelSettings) -> Priced:
    """Price and Greeks of volatilities (fractions); the arguments as in `implied`.

    A volatility of NaN is NO_PRICE, one that is zero, negative or infinite BAD_INPUT.
    """
    columns = _columns(iv, strike, is_call, spot, forward, t_years)
    kernels = american if settings.model is Model.AMERICAN else black_kernel
    return _run(kernels.value_rows, kernels.value_parallel, columns, settings)


def _columns(known: Any, strike: Any, is_call: Any, spot: Any, forward: Any, t_years: Any) -> list[NDArray[Any]]:
    floats = [_column(one, np.float64) for one in (known, strike, spot, forward, t_years)]
    return [*floats[:2], _column(is_call, np.bool_), *floats[2:]]


def _column(given: Any, kind: type) -> NDArray[Any]:
    """One dimension, one kind, contiguous and writable: each other form would be compiled anew."""
    array: NDArray[Any] = np.ascontiguousarray(given, kind)
    if array.ndim != 1:
        message = f"contracts stand in one dimension, not in {array.shape}"
        raise ValueError(message)
    return array if array.flags.writeable else array.copy()


def _run(serial: Any, parallel: Any, columns: list[NDArray[Any]], settings: ModelSettings) -> Priced:
    lengths = {len(one) for one in columns} - {1}
    if len(lengths) > 1:
        message = f"columns of different lengths: {', '.join(str(len(one)) for one in columns)}"
        raise ValueError(message)
    count = lengths.pop() if lengths else 1
    out = np.empty((OUTPUTS, count))
    status = np.empty(count, np.uint8)
    tail = (settings.rate_used, settings.dividend_yield, settings.model is not Model.BLACK76, out, status)
    is_small = count < (SERIAL_TREES_BELOW if settings.model is Model.AMERICAN else SERIAL_BELOW)
    try:
        token = None if is_small else _CORES.pop()
    except IndexError:
        token = None
    if token is None:
        serial(0, count, *columns, *tail)
    else:
        try:
            parallel(*columns, *tail)
        finally:
            _CORES.append(token)
    price, iv, delta, gamma, vega, theta, rho, vanna, volga, charm = out
    return Priced(price, iv, delta, gamma, vega, theta, rho, vanna, volga, charm, status)
