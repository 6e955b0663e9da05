"""What price and open interest did together."""

import dataclasses

import numpy as np
from tests.core.options.chains import chain, theory

from marketbell.core.language.declared import OI_STATES
from marketbell.core.options.buildup import STATES, between, of_chain, of_underlying, states


def test_the_four_states_and_none() -> None:
    price = np.array([1.0, -1.0, -1.0, 1.0, 0.0, 1.0, np.nan, 1.0])
    oi = np.array([5.0, 5.0, -5.0, -5.0, 5.0, 0.0, 5.0, np.nan])
    found = [STATES[code] for code in states(price, oi)]
    assert found == ["long_buildup", "short_buildup", "long_unwinding", "short_covering", "", "", "", ""]


def test_the_names_are_those_of_the_rule_language() -> None:
    assert STATES == OI_STATES


def test_a_strike_is_judged_by_its_own_premium_since_yesterday() -> None:
    call = {"last": [10.0, 5.0, 0.0], "prev_close": [8.0, 6.0, 4.0], "oi_change": [100.0, -50.0, 10.0]}
    put = {"last": [1.0, 2.0, 3.0], "oi_change": [1.0, 1.0, 1.0]}
    calls, puts = of_chain(chain([90.0, 100.0, 110.0], call, put))
    assert [STATES[one] for one in calls] == ["long_buildup", "long_unwinding", ""], "no price is no state"
    assert not puts.any(), "yesterday's price is unknown"


def test_an_earlier_chain_may_be_the_reference() -> None:
    before = chain([90.0, 100.0], {"last": [10.0, 5.0], "oi": [100.0, 100.0]}, {})
    now = chain([90.0, 95.0, 100.0], {"last": [11.0, 7.0, 4.0], "oi": [90.0, 100.0, 130.0]}, {})
    calls, puts = between(now, before)
    assert [STATES[one] for one in calls] == ["short_covering", "", "short_buildup"]
    assert not puts.any()


def test_the_underlying_is_judged_by_its_parity_forward_and_all_open_interest() -> None:
    today = theory()
    rise = 12.0
    yesterday = {
        side: dataclasses.replace(getattr(today, side), prev_close=getattr(today, side).last + down)
        for side, down in (("call", -rise), ("put", 0.0))
    }
    assert of_underlying(dataclasses.replace(today, **yesterday)) == "long_buildup"
    fewer = {
        side: dataclasses.replace(yesterday[side], oi_change=-yesterday[side].oi_change) for side in ("call", "put")
    }
    assert of_underlying(dataclasses.replace(today, **fewer)) == "short_covering"
    unknown = dataclasses.replace(today.call, prev_close=np.full(len(today), np.nan))
    assert of_underlying(dataclasses.replace(today, call=unknown)) == ""
