"""The metrics of a chain against brute force, theory and laws."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.options.chains import black, chain, theory

from marketbell.core.options.analysis import Analysed, analyse
from marketbell.core.options.chain import Chain, Side
from marketbell.core.options.document import analyze_document, chain_document
from marketbell.core.options.metrics import (
    METRICS,
    NAMES,
    constant_maturity,
    has_quotes,
    liquid,
    pain,
    skew,
    term_slope,
    underlying_metrics,
)
from marketbell.core.options.model import Model, ModelSettings
from marketbell.core.primitives.errors import UserError

_oi = st.one_of(st.just(math.nan), st.integers(0, 5).map(float), st.integers(0, 10**9).map(float))
_rows = st.lists(st.tuples(_oi, _oi), min_size=1, max_size=30)


def _with_oi(rows: list[tuple[float, float]], gaps: list[float] | None = None) -> Chain:
    strikes = 100.0 + np.cumsum(gaps or [50.0] * len(rows))
    calls, puts = zip(*rows, strict=True)
    return chain(strikes, {"oi": calls}, {"oi": puts})


def _brute(made: Chain) -> float | None:
    """The lowest strike of least pain, in exact fractions."""
    from fractions import Fraction

    def known(column: np.ndarray) -> list[Fraction]:
        return [Fraction(0 if np.isnan(one) else one) for one in column.tolist()]

    calls, puts = known(made.call.oi), known(made.put.oi)
    strikes = [Fraction(one) for one in made.strikes.tolist()]
    if not sum(calls) + sum(puts):
        return None
    least = [
        sum(c * max(end - k, 0) + p * max(k - end, 0) for k, c, p in zip(strikes, calls, puts, strict=True))
        for end in strikes
    ]
    return float(strikes[least.index(min(least))])


@given(rows=_rows, data=st.data())
def test_max_pain_is_the_brute_force_minimum_and_the_lowest_of_equal_ones(
    rows: list[tuple[float, float]], data: st.DataObject
) -> None:
    gaps = data.draw(st.lists(st.sampled_from([2.5, 5.0, 50.0, 100.0]), min_size=len(rows), max_size=len(rows)))
    made = _with_oi(rows, gaps)
    assert analyse(made).metrics["max_pain"] == _brute(made)


def test_max_pain_of_a_tie_is_the_lowest_strike() -> None:
    assert analyse(_with_oi([(10, 0), (0, 0), (0, 0), (0, 10)])).metrics["max_pain"] == 150.0


@given(rows=_rows)
def test_the_pain_table_is_what_it_says(rows: list[tuple[float, float]]) -> None:
    made = _with_oi(rows)
    calls, puts = pain(made)
    call_oi, put_oi = np.nan_to_num(made.call.oi), np.nan_to_num(made.put.oi)
    for at, end in enumerate(made.strikes):
        assert calls[at] == pytest.approx(
            float((call_oi * np.maximum(end - made.strikes, 0)).sum()), rel=1e-9, abs=1e-3
        )
        assert puts[at] == pytest.approx(float((put_oi * np.maximum(made.strikes - end, 0)).sum()), rel=1e-9, abs=1e-3)


def test_ratios_are_unknown_without_calls() -> None:
    none = analyse(_with_oi([(0, 5), (0, 5)])).metrics
    assert none["pcr_oi"] is None
    assert none["put_oi"] == 10.0
    unknown = analyse(chain([100.0, 110.0], {}, {})).metrics
    assert [unknown[name] for name in ("pcr_oi", "call_oi", "max_pain", "max_call_oi_strike", "gex")] == [None] * 5


def test_sums_ratios_walls_and_the_money() -> None:
    made = chain(
        [90.0, 100.0, 110.0, 120.0],
        {"oi": [1, 20, 20, 3], "volume": [1, 2, 3, 4], "oi_change": [1, -2, 3, np.nan], "last": [21, 12, 5, 1]},
        {"oi": [9, 9, 3, 1], "volume": [10, 5, 5, 0], "oi_change": [1, 1, 1, 1], "last": [1, 3, 0, 14]},
        spot=105.0,
    )
    found = analyse(made).metrics
    assert found["pcr_oi"] == 22 / 44
    assert found["pcr_volume"] == 20 / 10
    assert found["pcr_oi_change"] == 4 / 2
    assert found["max_call_oi_strike"] == 100.0, "the lower of equal ones"
    assert found["max_put_oi_strike"] == 90.0
    assert found["atm_strike"] == 100.0, "the lower of two as near"
    assert found["atm_straddle"] == 15.0
    without = analyse(dataclasses.replace(made, spot=108.0)).metrics
    assert without["atm_strike"] == 110.0
    assert without["atm_straddle"] is None, "the put did not trade"


def test_the_smile_of_theory_comes_back() -> None:
    made = theory()
    found = analyse(made)
    k = np.log(made.strikes / 24_120.0)
    np.testing.assert_allclose(found.iv, 0.14 - 0.2 * k + 0.8 * k * k, atol=1e-9)
    atm = math.log(24_000 / 24_120)
    assert found.metrics["atm_iv"] == pytest.approx(100 * (0.14 - 0.2 * atm + 0.8 * atm * atm), abs=1e-7)
    assert found.metrics["expected_move"] == pytest.approx(240 * found.metrics["atm_iv"] * math.sqrt(1 / 12))  # type: ignore[operator]
    straddle = found.metrics["atm_straddle"]
    assert isinstance(straddle, float)
    assert straddle / found.metrics["expected_move"] == pytest.approx(math.sqrt(2 / math.pi), rel=0.02)  # type: ignore[operator]


def test_skew_is_read_between_the_strikes_around_the_delta() -> None:
    found = analyse(theory())
    for side, want in ((found.call, 0.25), (found.put, -0.25)):
        assert np.nanmin(side.delta) < want < np.nanmax(side.delta)
    order = np.argsort(found.call.delta)
    call = np.interp(0.25, found.call.delta[order], found.call.iv[order])
    order = np.argsort(found.put.delta)
    put = np.interp(-0.25, found.put.delta[order], found.put.iv[order])
    assert skew(found, 25) == pytest.approx(100 * (put - call), abs=1e-9)
    assert found.metrics["skew_25"] == skew(found, 25) == -found.metrics["risk_reversal_25"]  # type: ignore[operator]
    assert found.metrics["butterfly_25"] == pytest.approx(50 * (put + call) - found.metrics["atm_iv"])  # type: ignore[operator]
    assert skew(found, 50) == pytest.approx(0.0, abs=1.0)
    assert math.isnan(skew(found, 2)), "no strike is that far out"
    with pytest.raises(UserError, match="in hundredths"):
        skew(found, 0.25)


def test_gamma_exposure_and_its_flip() -> None:
    made = theory()
    found = analyse(made)
    by_hand = (found.call.gamma * made.call.oi - found.put.gamma * made.put.oi).sum() * 24_000.0**2 * 0.01
    assert found.metrics["gex"] == pytest.approx(float(by_hand))
    # Calls above, puts below: short gamma under the flip, long above it.
    oi = np.where(made.strikes > 24_000, 65_000.0, 0.0)
    split = dataclasses.replace(
        made, call=dataclasses.replace(made.call, oi=oi), put=dataclasses.replace(made.put, oi=65_000.0 - oi)
    )
    flipped = analyse(split)
    flip = flipped.metrics["gex_flip"]
    assert isinstance(flip, float)

    def at(spot: float) -> float:
        """The same book at another spot, by Black's gamma itself."""
        t, carry = 1 / 12, 24_120 / 24_000
        forward = spot * carry
        width = flipped.iv * math.sqrt(t)
        d1 = np.log(forward / made.strikes) / width + width / 2
        gamma = np.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi) * carry / (spot * width)
        return float((gamma * (2 * oi - 65_000.0)).sum())

    assert at(flip * 0.999) < 0 < at(flip * 1.001)
    nothing = dataclasses.replace(made.put, oi=np.zeros(len(made)))
    assert analyse(dataclasses.replace(made, put=nothing)).metrics["gex_flip"] is None, "calls alone"


