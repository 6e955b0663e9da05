"""The price used and the forward (definitions.md §5.3 and §5.5)."""

import dataclasses
import math

import numpy as np
import pytest
from tests.core.options.chains import chain, theory

from marketbell.core.options.chain import Side
from marketbell.core.options.forward import forward_of, mids, prices


def test_the_mid_counts_then_the_last_then_nothing() -> None:
    side = Side.of(
        7,
        bid=[9.0, 11.0, 0.0, np.nan, np.nan, 10.0, np.nan],
        ask=[11.0, 9.0, 11.0, 11.0, np.nan, 10.0, np.nan],
        last=[1.0, 2.0, 3.0, 4.0, 0.0, 5.0, -1.0],
    )
    assert prices(side).tolist()[:4] == [10.0, 2.0, 3.0, 4.0]
    assert np.isnan(prices(side)[4])
    assert prices(side)[5] == 10.0, "a bid may equal its ask"
    assert np.isnan(prices(side)[6])
    assert np.flatnonzero(~np.isnan(mids(side))).tolist() == [0, 5]


def test_a_listed_future_is_the_forward() -> None:
    assert forward_of(dataclasses.replace(theory(), future=24_150.0), 0.0, 1 / 12) == (24_150.0, "future")


@pytest.mark.parametrize("rate", [0.0, 0.065, -0.01])
def test_parity_finds_the_forward_of_exact_quotes(rate: float) -> None:
    found = forward_of(theory(rate=rate), rate, 1 / 12)
    assert found.source == "parity"
    assert found.price == pytest.approx(24_120.0, abs=1e-8)


def test_parity_is_the_median_of_the_five_strikes_nearest_the_spot_with_both_mids() -> None:
    strikes = np.array([80.0, 90.0, 96.0, 98.0, 100.0, 102.0, 104.0, 110.0])
    implied = np.array([900.0, 101.0, 103.0, np.nan, 105.0, 107.0, 109.0, 800.0])  # K + C - P at each
    bid = np.where(np.isnan(implied), np.nan, 50.0)
    call = 50.0 + (implied - strikes) / 2
    put = 50.0 - (implied - strikes) / 2
    quotes = {"bid": np.where(np.isnan(bid), np.nan, call), "ask": call}, {"bid": put, "ask": put}
    made = chain(strikes, *quotes, spot=100.0)
    # Nearest with both: 100, 102, 96 and 104 (4 away), then 90 and 110 (10 away): the lower of two.
    assert forward_of(made, 0.0, 0.1) == (pytest.approx(float(np.median([105, 107, 103, 109, 101]))), "parity")


def test_without_quotes_last_prices_that_traded_stand_in() -> None:
    full = theory()
    lasts = {
        side: Side.of(len(full), last=getattr(full, side).last, volume=getattr(full, side).volume)
        for side in ("call", "put")
    }
    found = forward_of(dataclasses.replace(full, **lasts), 0.0, 1 / 12)
    assert (found.price, found.source) == (pytest.approx(24_120.0), "parity_last")
    quiet = {side: dataclasses.replace(one, volume=np.zeros(len(full))) for side, one in lasts.items()}
    assert forward_of(dataclasses.replace(full, **quiet), 0.0, 1 / 12) == (24_000.0, "spot")


def test_without_anything_there_is_none() -> None:
    price, source = forward_of(chain([100.0], {}, {}, spot=math.nan), 0.0, 0.1)
    assert math.isnan(price)
    assert source == ""


def test_a_rate_without_a_time_leaves_the_spot() -> None:
    assert forward_of(theory(), 0.065, math.nan) == (24_000.0, "spot")
    assert forward_of(theory(), 0.0, math.nan).source == "parity"
