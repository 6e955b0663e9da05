"""Compile every option kernel before it is needed: a tiny chain is analysed, fitted and valued.

Compiling takes seconds the first time on a machine and is cached by Numba after that.
"""

from dataclasses import replace
from datetime import date

import numpy as np

from marketbell.core.options.analysis import analyse
from marketbell.core.options.chain import Chain, Side
from marketbell.core.options.model import Model, ModelSettings
from marketbell.core.options.pricing import SERIAL_BELOW, value
from marketbell.core.options.surface import build_surface, smile_of

_DAY = 86_400 * 10**9


def warm_options(*, is_whole: bool = True) -> None:
    """Run the kernels once with the types that they will meet.

    `is_whole` takes in what people ask for (surfaces, the American model); without it what an engine needs.
    """
    strikes = np.linspace(90.0, 110.0, 9)
    prices = [value(0.2, strikes, is_call, 100.0, 100.0, 0.1, ModelSettings()).price for is_call in (True, False)]
    call, put = (Side.of(9, last=one, bid=one, ask=one, oi=one, volume=one, oi_change=one) for one in prices)
    chain = Chain("NONE:WARM", date(2026, 1, 30), _DAY, 100.0, strikes, call, put, 37 * _DAY)
    analysed = analyse(chain)
    # Without quotes the forward is had in another way.
    analyse(replace(chain, call=Side.of(9, last=prices[0]), put=Side.of(9, last=prices[1])))
    analyse(chain, previous=analysed)
    if is_whole:
        value(np.full(SERIAL_BELOW, 0.2), 100.0, True, 100.0, 100.0, 0.1, ModelSettings())
        build_surface([smile_of(analysed)])
        analyse(chain, ModelSettings(Model.AMERICAN))