def test_parity_violations_need_quotes_that_pay() -> None:
    fair = theory(half_spread=0.5)
    assert analyse(fair).metrics["parity_violations"] == 0.0
    dear = fair.call.bid.copy()
    dear[5] += 60.0
    dearer = dataclasses.replace(fair.call, bid=dear, ask=np.maximum(fair.call.ask, dear))
    assert analyse(dataclasses.replace(fair, call=dearer)).metrics["parity_violations"] == 1.0
    assert analyse(chain([100.0], {"last": [1.0]}, {"last": [1.0]})).metrics["parity_violations"] is None


def test_liquid_is_a_narrow_quote_or_without_quotes_a_trade() -> None:
    side = Side.of(
        5,
        bid=[10.0, 10.0, 0.05, np.nan, 0.5],
        ask=[11.0, 12.0, 0.15, 1.0, 0.4],
        last=[1.0] * 5,
        volume=[0.0] * 4 + [5.0],
    )
    assert liquid(side, is_quoted=True).tolist() == [True, False, True, False, False]
    assert liquid(side, is_quoted=False).tolist() == [False] * 4 + [True]
    full = theory(half_spread=0.01)
    assert has_quotes(full)
    assert analyse(full).metrics["liquid_strikes"] == float(len(full))


def test_every_metric_is_described_and_given() -> None:
    assert tuple(analyse(theory()).metrics) == NAMES
    assert len(set(NAMES)) == len(METRICS)
    assert all(one.label and one.text and one.source for one in METRICS)


