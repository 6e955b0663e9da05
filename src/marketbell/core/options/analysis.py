"""One chain analysed: forward, volatilities and Greeks of every contract, metrics of the expiry."""

import math
from dataclasses import dataclass

import numpy as np

from marketbell.core.options.chain import Chain, Floats
from marketbell.core.options.forward import forward_of, prices
from marketbell.core.options.metrics import Value, measure
from marketbell.core.options.model import ModelSettings
from marketbell.core.options.pricing import Priced, implied

_DEFAULT = ModelSettings()


@dataclass(frozen=True, slots=True)
class Analysed:
    """A chain with what follows from it under one model. Arrays have one entry a strike.

    `forward` is NaN and `forward_source` empty where there is none (`forward.Forward` says the sources). `t_years` is
    NaN where the moment or the expiry instant is unknown, zero or less after it. `call` and `put` hold prices
    (definitions.md §5.3), volatilities (fractions) and Greeks. `iv` is the volatility of the strike: of its
    out-of-the-money side (calls at or above the forward), of the other where that has none. `metrics` by name, see
    `metrics.METRICS`.
    """

    chain: Chain
    settings: ModelSettings
    forward: float
    forward_source: str
    t_years: float
    call: Priced
    put: Priced
    iv: Floats
    metrics: dict[str, Value]


def analyse(chain: Chain, settings: ModelSettings = _DEFAULT, previous: Analysed | None = None) -> Analysed:
    """Analyse one chain. `previous` is an earlier one of the same expiry: its volatilities are where solving begins."""
    count = len(chain)
    t_years, rate = chain.t_years, settings.rate_used
    forward, source = forward_of(chain, rate, t_years)
    priced = implied(
        np.concatenate([prices(chain.call), prices(chain.put)]),
        np.concatenate([chain.strikes, chain.strikes]),
        np.arange(2 * count) < count,
        chain.spot,
        forward,
        t_years,
        settings,
        None if previous is None else _warm(chain.strikes, previous),
    )
    call, put = _part(priced, 0, count), _part(priced, count, 2 * count)
    smile = _smile(chain.strikes, forward, call.iv, put.iv)
    discount = math.exp(-rate * t_years) if t_years > 0 else 1.0
    metrics = measure(chain, forward, discount, t_years, call, put, smile)
    return Analysed(chain, settings, forward, source, t_years, call, put, smile, metrics)


def _part(priced: Priced, start: int, end: int) -> Priced:
    return Priced(
        price=priced.price[start:end],
        iv=priced.iv[start:end],
        delta=priced.delta[start:end],
        gamma=priced.gamma[start:end],
        vega=priced.vega[start:end],
        theta=priced.theta[start:end],
        rho=priced.rho[start:end],
        vanna=priced.vanna[start:end],
        volga=priced.volga[start:end],
        charm=priced.charm[start:end],
        status=priced.status[start:end],
    )


def _smile(strikes: Floats, forward: float, call: Floats, put: Floats) -> Floats:
    is_call = strikes >= forward
    first, second = np.where(is_call, call, put), np.where(is_call, put, call)
    return np.where(np.isnan(first), second, first)


def _warm(strikes: Floats, previous: Analysed) -> Floats:
    """The earlier volatilities at these strikes, calls then puts; NaN for new strikes."""
    known = previous.chain.strikes
    if len(known) == len(strikes) and np.array_equal(known, strikes):
        return np.concatenate([previous.call.iv, previous.put.iv])
    if not len(known):
        return np.full(2 * len(strikes), np.nan)
    at = np.minimum(np.searchsorted(known, strikes), len(known) - 1)
    is_known = known[at] == strikes
    call, put = np.where(is_known, previous.call.iv[at], np.nan), np.where(is_known, previous.put.iv[at], np.nan)
    return np.concatenate([call, put])
