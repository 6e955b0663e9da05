"""Smiles: an SVI slice fitted by us, by QuantLib, by SciPy's bounded least squares."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import QuantLib as ql  # noqa: N813 — as its own examples do
from scipy.optimize import least_squares

from marketbell.core.options.chain import Floats
from marketbell.core.options.svi import Svi, fit_svi
from marketbell.processes.cli.bench.rows import BenchRow, in_turn, seconds

STRIKES = 41
RUNS = 7
CALLS = 20
TRUE = Svi(0.01, 0.1, -0.5, 0.02, 0.1)
NOISE = 1e-4
"""Of total variance: about 0.05 points of volatility."""
SEED = 20_260_806
FORWARD = 100.0
_GUESS = Svi(0.01, 0.1, -0.3, 0.0, 0.15)
"""Where the peers begin: close by, as one who knows the market would."""


def rows() -> list[BenchRow]:
    """RuntimeError where a peer's slice lies nearer to the quotes than ours."""
    k = np.linspace(-0.35, 0.25, STRIKES)
    iv = np.sqrt(TRUE.total_variance(k) + np.random.default_rng(SEED).normal(0.0, NOISE, STRIKES))
    ones = np.ones(STRIKES)
    works: dict[str, Callable[[], Floats]] = {
        "QuantLib SviInterpolatedSmileSection, from a near guess": lambda: _quantlib(k, iv),
        "SciPy bounded least squares, from a near guess": lambda: _scipy(k, iv),
    }
    mine = _miss(fit_svi(k, iv, 1.0, ones).fitted, iv)
    for name, work in works.items():
        theirs = _miss(work(), iv)
        if mine > theirs * (1.0 + 1e-4):
            message = f"{name} lies {theirs:.3e} from the quotes, ours {mine:.3e}"
            raise RuntimeError(message)
    ours, *peers = in_turn(
        RUNS, _time(lambda: fit_svi(k, iv, 1.0, ones)), *(_time(work) for work in works.values())
    )  # fmt: skip
    case = f"an SVI slice of {STRIKES} strikes, ours without a guess and with its butterfly check"
    return [
        BenchRow(case, "ms", ours, theirs, name, None, higher_is_better=False)
        for name, theirs in zip(works, peers, strict=True)
    ]


def _time(work: Callable[[], Any]) -> Callable[[], float]:
    return lambda: 1e3 * seconds(lambda: [work() for _ in range(CALLS)]) / CALLS


def _miss(fitted: Floats, iv: Floats) -> float:
    return float(np.sqrt(np.mean((fitted - iv) ** 2)))


def _quantlib(k: Floats, iv: Floats) -> Floats:
    today = ql.Date(6, 8, 2026)
    ql.Settings.instance().evaluationDate = today
    strikes = (FORWARD * np.exp(k)).tolist()
    a, b, rho, m, sigma = _GUESS
    section = ql.SviInterpolatedSmileSection(
        today + 365, FORWARD, strikes, False, 0.15, iv.tolist(), a, b, sigma, rho, m, False, False, False, False, False,
        False,
    )  # fmt: skip
    return np.array([section.volatility(strike) for strike in strikes])


def _scipy(k: Floats, iv: Floats) -> Floats:
    def misses(x: Floats) -> Floats:
        return Svi(*x).iv(k, 1.0) - iv

    found = least_squares(
        misses, _GUESS, bounds=([-1.0, 0.0, -0.999, -1.0, 1e-4], [1.0, 2.0, 0.999, 1.0, math.inf]), x_scale="jac"
    )
    return Svi(*found.x.tolist()).iv(k, 1.0)
