"""SVI slices: known numbers come back, peers fit no better, arbitrage is seen, bounds are kept."""

import functools
import math

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 — its usual name
from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.options.svi import FEWEST_QUOTES, Svi, SviFit, fit_svi, vega_weights
from marketbell.core.options.svi_kernel import LEE, linear_part
from marketbell.core.primitives.errors import UserError

VOGT = Svi(-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)
"""Axel Vogt's slice: Lee's bound and a positive variance, and yet a negative density."""
K = np.linspace(-0.35, 0.25, 41)


def weekly(spread: float) -> tuple[Svi, np.ndarray]:
    """A slice of an index six days out: total variance of 2.5e-4, quotes within four deviations."""
    return Svi(0.00012, 0.009, -0.45, 0.004, 0.012), np.linspace(-4 * spread, 3 * spread, 37)


def test_total_variance_is_quantlibs() -> None:
    theirs = ql.SviSmileSection(0.75, 100.0, [VOGT.a, VOGT.b, VOGT.sigma, VOGT.rho, VOGT.m])
    ours = VOGT.total_variance(K)
    assert ours == pytest.approx([theirs.variance(100.0 * math.exp(k)) for k in K], rel=1e-12)
    assert VOGT.iv(K, 0.75) == pytest.approx([theirs.volatility(100.0 * math.exp(k)) for k in K], rel=1e-12)


def test_vogts_slice_has_a_butterfly() -> None:
    found = Svi.checked(*VOGT).butterfly(-1.5, 1.5)
    assert found.min_g == pytest.approx(-0.0329, abs=5e-5)
    assert 0.8 < found.at_k < 0.95
    assert not found.is_free
    assert VOGT.is_lee_bounded
    # By brute force: nothing lies lower.
    assert VOGT.g(np.linspace(-1.5, 1.5, 300_001)).min() == pytest.approx(found.min_g, abs=1e-9)


def test_a_fit_to_vogts_slice_reports_its_butterfly() -> None:
    fit = fit_svi(K * 4, VOGT.iv(K * 4, 1.0), 1.0)
    assert fit.butterfly is not None
    assert fit.butterfly.min_g == pytest.approx(-0.0329, abs=5e-5)


def test_the_sign_of_g_is_the_sign_of_the_density() -> None:
    """Where g is negative the second difference of call prices (Black, by QuantLib) is, and nowhere else."""
    k = np.linspace(0.2, 1.4, 121)
    strikes = np.exp(k)

    def call(strike: float) -> float:
        w = float(VOGT.total_variance(np.log(strike)))
        return float(ql.blackFormula(ql.Option.Call, strike, 1.0, math.sqrt(w)))

    step = 1e-3
    density = [call(s - step) - 2 * call(s) + call(s + step) for s in strikes]
    g = VOGT.g(k)
    clear = np.abs(g) > 1e-3
    assert (np.sign(density)[clear] == np.sign(g)[clear]).all()
    assert (g < 0).any()
    assert (g > 0).any()


@pytest.mark.parametrize(
    "params",
    [
        VOGT,
        Svi(0.01, 0.1, -0.5, 0.02, 0.1),
        Svi(-0.01, 0.2, -0.3, 0.0, 0.08),
        Svi(0.02, 0.3, -0.9, -0.1, 0.05),
        Svi(0.0005, 0.02, 0.4, 0.01, 0.03),
    ],
)
@pytest.mark.parametrize("t_years", [0.02, 1.0])
def test_a_fit_finds_the_numbers_that_made_the_smile(params: Svi, t_years: float) -> None:
    fit = fit_svi(K, params.iv(K, t_years), t_years)
    assert fit.params is not None
    assert fit.params == pytest.approx(params, rel=1e-6, abs=1e-8)
    assert fit.rmse < 1e-9


def test_a_weekly_slice_is_found_though_its_variance_is_tiny() -> None:
    params, k = weekly(0.016)
    fit = fit_svi(k, params.iv(k, 6 / 365), 6 / 365)
    assert fit.params == pytest.approx(params, rel=1e-5)


