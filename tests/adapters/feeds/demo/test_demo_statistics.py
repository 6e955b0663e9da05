"""What makes the simulated market look like one: the stylised facts, seeded and with wide margins."""

from datetime import date

import numpy as np
import pytest

from marketbell.adapters.feeds.demo.days import DailyPath, day_number
from marketbell.adapters.feeds.demo.history import daily_bars, minute_table, volume_profile
from marketbell.adapters.feeds.demo.session import MINUTES
from marketbell.adapters.feeds.demo.universe import universe

SESSIONS = 8
NUMBER = day_number(date(2026, 11, 20))


@pytest.fixture(scope="module")
def tables() -> list[dict[str, np.ndarray]]:
    path = DailyPath(universe(), 7)
    return [minute_table(universe(), path.day(NUMBER - back), 7) for back in range(SESSIONS, 0, -1)]


@pytest.fixture(scope="module")
def returns(tables: list[dict[str, np.ndarray]]) -> np.ndarray:
    """One-minute log returns: session, minute, company."""
    return np.stack([np.diff(np.log(table["close"][:, : universe().companies]), axis=0) for table in tables])


@pytest.fixture(scope="module")
def daily() -> dict[str, np.ndarray]:
    columns = daily_bars(universe(), DailyPath(universe(), 7), NUMBER, {})
    return {name: columns[name].reshape(len(universe().instruments), -1) for name in columns}


def kurtosis(series: np.ndarray) -> np.ndarray:
    off = series - series.mean(axis=0)
    return (off**4).mean(axis=0) / (off**2).mean(axis=0) ** 2


def test_tails_are_fat(returns: np.ndarray, daily: dict[str, np.ndarray]) -> None:
    assert np.median(kurtosis(returns.reshape(-1, returns.shape[2]))) > 5  # a normal series has 3
    moves = np.diff(np.log(daily["close"][: universe().companies]), axis=1).T
    assert 3.5 < np.median(kurtosis(moves)) < 20


def test_volatility_clusters(returns: np.ndarray) -> None:
    size = np.abs(returns) / np.abs(returns).mean(axis=(0, 2))[None, :, None]  # without the shape of the day
    size -= size.mean(axis=1, keepdims=True)

    def correlation(lag: int) -> float:
        product = (size[:, lag:] * size[:, :-lag]).mean(axis=1)
        return float(np.median(product / (size**2).mean(axis=1)))

    assert correlation(1) > 0.06
    assert correlation(5) > 0.04
    assert correlation(1) > correlation(20)
    signed = returns - returns.mean(axis=1, keepdims=True)
    plain = (signed[:, 1:] * signed[:, :-1]).mean(axis=1) / (signed**2).mean(axis=1)
    assert abs(float(np.median(plain))) < 0.05  # the direction itself is not to be foreseen


def test_a_sector_moves_together(returns: np.ndarray) -> None:
    matrix = np.corrcoef(returns.reshape(-1, returns.shape[2]).T)
    sector = universe().sector
    same = (sector[:, None] == sector[None, :]) & ~np.eye(len(sector), dtype=bool)
    other = sector[:, None] != sector[None, :]
    assert matrix[other].mean() > 0.05
    assert matrix[same].mean() > 1.6 * matrix[other].mean()


def test_volume_and_volatility_are_u_shaped(tables: list[dict[str, np.ndarray]], returns: np.ndarray) -> None:
    volume = np.mean([table["volume"].sum(axis=1) for table in tables], axis=0)
    moves = np.abs(returns).mean(axis=(0, 2))
    for shape in (volume, moves):
        noon = shape[170:230].mean()
        assert shape[:10].mean() > 2 * noon
        assert shape[-10:].mean() > 1.3 * noon


def test_volume_follows_moves(tables: list[dict[str, np.ndarray]], returns: np.ndarray) -> None:
    volume = np.stack([table["volume"][1:, : universe().companies] for table in tables])
    relative = np.log1p(volume / volume.mean(axis=0))
    size = np.abs(returns) / np.abs(returns).mean(axis=(0, 2))[None, :, None]
    found = [np.corrcoef(relative[0, :, i], size[0, :, i])[0, 1] for i in range(0, universe().companies, 10)]
    assert np.median(found) > 0.15


