"""The kernels of the catalogue's functions, by name.

Kernels compile at their first call and are kept on disk. Call them with C-contiguous arrays of the stated
types only, so that each compiles once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from marketbell.core.indicators import (
    adx,
    atr,
    bars_since,
    bb,
    beta,
    cci,
    change,
    corr,
    count,
    ema,
    gap,
    held,
    highest,
    hv,
    lowest,
    macd,
    mfi,
    moves,
    obv,
    orb,
    pct_change,
    percentile,
    pivots,
    rsi,
    seen,
    slope,
    sma,
    stdev,
    stoch,
    supertrend,
    then,
    value_when,
    vwap,
    wma,
    zscore,
)
from marketbell.core.indicators import sum as window_sum
from marketbell.core.indicators.catalogue import BY_NAME, PREDICATES, Signature
from marketbell.core.primitives.errors import UserError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Run = Callable[[Floats, Ints, Floats, Floats, bool, Floats], int | None]


class Growing(Protocol):
    """A kernel whose rows may need more places than they have."""

    def wider(self, width: int) -> int:
        """How many places a row has that needs more than `width`."""

    def settled(self, state: Floats) -> Floats:
        """A copy in which equal states have equal bytes, however wide they grew."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """A function that runs.

    `places` says how many float64 places a row of state needs with these parameters; a row of zeros is fresh.
    `run(state, rows, x, p, keep, out)` feeds x[:, i] (the signature's arguments, then its bars) to the row
    rows[i], i = 0, 1, … in order, and puts the values after it into out[:, i]. With `keep` the row moves on (a
    closed bar); without it the row stays exactly as it was (the tentative value of a forming bar).
    state float64[rows, places], rows int64[n], x float64[inputs, n], p float64[parameters], out float64[outputs, n].
    `text` is the docstring of its file: definition, source, what it makes of unknown inputs.
    Where `growing` is there, `run` gives how many bars it took: behind these it needs a wider state, with zeros on the
    right of what is there.
    """

    signature: Signature
    places: Callable[[Sequence[float]], int]
    run: Run
    text: str
    growing: Growing | None = None

    def feed(self, state: Floats, rows: Ints, x: Floats, p: Floats, out: Floats, *, keep: bool) -> Floats:
        """`run` over all bars; gives the state, which is another one where it had to grow."""
        taken = self.run(state, rows, x, p, keep, out)
        while self.growing is not None and taken is not None and taken < len(rows):
            more = self.growing.wider(state.shape[1]) - state.shape[1]
            state = np.concatenate([state, np.zeros((len(state), more))], axis=1)
            rows, x = rows[taken:], np.ascontiguousarray(x[:, taken:])
            rest = np.empty((len(out), len(rows)))
            taken = self.run(state, rows, x, p, keep, rest)
            out[:, -len(rows) :] = rest
        return state


_MODULES = {
    "sma": sma,
    "avg": sma,
    "sum": window_sum,
    "ema": ema,
    "wma": wma,
    "rsi": rsi,
    "macd": macd,
    "bb": bb,
    "atr": atr,
    "adx": adx,
    "supertrend": supertrend,
    "stoch": stoch,
    "vwap": vwap,
    "obv": obv,
    "mfi": mfi,
    "cci": cci,
    "highest": highest,
    "lowest": lowest,
    "change": change,
    "pct_change": pct_change,
    "roc": pct_change,
    "count": count,
    "stdev": stdev,
    "zscore": zscore,
    "slope": slope,
    "corr": corr,
    "beta": beta,
    "hv": hv,
    "percentile": percentile,
    "bars_since": bars_since,
    "value_when": value_when,
    "orb": orb,
    "pivots": pivots,
    "gap": gap,
}

IMPLEMENTATIONS: dict[str, Implementation] = {
    name: Implementation(BY_NAME[name], module.places, module.run, module.__doc__ or "")
    for name, module in _MODULES.items()
}

IMPLEMENTATIONS |= {
    name: Implementation(PREDICATES[name], module.places, module.run, module.__doc__ or "")
    for name, module in {"held for": held, "seen in last": seen, "then": then}.items()
} | {"moves by": Implementation(PREDICATES["moves by"], moves.places, moves.run, moves.__doc__ or "", moves)}


def batch(name: str, parameters: Sequence[float], inputs: Sequence[Floats]) -> Floats:
    """The function over a whole history: float64[outputs, bars], NaN where unknown.

    `inputs` are the signature's arguments, then its bars, one float64 array each, oldest first. The same kernel as
    bar by bar, hence the same values to the last bit. UserError where the name, the parameters' or the inputs'
    number or length do not fit.
    """
    known = IMPLEMENTATIONS.get(name)
    if known is None:
        raise UserError(f"the function `{name}` is not known")
    signature = known.signature
    wanted = (*signature.arguments, *signature.bars)
    if len(parameters) != len(signature.parameters):
        raise UserError(f"{name} takes {len(signature.parameters)} parameters, {len(parameters)} were given")
    if len(inputs) != len(wanted):
        raise UserError(f"{name} reads {', '.join(wanted)}: {len(wanted)} series, {len(inputs)} were given")
    if len({len(series) for series in inputs}) != 1:
        raise UserError(f"the series of {name} must have one length, not {[len(series) for series in inputs]}")
    x = np.ascontiguousarray(np.stack([np.asarray(series, np.float64) for series in inputs]))
    count = x.shape[1]
    out = np.empty((len(signature.outputs), count))
    state = np.zeros((1, known.places(parameters)))
    known.feed(state, np.zeros(count, np.int64), x, np.array(parameters, np.float64), out, keep=True)
    return out
