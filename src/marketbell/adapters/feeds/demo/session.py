"""The fast clock: one session minute by minute, planned at once.

A plan holds what must be known before any trade is drawn: the price of every company at every minute's
end, how much is traded, and how many trades, quotes and books there are. Minutes are then drawn one by
one from their own random stream (minute.py), so any moment can be reached without those before it.

Inside the session volatility has its own GARCH(1,1) per factor on top of the U shape of the day; the
path is a bridge to the day's close (days.py).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketbell.adapters.feeds.demo.days import MARKET_SD, SECTOR_SD, Day, unit_t
from marketbell.adapters.feeds.demo.faults import KINDS, FaultRates
from marketbell.adapters.feeds.demo.universe import TRADES_PER_SECOND, Universe

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
OPEN_OFFSET = (3 * 60 + 45) * MINUTE
"""09:15 IST is 03:45 UTC the whole year: IST has no summer time."""
MINUTES = 375
INDEX_TICKS = 60  # one a second and index
QUOTES_PER_SECOND, BOOKS_PER_SECOND = 300.0, 30.0
MAX_BOOKS_PER_MINUTE = 40  # so that no instrument has two books in one slot of a chapter
SPARSE_TRADES, SPARSE_QUOTES = 42.0, 10.0
"""Trades and quotes a second in the sparse first part of a session that is run through at full speed."""
_ALPHA, _BETA = 0.18, 0.79
_LARGEST_SHOCK, _LARGEST_VARIANCE = 15.0, 8.0  # squared, relative to the mean: keeps a storm a storm
_INTRADAY_SHARE = 0.86  # of a day's standard deviation; the rest is overnight

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def volume_shape() -> Floats:
    """Share of a mean day's volume in each minute: high at the open, lowest after noon, rising to the close."""
    m = np.arange(MINUTES)
    weight = 0.65 + 2.4 * np.exp(-m / 18.0) + 1.3 * np.exp(-(MINUTES - 1 - m) / 28.0)
    shape: Floats = weight / weight.sum()
    return shape


def variance_shape() -> Floats:
    """Share of a mean session's variance in each minute."""
    m = np.arange(MINUTES)
    weight = (0.75 + 1.7 * np.exp(-m / 22.0) + 0.55 * np.exp(-(MINUTES - 1 - m) / 25.0)) ** 2
    shape: Floats = weight / weight.sum()
    return shape


@dataclass(frozen=True, slots=True)
class Plan:
    """One session. First axis of every array: the minute (`path`: its start, so one more row).

    `path` log prices; `volume` shares of the minute; `trades`, `quotes`, `books` counts by company;
    `faults` counts by kind; `rows` the session's rows before each minute (one more entry: the total);
    `spread` in price steps; `agitation` volatility relative to its mean (company).
    """

    number: int
    sparse_minutes: int
    open: int
    path: Floats
    volume: Counts
    cumulative: Counts
    trades: Counts
    quotes: Counts
    books: Counts
    faults: Counts
    rows: Counts
    spread: Counts
    agitation: NDArray[np.float32]

    def is_sparse_at(self, minute: int) -> bool:
        """True in the part of the session that is run through at full speed."""
        return minute < self.sparse_minutes