def test_a_flat_smile_stays_flat() -> None:
    fit = fit_svi(K, np.full(len(K), 0.2), 0.5)
    assert fit.fitted == pytest.approx(0.2, rel=1e-9)
    assert fit.params is not None
    assert fit.params.iv(np.array([-3.0, 3.0]), 0.5) == pytest.approx(0.2, rel=1e-6)


def test_no_peer_fits_a_noisy_smile_better() -> None:
    """Weighted squares of total variance beside SciPy's bounded least squares from the true numbers."""
    from scipy.optimize import least_squares

    dice = np.random.default_rng(20260819)
    for params in (Svi(0.01, 0.1, -0.5, 0.02, 0.1), Svi(0.004, 0.06, -0.7, 0.03, 0.15)):
        w = params.total_variance(K) + dice.normal(0.0, 1e-4, len(K))
        iv = np.sqrt(w)
        fit = fit_svi(K, iv, 1.0, np.ones(len(K)))

        def misses(x: np.ndarray, w: np.ndarray = w, iv: np.ndarray = iv) -> np.ndarray:
            return np.asarray((Svi(*x).total_variance(K) - w) / (2.0 * iv))

        theirs = least_squares(
            misses,
            params,
            bounds=([-1, 0, -1, -2, 1e-4], [1, 2, 1, 2, 5]),
            x_scale=[0.01, 0.1, 1, 0.1, 0.1],
            xtol=1e-14,
        )
        ours = float(np.sum(misses(np.array(fit.params)) ** 2)) if fit.params else math.inf
        assert ours <= 2.0 * theirs.cost * (1 + 1e-6)


def test_no_worse_than_quantlibs_slice() -> None:
    dice = np.random.default_rng(7)
    params = Svi(0.01, 0.1, -0.5, 0.02, 0.1)
    iv = params.iv(K, 1.0) + dice.normal(0.0, 5e-4, len(K))
    today = ql.Date(19, 8, 2026)
    ql.Settings.instance().evaluationDate = today
    theirs = ql.SviInterpolatedSmileSection(
        today + 365, 100.0, [float(100.0 * math.exp(k)) for k in K], False, 0.15, [float(one) for one in iv],
        0.01, 0.1, 0.1, -0.4, 0.0, False, False, False, False, False, False,
    )  # fmt: skip
    their_iv = np.array([theirs.volatility(100.0 * math.exp(k)) for k in K])
    fit = fit_svi(K, iv, 1.0, np.ones(len(K)))
    assert fit.rmse <= float(np.sqrt(np.mean((their_iv - iv) ** 2))) * (1 + 1e-3)
    assert fit.fitted == pytest.approx(their_iv, abs=5e-4)


def test_g_and_the_fit_stand_beside_fast_vollibs() -> None:
    surface = pytest.importorskip("fast_vollib.surface", reason="the peer for SVI is a benchmark dependency")
    from fast_vollib.surface.fitting.parametric import SVIParameters

    dice = np.random.default_rng(11)
    iv = Svi(0.01, 0.1, -0.5, 0.02, 0.1).iv(K, 1.0) + dice.normal(0.0, 5e-4, len(K))
    weights = dice.uniform(0.1, 3.0, len(K))
    observed = surface.SurfaceObservations(k=K, T=np.full(len(K), 1.0), iv=iv, weight=weights)
    calibrator = surface.build_algorithm("svi", {"objective": "implied_volatility"})
    theirs = calibrator.fit(observed).diagnostics[0].parameters
    fit = fit_svi(K, iv, 1.0, weights)

    def squares(found: np.ndarray) -> float:
        return float(np.sum(weights * (found - iv) ** 2))

    # Our squares are of variance over its slope, the same to first order.
    assert squares(fit.fitted) <= squares(np.asarray(theirs.implied_volatility(K, 1.0))) * (1 + 2e-3)
    assert np.asarray(SVIParameters(*VOGT).durrleman_g(K)) == pytest.approx(VOGT.g(K), rel=1e-12)


