"""After warming nothing that options are asked for has to be compiled."""

import sys
from datetime import date

import numpy as np
from numba.core.registry import CPUDispatcher

from marketbell.core.options.analysis import Analysed, analyse
from marketbell.core.options.chain import Chain, Side
from marketbell.core.options.margin import INDEX, estimate_margin
from marketbell.core.options.model import Model, ModelSettings
from marketbell.core.options.payoff import assess
from marketbell.core.options.strategies import build, market_of
from marketbell.core.options.surface import build_surface, smile_of
from marketbell.core.options.warm import warm_options

NOW = 1_787_000_000_000_000_000
WEEK = 7 * 86_400 * 10**9


def test_a_whole_day_of_work_compiles_nothing_new() -> None:
    warm_options()
    before = compiled()
    chains = [chain(weeks) for weeks in (1, 5)]
    for model in Model:
        analyse(chains[0].chain, ModelSettings(model))
    analyse(chains[0].chain, previous=chains[0])
    build_surface(smile_of(one) for one in chains)
    market = market_of(chains)
    for name in ("iron_condor", "call_calendar", "collar"):
        legs = build(name, *chains).legs
        assess(legs, market)
        estimate_margin(legs, market, INDEX)
    assert compiled() - before == set()


def chain(weeks: int) -> Analysed:
    """Fifty strikes, without bids on one side and with a last price unknown here and there."""
    strikes = np.arange(23_500.0, 26_000.0, 50.0)
    time_value = 200.0 * np.sqrt(weeks) * np.exp(-(((strikes - 24_700.0) / 700.0) ** 2))
    call, put = np.maximum(24_700.0 - strikes, 0.0) + time_value, np.maximum(strikes - 24_700.0, 0.0) + time_value
    call[3] = np.nan
    sides = Side.of(50, last=call, volume=call, oi=call), Side.of(50, last=put, bid=put - 0.05, ask=put + 0.05, oi=put)
    day = date(2026, 8, 17 + weeks)
    return analyse(
        Chain("NSE:NIFTY", day, NOW, 24_700.0, strikes, *sides, expires_at=NOW + weeks * WEEK, lot_size=75.0)
    )


def compiled() -> set[tuple[str, str]]:
    """Every kernel of the options room with the types it is ready for."""
    modules = [module for name, module in sys.modules.items() if name.startswith("marketbell.core.options")]
    return {
        (one.__qualname__, str(signature))
        for module in modules
        for one in vars(module).values()
        if isinstance(one, CPUDispatcher)
        for signature in one.signatures
    }