def test_jumps_happen(daily: dict[str, np.ndarray]) -> None:
    moves = np.abs(np.diff(np.log(daily["close"][: universe().companies]), axis=1))
    usual = np.median(moves, axis=1, keepdims=True)
    assert 0.001 < (moves > 6 * usual).mean() < 0.03


def test_history_is_a_year_of_sound_bars(daily: dict[str, np.ndarray]) -> None:
    assert daily["close"].shape == (302, 365)
    assert (daily["high"] >= np.maximum(daily["open"], daily["close"])).all()
    assert (daily["low"] <= np.minimum(daily["open"], daily["close"])).all()
    assert (daily["low"] > 0).all()
    assert (np.diff(daily["start"], axis=1) == 86_400_000_000_000).all()
    prices = daily["close"]
    np.testing.assert_array_equal(prices, np.round(prices, 2))
    largest = np.abs(np.diff(np.log(prices), axis=1)).max()
    assert largest < 0.19  # the price band


@pytest.mark.parametrize("back", [0, 90, 200, 333])
def test_some_names_are_at_their_years_high_or_low(back: int) -> None:
    columns = daily_bars(universe(), DailyPath(universe(), 7), NUMBER - back, {})
    close, high, low = (columns[name].reshape(302, -1)[:300] for name in ("close", "high", "low"))
    assert (close[:, -1] > 0.98 * high.max(axis=1)).sum() >= 4
    assert (close[:, -1] < 1.02 * low.min(axis=1)).sum() >= 4


def test_history_ends_where_the_session_begins(tables: list[dict[str, np.ndarray]]) -> None:
    path = DailyPath(universe(), 7)
    with_minutes = daily_bars(universe(), path, NUMBER, {NUMBER - 1: tables[-1]})
    close = with_minutes["close"].reshape(302, -1)[:, -1]
    np.testing.assert_array_equal(close, tables[-1]["close"][-1])
    gap = np.log(np.exp(path.day(NUMBER).open) / close[:300])
    assert np.abs(gap).max() < 0.07
    assert np.abs(gap).mean() < 0.02
    volume = with_minutes["volume"].reshape(302, -1)[:, -1]
    np.testing.assert_array_equal(volume, tables[-1]["volume"].sum(axis=0))


def test_indices_are_weighted_by_market_cap(tables: list[dict[str, np.ndarray]]) -> None:
    u = universe()
    assert [int(row.sum()) for row in u.members] == [50, 20]
    caps = u.anchor_price * u.shares
    assert caps[u.members[0]].min() >= np.sort(caps)[-50]
    table = tables[-1]
    for place, row in enumerate(u.members):
        level = table["close"][:, u.companies + place]
        value = table["close"][:, : u.companies] @ (row * u.shares)
        np.testing.assert_allclose(level / level[0], value / value[0], rtol=2e-4)
    members = {name for instrument in u.instruments for name in instrument.indices}
    assert members == {"BELL50", "BELLFIN"}


def test_the_profile_is_what_sessions_bring(tables: list[dict[str, np.ndarray]]) -> None:
    columns = volume_profile(universe(), DailyPath(universe(), 7), NUMBER, 7)
    mean = columns["mean"].reshape(-1, MINUTES)
    assert (columns["count"] == 20).all()
    assert (columns["m2"] > 0).mean() > 0.99
    seen = np.mean([table["volume"][:, : universe().companies] for table in tables], axis=0).T
    assert 0.8 < seen.sum() / mean.sum() < 1.25
    spread = np.sqrt(columns["m2"].reshape(-1, MINUTES) / 20)
    score = (tables[-1]["volume"][:, : universe().companies].T - mean) / spread
    assert 0.5 < np.nanpercentile(score, 90) < 4
