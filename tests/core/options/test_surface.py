"""The surface: slices by expiry, calendars checked, variance linear between, the API's content."""

import itertools
import json
import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from marketbell.core.options.analysis import analyse
from marketbell.core.options.surface import Smile, Surface, build_surface, smile_of, surface_document
from marketbell.core.options.svi import Svi
from marketbell.core.primitives.errors import UserError

TODAY = date(2026, 8, 19)
SPOT = 24_500.0


def smile(days: int, params: Svi, forward: float = SPOT, count: int = 41, reach: float = 3.0) -> Smile:
    """Quotes of a slice, within so many deviations of the forward."""
    t = days / 365
    width = reach * math.sqrt(float(params.total_variance(np.array([0.0]))[0]))
    k = np.linspace(-width, width, count)
    return Smile(TODAY + timedelta(days), t, forward, forward * np.exp(k), params.iv(k, t))


def scaled(t: float) -> Svi:
    """Slices of one family whose variance grows with time everywhere: wings flatten, the level rises."""
    return Svi(0.006 * t, 0.05 * math.sqrt(t), -0.4, 0.0, 0.25 * math.sqrt(t))


def no_arbitrage() -> Surface:
    return build_surface([smile(days, scaled(days / 365)) for days in (28, 7, 91)])


def test_slices_come_by_time_and_are_found() -> None:
    surface = no_arbitrage()
    assert [one.expiry for one in surface.slices] == [TODAY + timedelta(days) for days in (7, 28, 91)]
    for one in surface.slices:
        assert one.fit.params == pytest.approx(scaled(one.t_years), rel=1e-5, abs=1e-9)
    assert surface.crossings == ()


def test_variance_is_linear_between_expiries_and_volatility_flat_outside() -> None:
    surface = no_arbitrage()
    k = np.linspace(-0.1, 0.1, 9)
    near, far = (one.fit.params for one in surface.slices[:2])
    assert near is not None
    assert far is not None
    t0, t1 = 7 / 365, 28 / 365
    middle = surface.total_variance(k, (t0 + t1) / 2)
    assert middle == pytest.approx((near.total_variance(k) + far.total_variance(k)) / 2, rel=1e-12)
    for t, params in ((t0, near), (t1, far)):
        assert surface.total_variance(k, t) == pytest.approx(params.total_variance(k), rel=1e-12)
        assert surface.iv(k, t) == pytest.approx(params.iv(k, t), rel=1e-12)
    assert surface.iv(k, t0 / 3) == pytest.approx(near.iv(k, t0), rel=1e-12)
    last = surface.slices[-1].fit.params
    assert last is not None
    assert surface.iv(k, 2.0) == pytest.approx(last.iv(k, 91 / 365), rel=1e-12)
    # No calendar arbitrage between the slices either.
    times = np.linspace(t0, 91 / 365, 60)
    rising = np.array([surface.total_variance(k, float(t)) for t in times])
    assert (np.diff(rising, axis=0) >= -1e-12).all()


def test_forwards_are_log_linear() -> None:
    surface = build_surface([smile(10, scaled(10 / 365), 100.0), smile(30, scaled(30 / 365), 121.0)])
    assert surface.forward(20 / 365) == pytest.approx(110.0)
    assert surface.forward(1 / 365) == pytest.approx(100.0)
    assert surface.forward(1.0) == pytest.approx(121.0)
    assert math.isnan(build_surface([]).forward(0.1))


def test_a_crossing_is_found_with_its_ends() -> None:
    """Both slices known: the roots of the quartic that equates them are the crossing's ends."""
    near, far = Svi(0.004, 0.06, -0.2, 0.0, 0.05), Svi(0.009, 0.03, 0.3, 0.02, 0.10)
    surface = build_surface([smile(7, near), smile(28, far)])
    roots = _meetings(near, far)
    assert len(roots) == 2
    below, above = surface.crossings
    assert below.high_k == pytest.approx(roots[0], abs=1e-6)
    assert above.low_k == pytest.approx(roots[1], abs=1e-6)
    assert below.low_k <= -1.5
    assert above.high_k >= 1.5
    k = np.linspace(above.low_k, 1.5, 20_001)
    excess = near.total_variance(k) - far.total_variance(k)
    assert (excess[1:] > 0).all()
    assert above.depth >= excess.max() - 1e-9
    assert (below.near, below.far) == (TODAY + timedelta(7), TODAY + timedelta(28))


def test_a_crossing_says_whether_it_is_in_the_quotes() -> None:
    near, far = Svi(0.004, 0.06, -0.2, 0.0, 0.05), Svi(0.009, 0.03, 0.3, 0.02, 0.10)
    narrow = build_surface([smile(7, near, reach=1.0), smile(28, far, reach=1.0)])
    wide = build_surface([smile(7, near, reach=9.0), smile(28, far, reach=9.0)])
    assert narrow.crossings
    assert not any(one.is_quoted for one in narrow.crossings)
    assert all(one.is_quoted for one in wide.crossings)
    document = surface_document(narrow, as_of=0, spot=SPOT)["calendar"]
    assert not document["is_free"]
    assert document["is_free_where_quoted"]