def plan_session(
    universe: Universe,
    day: Day,
    seed: int,
    sparse_minutes: int,
    rates: FaultRates | None = None,
    options: Counts | None = None,
) -> Plan:
    """Plan the session of `day`. The first `sparse_minutes` have few trades but the usual volume.

    `options`: events of option chains in each minute.
    """
    rng = np.random.default_rng([seed, 2, day.number])
    sectors = int(universe.sector.max()) + 1
    shape = variance_shape()
    shocks, agitation = _clustered(rng, MINUTES, len(day.vol))
    sd = np.concatenate(([MARKET_SD], np.full(sectors, SECTOR_SD), universe.daily_sd)) * day.vol * _INTRADAY_SHARE
    moves = shocks * sd * np.sqrt(shape)[:, None]
    own = moves[:, 1 + sectors :]
    returns = universe.beta * moves[:, :1] + universe.gamma * moves[:, 1 : 1 + sectors][:, universe.sector] + own
    jump_minute = rng.integers(5, MINUTES - 5, universe.companies)
    after_jump = np.arange(MINUTES)[:, None] - jump_minute
    returns += np.where(after_jump == 0, day.jump, 0.0)
    # Tie the free walk to the day's close, in proportion to the variance passed: a bridge.
    returns += (day.close - day.open - returns.sum(axis=0)) * shape[:, None]
    path = np.vstack([day.open, day.open + np.cumsum(returns, axis=0)])

    excited = np.where((after_jump >= 0) & (day.jump != 0), 6.0 * np.exp(-np.maximum(after_jump, 0) / 8.0), 0.0)
    pace = np.exp(0.40 * rng.standard_normal(own.shape) - 0.08)
    pace *= 0.55 + 0.58 * np.minimum(np.abs(shocks[:, 1 + sectors :]), 6.0) + excited
    volume = np.rint(universe.volume * day.volume * volume_shape()[:, None] * pace).astype(np.int64)

    busy = volume_shape()[:, None] * MINUTES * np.sqrt(pace * day.volume)
    sparse = np.arange(MINUTES) < sparse_minutes
    trades = _counts(rng, universe.trade_rate, TRADES_PER_SECOND, SPARSE_TRADES, busy, sparse)
    trades[0] += 1  # everyone has an opening trade
    quotes = _counts(rng, universe.trade_rate**0.7, QUOTES_PER_SECOND, SPARSE_QUOTES, busy, sparse)
    books = np.minimum(
        _counts(rng, universe.trade_rate**0.35, BOOKS_PER_SECOND, 0.5, np.ones_like(busy), sparse), MAX_BOOKS_PER_MINUTE
    )
    books[sparse] = np.minimum(books[sparse], 1)
    volume, cumulative = _deliver(volume, trades)
    faults = rates.counts(rng, trades.sum(axis=1)) if rates else np.zeros((MINUTES, len(KINDS)), dtype=np.int64)
    per_minute = (trades + quotes + 10 * books).sum(axis=1) + INDEX_TICKS * 2 + faults.sum(axis=1)
    if options is not None:
        per_minute += options

    total_agitation = np.sqrt(agitation[:, 1 + sectors :]) * np.sqrt(shape * MINUTES)[:, None]
    steps = universe.spread_bps * 1e-4 * np.exp(path[:-1]) * 20 * np.clip(total_agitation, 0.6, 3.0)
    return Plan(
        number=day.number,
        sparse_minutes=sparse_minutes,
        open=day.number * DAY + OPEN_OFFSET,
        path=path,
        volume=volume,
        cumulative=cumulative,
        trades=trades,
        quotes=quotes,
        books=books,
        faults=faults,
        rows=np.concatenate(([0], np.cumsum(per_minute))),
        spread=np.maximum(np.rint(steps), 1).astype(np.int64),
        agitation=total_agitation.astype(np.float32),
    )


def _clustered(rng: np.random.Generator, minutes: int, series: int) -> tuple[Floats, Floats]:
    """Shocks with GARCH(1,1) variance around 1, and that variance."""
    draws = unit_t(rng, (minutes, series))
    variance = np.empty_like(draws)
    h = np.exp(0.25 * rng.standard_normal(series) - 0.03)
    for t in range(minutes):
        variance[t] = h
        h = (1 - _ALPHA - _BETA) + h * (_BETA + _ALPHA * np.minimum(draws[t] * draws[t], _LARGEST_SHOCK))
        h = np.minimum(h, _LARGEST_VARIANCE)
    return draws * np.sqrt(variance), variance


def _counts(
    rng: np.random.Generator, weight: Floats, full: float, thin: float, busy: Floats, sparse: NDArray[np.bool_]
) -> Counts:
    """Poisson counts a minute and company; the sparse part is spread more evenly, so that small names are seen."""
    rate = np.broadcast_to(weight * (full * 60 / weight.sum()), busy.shape).copy()
    if sparse.any():
        even = weight**0.4
        rate[sparse] = even * (thin * 60 / even.sum()) / busy[sparse].mean()
    counts: Counts = rng.poisson(busy * rate).astype(np.int64)
    return counts


def _deliver(volume: Counts, trades: Counts) -> tuple[Counts, Counts]:
    """Give volume only to minutes that have trades (the rest comes with the next), one share a trade at least.

    Returns the shares of each minute and the session's shares before it (one row more).
    """
    wanted = np.cumsum(np.maximum(volume, trades), axis=0)
    reached = np.maximum.accumulate(np.where(trades > 0, wanted, 0), axis=0)
    before = np.vstack([np.zeros_like(reached[:1]), reached])
    return np.diff(before, axis=0), before
