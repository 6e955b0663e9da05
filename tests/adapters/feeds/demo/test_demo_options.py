"""The demo market's option chains: no arbitrage, expiries and lots like a venue's, open interest that behaves."""

from datetime import date, timedelta

import numpy as np
import pytest

from marketbell.adapters.feeds.demo.feed import DemoFeed
from marketbell.adapters.feeds.demo.options import COMPANIES, LABEL, SPARSE_EVERY, total_variance
from marketbell.adapters.feeds.demo.session import MINUTE
from marketbell.core.columns.frame import FrameKind
from marketbell.core.options.analysis import analyse
from marketbell.core.options.chain import Chain
from marketbell.core.options.expiry import is_monthly
from marketbell.core.options.frames import chain_of

DATE = date(2026, 11, 20)  # a Friday
MINUTES = 4


@pytest.fixture(scope="module")
def feed() -> DemoFeed:
    return DemoFeed(DATE, preroll_minutes=0)


@pytest.fixture(scope="module")
def chains(feed: DemoFeed) -> list[Chain]:
    feed.seek(0)
    found = []
    while batches := feed.advance(feed.start_time + MINUTES * MINUTE, 9_000):
        found += [chain_of(one.columns, one.payload) for one in batches if one.kind is FrameKind.CHAIN]
    return found


def test_every_underlying_has_its_chains_once_a_minute(feed: DemoFeed, chains: list[Chain]) -> None:
    keys = {one.underlying for one in chains}
    kinds = [one.kind for one in feed.instruments() if one.key in keys]
    assert sorted(kinds) == ["equity"] * COMPANIES + ["index"] * 2
    index = [one for one in chains if one.underlying == "SIM:BELL50"]
    first = [one for one in index if one.as_of == index[0].as_of]
    expiries = [one.expiry for one in first]
    assert expiries == sorted(expiries)
    assert all(one.weekday() == 1 for one in expiries)
    assert expiries[0] == date(2026, 11, 24)
    assert sum(is_monthly(one, expiries) for one in expiries) == 3
    assert len(expiries) > 4
    assert len({one.as_of for one in index}) == MINUTES
    assert {one.source for one in chains} == {LABEL}
    assert "chains" in feed.card.supports
    assert all(one.lot_size > 0 and not (one.call.oi % one.lot_size).any() for one in chains)


def test_prices_give_the_surface_back_and_hold_no_arbitrage(chains: list[Chain]) -> None:
    for chain in chains[: len(chains) // MINUTES]:
        found = analyse(chain)
        assert found.forward_source in {"future", "parity"}
        assert found.metrics["parity_violations"] == 0
        assert isinstance(atm := found.metrics["atm_iv"], float)
        assert 5 < atm < 80
        assert isinstance(skew := found.metrics["skew_25"], float)
        assert skew > 0  # the downside costs more, as in equity markets
        mids = (np.nan_to_num(chain.call.bid) + chain.call.ask) / 2
        assert (np.diff(mids) < 0.2).all()  # calls fall with the strike, to a tick or two


def test_the_surface_has_no_butterfly_and_no_calendar_arbitrage() -> None:
    k = np.linspace(-1.5, 1.5, 601)
    before = np.zeros_like(k)
    for theta in (0.0001, 0.0005, 0.002, 0.01, 0.05, 0.2):
        w = total_variance(k, theta)
        first, second = np.gradient(w, k), np.gradient(np.gradient(w, k), k)
        # Gatheral and Jacquier (2014), equation (2.1): the density, up to a factor that is above zero
        g = (1 - k * first / (2 * w)) ** 2 - first**2 / 4 * (1 / w + 1 / 4) + second / 2
        assert (g[3:-3] > 0).all()
        assert (w > before).all()
        before = w


def test_open_interest_goes_on_where_the_day_before_left_it(feed: DemoFeed) -> None:
    options = feed._options
    one = options.underlyings[0]
    number = (DATE - date(1970, 1, 1)).days
    expiry = date(2026, 12, 29)
    ends = [
        options._open_interest(
            one, day, expiry, options._yesterday(one, number, expiry).strikes, 0.0 + options._close(one, day)
        )
        for day in (number - 1,)
    ]
    begins = options._yesterday(one, number, expiry).oi
    np.testing.assert_array_equal(ends[0][0], begins[0])
    prices = np.exp(feed._days.day(number).close)
    made = options.chains(number, 374, 0, feed.start_time + 374 * MINUTE, prices)
    late = next(each for each in made if each.expiry == expiry)
    np.testing.assert_array_equal(late.call.oi - late.call.oi_change, np.round(begins[0] / one.lot) * one.lot)
    assert np.abs(late.call.oi_change).sum() > 0
    assert (late.call.volume[late.call.oi > 0] > 0).any()


def test_a_session_that_is_run_through_has_few_of_them() -> None:
    feed = DemoFeed(DATE, preroll_minutes=2 * SPARSE_EVERY)
    moments = set()
    while batches := feed.advance(feed.start_time + 2 * SPARSE_EVERY * MINUTE - 1, 9_000):
        moments |= {int(one.columns["event_time"][0]) for one in batches if one.kind is FrameKind.CHAIN}
    assert len(moments) == 2 * 6


def test_a_year_of_volatilities_lies_behind_the_first_day(feed: DemoFeed) -> None:
    (history,) = [one.payload for one in feed.reference() if one.payload.get("type") == "iv_history"]
    assert len(history["items"]) == COMPANIES + 2
    first = history["items"][0]
    last = date(1970, 1, 1) + timedelta(days=first["days"][-1])
    assert (len(first["days"]), last) == (365, DATE - timedelta(days=1))
    known = np.array(first["values"])
    assert (known[np.isfinite(known)] > 3).all()
    assert known.std() > 0.5
