"""What a real venue would have left behind: a year of daily bars, recent minute bars, volume profiles."""

import numpy as np
from numpy.typing import NDArray

from marketbell.adapters.feeds.demo.days import DailyPath, Day
from marketbell.adapters.feeds.demo.minute import price_path
from marketbell.adapters.feeds.demo.session import DAY, MINUTE, MINUTES, OPEN_OFFSET, plan_session, volume_shape
from marketbell.adapters.feeds.demo.universe import TICKS_PER_UNIT, Universe
from marketbell.core.columns.frame import Columns

DAILY_BARS = 365
PROFILE_DAYS = 20
_INDICES = 2

Floats = NDArray[np.float64]
FIELDS = ("open", "high", "low", "close", "volume")


def on_grid(prices: Floats) -> Floats:
    """Nearest multiples of the price step, as exact as floats of that decimal are."""
    snapped: Floats = np.rint(prices * TICKS_PER_UNIT) / TICKS_PER_UNIT
    return snapped


def minute_table(universe: Universe, day: Day, seed: int) -> dict[str, Floats]:
    """OHLCV of each minute (row) and instrument (column) of a past session; volume 0 where nothing traded."""
    plan = plan_session(universe, day, seed, 0)
    table = {name: np.zeros((MINUTES, len(universe.instruments))) for name in FIELDS}
    for minute in range(MINUTES):
        prices = price_path(universe, plan, minute, seed)
        prices = np.hstack([prices, universe.index_levels(prices)])
        table["open"][minute], table["close"][minute] = prices[0], prices[-1]
        table["high"][minute], table["low"][minute] = prices.max(axis=0), prices.min(axis=0)
    for name in FIELDS[:4]:
        table[name] = on_grid(table[name])
    table["volume"][:, : universe.companies] = plan.volume
    return table


def minute_bars(universe: Universe, day: Day, table: dict[str, Floats]) -> Columns:
    """BAR rows of one session, instrument by instrument."""
    traded = table["volume"] > 0
    traded[:, -_INDICES:] = True
    instrument, minute = np.nonzero(traded.T)
    columns: Columns = {
        "instrument_id": universe.ids[instrument],
        "timeframe_s": np.full(len(minute), 60, dtype=np.int32),
        "start": day.number * DAY + OPEN_OFFSET + minute * MINUTE,
    }
    return columns | {name: table[name][minute, instrument] for name in FIELDS}


def daily_bars(universe: Universe, path: DailyPath, number: int, tables: dict[int, dict[str, Floats]]) -> Columns:
    """BAR rows of the year before day `number`; days that have a minute table agree with it exactly."""
    first = number - DAILY_BARS
    rows = {name: np.zeros((DAILY_BARS, len(universe.instruments))) for name in FIELDS}
    for row in range(DAILY_BARS):
        table = tables.get(first + row)
        made = _of_minutes(table) if table else _of_day(universe, path.day(first + row))
        for name in FIELDS:
            rows[name][row] = made[name]
    count = rows["open"].size
    starts = np.arange(first, number) * DAY + OPEN_OFFSET
    columns: Columns = {
        "instrument_id": np.repeat(universe.ids, DAILY_BARS),
        "timeframe_s": np.full(count, 86_400, dtype=np.int32),
        "start": np.tile(starts, len(universe.instruments)),
    }
    return columns | {name: np.ascontiguousarray(rows[name].T).ravel() for name in FIELDS}


def _of_minutes(table: dict[str, Floats]) -> dict[str, Floats]:
    return {
        "open": table["open"][0],
        "high": table["high"].max(axis=0),
        "low": table["low"].min(axis=0),
        "close": table["close"][-1],
        "volume": table["volume"].sum(axis=0),
    }


def _of_day(universe: Universe, day: Day) -> dict[str, Floats]:
    opened, closed = np.exp(day.open), np.exp(day.close)
    sd = universe.daily_sd * day.vol[-universe.companies :]
    top = np.maximum(opened, closed) * np.exp(0.32 * sd * np.minimum(day.reach[0], 4.0))
    bottom = np.minimum(opened, closed) * np.exp(-0.32 * sd * np.minimum(day.reach[1], 4.0))
    # An index reaches less far than its members, whose extremes come at different hours.
    index_open, index_close = universe.index_levels(opened), universe.index_levels(closed)
    reach = 0.0025 * day.vol[0] * (1 + np.minimum(day.reach[:, :_INDICES].mean(axis=1), 2.0))
    index_top = np.maximum(index_open, index_close) * (1 + reach[0])
    index_bottom = np.minimum(index_open, index_close) * (1 - reach[1])
    volume = np.concatenate((np.rint(universe.volume * day.volume), np.zeros(_INDICES)))
    return {
        "open": on_grid(np.concatenate((opened, index_open))),
        "high": on_grid(np.concatenate((top, index_top))),
        "low": on_grid(np.concatenate((bottom, index_bottom))),
        "close": on_grid(np.concatenate((closed, index_close))),
        "volume": volume,
    }


def volume_profile(universe: Universe, path: DailyPath, number: int, seed: int) -> Columns:
    """PROFILE rows: count, mean and squared deviations of each minute's volume over the last twenty days.

    Drawn from the distribution that sessions are planned with, day by day (Welford's update), instead of
    planning twenty sessions.
    """
    rng = np.random.default_rng([seed, 5, number])
    mean = np.zeros((MINUTES, universe.companies))
    m2 = np.zeros_like(mean)
    shape = volume_shape()[:, None]
    for nth in range(1, PROFILE_DAYS + 1):
        day = path.day(number - nth)
        shock = np.abs(rng.standard_normal(mean.shape, dtype=np.float32))
        pace = np.exp(0.40 * rng.standard_normal(mean.shape, dtype=np.float32) - 0.08) * (0.55 + 0.58 * shock)
        volume = np.rint(universe.volume * day.volume * shape * pace)
        off = volume - mean
        mean += off / nth
        m2 += off * (volume - mean)
    count = mean.size
    return {
        "instrument_id": np.repeat(universe.ids[: universe.companies], MINUTES),
        "minute": np.tile(np.arange(MINUTES, dtype=np.uint16), universe.companies),
        "count": np.full(count, PROFILE_DAYS, dtype=np.uint32),
        "mean": np.ascontiguousarray(mean.T).ravel(),
        "m2": np.ascontiguousarray(m2.T).ravel(),
    }