def _squares(
    w: np.ndarray, weight: np.ndarray, high: np.ndarray, low: np.ndarray, a: float, u: float, v: float
) -> float:
    return float(np.sum(weight * (a + u * high + v * low - w) ** 2))


def test_the_linear_part_is_no_worse_than_any_other_point_of_its_bounds() -> None:
    dice = np.random.default_rng(3)
    k = np.linspace(-0.3, 0.3, 15)
    out = np.empty(3)
    for _ in range(60):
        m, sigma = dice.uniform(-0.4, 0.4), math.exp(dice.uniform(-4, 1))
        w = np.abs(dice.normal(0.05, 0.05, len(k))) * dice.choice([0.05, 1.0, 30.0])
        weight = dice.dirichlet(np.ones(len(k)))
        cap = LEE * sigma
        cost = linear_part(k, w, weight, m, sigma, cap, np.empty((2, len(k))), out)
        a, u, v = out
        assert 0.0 <= u <= cap * (1 + 1e-12)
        assert 0.0 <= v <= cap * (1 + 1e-12)
        assert a + math.sqrt(u * v) >= -1e-12
        y = (k - m) / sigma
        high, low = (np.sqrt(y * y + 1) + y) / 2, (np.sqrt(y * y + 1) - y) / 2
        squares = functools.partial(_squares, w, weight, high, low)
        assert cost == pytest.approx(squares(a, u, v), rel=1e-9, abs=1e-15)
        for _ in range(200):
            near = dice.choice([1e-3, 1e-2, 0.3]) * cap
            other_u, other_v = np.clip([u + dice.normal(0, near), v + dice.normal(0, near)], 0.0, cap)
            other_a = max(a + dice.normal(0, near), -math.sqrt(other_u * other_v))
            assert squares(other_a, other_u, other_v) >= cost * (1 - 1e-4) - 1e-15


def test_of_slices_that_fit_alike_one_without_a_butterfly_is_taken() -> None:
    """Quotes of Vogt's slice near the money alone: its butterfly lies beyond them, and they do not ask for it."""
    from scipy.optimize import least_squares

    k = np.linspace(-0.3, 0.3, 25)
    iv = VOGT.iv(k, 1.0) + np.random.default_rng(8).normal(0.0, 1e-3, len(k))
    bounds = ([-1, 0, -0.999, -1, 1e-3], [1, 2, 0.999, 1, 6])
    plain = least_squares(lambda x: Svi(*x).iv(k, 1.0) - iv, VOGT, bounds=bounds, x_scale=[0.01, 0.1, 1, 0.1, 0.1])
    assert not Svi(*plain.x).butterfly().is_free
    fit = fit_svi(k, iv, 1.0, np.ones(len(k)))
    assert fit.butterfly is not None
    assert fit.butterfly.is_free
    assert fit.rmse <= 1.5 * math.sqrt(2 * plain.cost / len(k))


def test_of_slices_that_fit_alike_one_above_the_nearer_expiry_is_taken() -> None:
    dice = np.random.default_rng(5)
    k = np.linspace(-0.08, 0.08, 25)
    nearer = Svi(0.0001, 0.06, -0.2, 0.0, 0.06)
    iv = Svi(0.0010, 0.06, -0.2, 0.0, 0.08).iv(k, 0.1) + dice.normal(0.0, 1e-3, len(k))
    far = np.linspace(-1.5, 1.5, 301)

    def lacking(fit: SviFit) -> float:
        assert fit.params is not None
        return float((nearer.total_variance(far) - fit.params.total_variance(far)).max())

    alone, above = fit_svi(k, iv, 0.1, np.ones(25)), fit_svi(k, iv, 0.1, np.ones(25), nearer)
    assert lacking(alone) > 1e-3
    assert lacking(above) <= 0.0
    assert above.rmse <= 1.5 * alone.rmse