@given(scale=st.sampled_from([1e-3, 0.5, 7.0, 100.0]))
def test_in_another_currency_nothing_but_money_changes(scale: float) -> None:
    made = theory(half_spread=0.5)

    def scaled(side: Side) -> Side:
        columns = {name: getattr(side, name) * scale for name in ("last", "bid", "ask", "prev_close")}
        return dataclasses.replace(side, **columns)

    other = dataclasses.replace(
        made, strikes=made.strikes * scale, spot=made.spot * scale, call=scaled(made.call), put=scaled(made.put)
    )
    one, two = analyse(made), analyse(other)
    np.testing.assert_allclose(two.iv, one.iv, rtol=1e-9)
    assert two.metrics["oi_state"] == one.metrics["oi_state"]
    for name in ("pcr_oi", "pcr_volume", "atm_iv", "skew_25", "butterfly_25", "parity_violations"):
        assert two.metrics[name] == pytest.approx(one.metrics[name], rel=1e-6), name
    for name in ("max_pain", "atm_strike", "atm_straddle", "expected_move", "forward", "gex", "gex_flip"):
        assert two.metrics[name] == pytest.approx(scale * one.metrics[name], rel=1e-8), name  # type: ignore[operator]


def test_call_and_put_of_one_strike_agree_by_parity() -> None:
    for rate in (0.0, 0.065):
        made = theory(rate=rate)
        found = analyse(made, ModelSettings(rate=rate))
        both = ~np.isnan(found.call.iv) & ~np.isnan(found.put.iv) & (abs(made.strikes - 24_120) < 1_000)
        np.testing.assert_allclose(found.call.iv[both], found.put.iv[both], atol=1e-7)
        discount = math.exp(-rate / 12)
        np.testing.assert_allclose(found.call.price - found.put.price, discount * (24_120 - made.strikes), atol=1e-8)
        carry = 24_120 / 24_000 * discount
        np.testing.assert_allclose((found.call.delta - found.put.delta)[both], carry, rtol=1e-9)
        np.testing.assert_allclose(found.call.gamma[both], found.put.gamma[both], rtol=1e-6)