def test_the_same_variance_later_is_no_crossing() -> None:
    """Calendar arbitrage is variance that falls; variance that stands still is a price of nothing for the wait."""
    params = scaled(0.1)
    assert build_surface([smile(20, params), smile(40, params)]).crossings == ()
    assert build_surface([smile(20, scaled(0.2)), smile(40, scaled(0.1))]).crossings


def test_an_expiry_without_a_fit_stays_in_sight_and_out_of_the_way() -> None:
    few = smile(14, scaled(14 / 365), count=4)
    surface = build_surface([smile(7, scaled(7 / 365)), few, smile(28, scaled(28 / 365))])
    assert [one.fit.params is None for one in surface.slices] == [False, True, False]
    assert np.isfinite(surface.iv(np.zeros(1), 14 / 365)).all()
    found = surface_document(surface, as_of=1, spot=SPOT)
    assert found["slices"][1]["params"] is None
    assert "a smile needs" in found["slices"][1]["reason"]
    assert len(found["slices"][1]["points"]) == 4
    assert found["grid"]["expiries"] == [(TODAY + timedelta(days)).isoformat() for days in (7, 28)]


def test_no_fit_at_all_is_an_empty_grid() -> None:
    surface = build_surface([smile(14, scaled(14 / 365), count=3)])
    assert np.isnan(surface.iv(np.zeros(3), 0.1)).all()
    assert surface_document(surface, as_of=1, spot=SPOT)["grid"]["k"] == []
    assert np.isnan(no_arbitrage().total_variance(np.zeros(2), -1.0)).all()


def test_the_document_is_plain_and_in_points() -> None:
    given = smile(28, scaled(28 / 365))
    iv = given.iv.copy()
    iv[0] = np.nan
    surface = build_surface([smile(7, scaled(7 / 365)), given._replace(iv=iv)])
    found = surface_document(surface, as_of=1_787_000_000_000_000_000, spot=math.nan)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["spot"] is None
    assert found["as_of"] == "2026-08-17T20:53:20Z"
    one = found["slices"][1]
    assert one["is_butterfly_free"] == (one["min_g"] >= -1e-10)
    assert one["is_lee_bounded"]
    assert one["points"][0]["iv"] is None
    assert not one["points"][0]["is_used"]
    assert one["points"][0]["fitted"] == pytest.approx(100 * given.iv[0], rel=1e-6)
    assert one["points"][20]["iv"] == pytest.approx(100 * given.iv[20])
    assert one["points"][20]["k"] == pytest.approx(math.log(given.strikes[20] / given.forward))
    grid = found["grid"]
    assert len(grid["iv"]) == len(grid["expiries"]) == len(grid["t_years"]) == 2
    assert all(len(row) == len(grid["k"]) for row in (*grid["iv"], *grid["is_quoted"]))
    assert all(grid["is_quoted"][1][1:])  # its lowest strike has no quote
    assert not all(grid["is_quoted"][0])
    middle = grid["k"].index(pytest.approx(min(grid["k"], key=abs)))
    assert grid["iv"][1][middle] == pytest.approx(100 * scaled(28 / 365).iv(grid["k"][middle], 28 / 365), rel=1e-4)


def test_an_expiry_comes_once() -> None:
    with pytest.raises(UserError, match="twice"):
        build_surface([smile(7, scaled(0.1)), smile(7, scaled(0.1))])


def test_a_morning_of_nifty(shared_data: Path) -> None:
    """Four expiries of traded prices: met within a third of a point, in their quotes without any arbitrage."""
    from marketbell.adapters.feeds.replay.chains import read_chains

    chains = read_chains(shared_data / "options" / "nse_nifty_chain_snapshots_20260819_am.parquet").chains
    moments = sorted({one.as_of for one in chains})
    for moment in (moments[0], moments[len(moments) // 2], moments[-1]):
        surface = build_surface(smile_of(analyse(one)) for one in chains if one.as_of == moment)
        assert len(surface.fitted) == len(surface.slices) == 4
        for one in surface.slices:
            assert one.fit.params is not None
            assert one.fit.rmse < 0.0033
            assert one.fit.params.is_lee_bounded
            assert one.fit.params.butterfly(*one.quoted).is_free
        assert not any(one.is_quoted for one in surface.crossings)


def _meetings(one: Svi, two: Svi) -> list[float]:
    """Where two slices are equal: real roots of their quartic that are no artefact of squaring."""
    line = np.polynomial.Polynomial(
        [one.a - two.a - one.b * one.rho * one.m + two.b * two.rho * two.m, one.b * one.rho - two.b * two.rho]
    )
    first, second = (
        np.polynomial.Polynomial([p.b**2 * (p.m**2 + p.sigma**2), -2 * p.b**2 * p.m, p.b**2]) for p in (one, two)
    )
    roots = ((line**2 - first - second) ** 2 - 4 * first * second).roots()
    real = sorted(float(root.real) for root in roots if abs(root.imag) < 1e-9)
    meets = [
        k
        for k in real
        if abs(float(one.total_variance(np.array([k]))[0] - two.total_variance(np.array([k]))[0])) < 1e-9
    ]
    return [k for k, _ in itertools.groupby(meets)]