@given(
    seed=st.integers(0, 2**32 - 1),
    t_years=st.floats(1e-3, 3.0),
    level=st.floats(0.03, 3.0),
    noise=st.floats(0.0, 0.8),
    count=st.integers(FEWEST_QUOTES, 60),
)
def test_bounds_hold_for_any_quotes(seed: int, t_years: float, level: float, noise: float, count: int) -> None:
    dice = np.random.default_rng(seed)
    k = np.sort(dice.uniform(-3, 3, count)) * level * math.sqrt(t_years)
    iv = level * np.exp(dice.normal(0.0, noise, count))
    fit = fit_svi(k, iv, t_years)
    assert fit.params is not None
    Svi.checked(*fit.params)
    assert fit.params.is_lee_bounded
    assert np.isfinite(fit.fitted).all()
    assert (fit.fitted > 0).all()
    assert fit.butterfly is not None


def test_a_quote_without_weight_or_volatility_pulls_nothing() -> None:
    params = Svi(0.01, 0.1, -0.5, 0.02, 0.1)
    iv = params.iv(K, 1.0)
    weights = np.ones(len(K))
    iv[5], weights[5] = 0.9, 0.0
    iv[8] = np.nan
    iv[9] = 0.0
    fit = fit_svi(K, iv, 1.0, weights)
    assert fit.params == pytest.approx(params, rel=1e-6)
    assert fit.weights.sum() == pytest.approx(1.0)
    assert not fit.is_used[[5, 8, 9]].any()
    assert fit.residual[5] == pytest.approx(params.iv(K, 1.0)[5] - 0.9)
    assert math.isnan(fit.residual[8])


def test_a_heavier_quote_is_met_more_closely() -> None:
    params = Svi(0.01, 0.1, -0.5, 0.02, 0.1)
    iv = params.iv(K, 1.0) + np.where(np.arange(len(K)) % 2, 0.003, -0.003)
    iv[20] += 0.01
    light, heavy = np.ones(len(K)), np.ones(len(K))
    heavy[20] = 1e4
    assert abs(fit_svi(K, iv, 1.0, heavy).residual[20]) < abs(fit_svi(K, iv, 1.0, light).residual[20]) / 10


def test_vegas_weight_is_blacks() -> None:
    iv = np.linspace(0.3, 0.1, len(K))
    spread = iv * math.sqrt(0.25)
    d1 = -K / spread + spread / 2
    assert vega_weights(K, iv, 0.25) == pytest.approx(np.exp(-(d1**2) / 2), rel=1e-12)
    assert vega_weights(np.array([0.0, 0.0]), np.array([np.nan, -1.0]), 0.25).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("count", "t_years", "words"),
    [
        (FEWEST_QUOTES - 1, 0.1, "5 strikes have a usable volatility, a smile needs 6"),
        (20, 0.0, "passed"),
        (20, math.nan, "not known"),
    ],
)
def test_no_fit_says_why(count: int, t_years: float, words: str) -> None:
    k = np.linspace(-0.1, 0.1, count)
    fit = fit_svi(k, np.full(count, 0.2), t_years, np.ones(count))
    assert fit.params is None
    assert fit.butterfly is None
    assert words in fit.reason
    assert np.isnan(fit.fitted).all()


def test_the_same_strike_twice_counts_once() -> None:
    k = np.array([0.0, 0.0, 0.0, 0.1, 0.1, -0.1, -0.1])
    assert fit_svi(k, np.full(7, 0.2), 1.0).params is None


def test_wrong_input_is_said() -> None:
    with pytest.raises(UserError, match="one weight for each of 41 strikes, not 3"):
        fit_svi(K, np.ones(3), 1.0)
    with pytest.raises(UserError, match="weight"):
        fit_svi(K, np.ones(len(K)), 1.0, np.full(len(K), -1.0))
    with pytest.raises(UserError, match="negative variance"):
        Svi.checked(-1.0, 0.1, 0.0, 0.0, 0.1)
    with pytest.raises(UserError, match="finite"):
        Svi.checked(0.1, 0.1, -1.5, 0.0, 0.1)


def test_a_slice_that_touches_zero_is_no_density() -> None:
    found = Svi(-0.1, 1.0, 0.0, 0.0, 0.1).butterfly(-1.0, 1.0)
    assert found.min_g == -math.inf
    assert not found.is_free