@pytest.mark.parametrize("model", list(Model))
def test_a_warm_start_changes_nothing_but_the_way(model: Model) -> None:
    made, settings = theory(half_spread=0.5), ModelSettings(model)
    cold = analyse(made, settings)
    later = dataclasses.replace(made, as_of=made.as_of + 60 * 10**9, spot=24_010.0)
    fewer = dataclasses.replace(
        later, strikes=later.strikes[3:], call=later.call.take(np.arange(3, 41)), put=later.put.take(np.arange(3, 41))
    )
    for one in (later, fewer):
        warm, alone = analyse(one, settings, cold), analyse(one, settings)
        np.testing.assert_allclose(warm.iv, alone.iv, rtol=1e-9)
        assert warm.metrics["atm_iv"] == pytest.approx(alone.metrics["atm_iv"], rel=1e-9)


def test_after_expiry_and_without_a_moment_open_interest_still_speaks() -> None:
    made = theory()
    for as_of in (0, made.expires_at, made.expires_at + 1):
        found = analyse(dataclasses.replace(made, as_of=as_of))
        assert np.isnan(found.iv).all()
        assert found.metrics["atm_iv"] is None
        assert found.metrics["expected_move"] is None
        assert isinstance(found.metrics["max_pain"], float)
        assert isinstance(found.metrics["atm_straddle"], float)


def _at_the_money(days: float, iv: float) -> Analysed:
    t = days / 365
    strikes = np.array([95.0, 100.0, 105.0])
    sides = [{"last": black(100.0, strikes, iv, t, 0.0, is_call=one), "oi": [1, 2, 3]} for one in (True, False)]
    made = theory()
    return analyse(chain(strikes, *sides, spot=100.0, as_of=made.expires_at - round(t * 365 * 86_400e9)))


def test_across_expiries() -> None:
    near, far = _at_the_money(10, 0.20), _at_the_money(60, 0.15)
    assert term_slope(near, far) == pytest.approx(-5.0)
    together = underlying_metrics([near, far])
    assert together["pcr_oi"] == 1.0
    assert together["call_oi"] == 12.0
    w = np.interp(30, [10, 60], [0.2**2 * 10, 0.15**2 * 60])
    assert together["atm_iv_30"] == pytest.approx(100 * math.sqrt(w / 30))
    assert constant_maturity([near, far], 5) == pytest.approx(20.0)
    assert constant_maturity([near, far], 90) == pytest.approx(15.0)
    assert constant_maturity([], 30) is None


def test_an_empty_chain_and_one_without_a_spot_are_unknown_not_errors() -> None:
    nothing = Chain.from_dict({**theory().as_dict(), "strikes": [], "call": {}, "put": {}})
    for model in Model:
        found = analyse(nothing, ModelSettings(model), analyse(theory()))
        assert {value for name, value in found.metrics.items() if name not in {"forward", "oi_state"}} == {None, 0.0}
    blind = analyse(dataclasses.replace(theory(), spot=math.nan, future=24_120.0))
    assert blind.metrics["atm_strike"] is None
    assert blind.metrics["gex"] is None
    assert blind.metrics["liquid_strikes"] == 41.0
    assert blind.iv[20] == pytest.approx(0.141, abs=0.001), "Black (1976) needs no spot"


_any = st.one_of(st.just(math.nan), st.just(0.0), st.floats(-10, 1e9), st.integers(0, 100).map(float))
_side = st.fixed_dictionaries(
    {
        name: st.lists(_any, min_size=4, max_size=4)
        for name in ("last", "bid", "ask", "volume", "oi", "oi_change", "prev_close")
    }
)


@given(call=_side, put=_side, spot=_any, future=_any, days=st.sampled_from([-1.0, 0.0, 1e-6, 1.0, 4_000.0]))
def test_whatever_a_chain_holds_its_documents_have_numbers_or_null(
    call: dict[str, list[float]], put: dict[str, list[float]], spot: float, future: float, days: float
) -> None:
    as_of = theory().expires_at - round(days * 86_400e9)
    made = chain([1.0, 90.0, 100.0, 1e6], call, put, spot=spot, future=future, as_of=as_of)
    for model in (Model.BLACK76, Model.NSE):
        found = analyse(made, ModelSettings(model))
        json.dumps(analyze_document([found]), allow_nan=False)
        json.dumps(chain_document(found), allow_nan=False)
        assert tuple(found.metrics) == NAMES
