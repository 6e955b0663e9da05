"""The slow clock: one outcome a day for every company, from a fixed first day on.

Daily log return of company i in sector k:

    r_i = beta_i m + gamma_i s_k + e_i + trend_i + jump_i - pull (x_i - anchor_i)

m, s and e are GARCH(1,1) series with unit-variance Student-t shocks (Bollerslev 1986, 1987); the slow
trend makes leaders and laggards, the weak pull keeps prices plausible however far the calendar runs.
A day depends on the seed and its date alone, so any session can be made without the ones before.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from marketbell.adapters.feeds.demo.universe import Universe
from marketbell.core.primitives.errors import InvalidSettingError

FIRST_DAY = date(2022, 1, 1)
HISTORY_DAYS = 366
DEGREES_OF_FREEDOM = 5.0
MARKET_SD, SECTOR_SD = 0.0080, 0.0075
PRICE_BAND = 0.18
"""Largest daily log move, as venues' price bands allow about 20 %."""
_ALPHA, _BETA = 0.06, 0.92
_TREND_KEEPS, _TREND_SD = 0.98, 0.0016
_PULL = 0.0045
_SWINGERS, _SWING, _SWING_DAYS = 6, 0.0048, 520
"""Every sixth company swings between long rallies and long slumps: there are always 52-week highs and lows."""
_BLOCK = 128
_EPOCH = date(1970, 1, 1)

Floats = NDArray[np.float64]


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def unit_t(rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
    """Student-t shocks with variance 1."""
    scale = ((DEGREES_OF_FREEDOM - 2) / DEGREES_OF_FREEDOM) ** 0.5
    shocks: Floats = rng.standard_t(DEGREES_OF_FREEDOM, size) * scale
    return shocks


@dataclass(frozen=True, slots=True)
class Day:
    """One company-by-company outcome; prices as logarithms.

    `vol` holds the day's volatility relative to its long-run mean: market, sectors, companies.
    `volume` is relative to the company's mean day; `reach` are two positive noises for high and low.
    """

    number: int
    prev_close: Floats
    open: Floats
    close: Floats
    jump: Floats
    vol: Floats
    volume: Floats
    reach: Floats


class DailyPath:
    """Walks day by day and remembers the last year; going further back starts again from the first day."""

    def __init__(self, universe: Universe, seed: int) -> None:
        self._universe = universe
        self._seed = seed
        self._sectors = int(universe.sector.max()) + 1
        self._restart()

    def _restart(self) -> None:
        u = self._universe
        self._rng = np.random.default_rng([self._seed, 1])
        self._anchor = np.log(u.anchor_price)
        self._x = self._anchor.copy()
        self._h = np.ones(1 + self._sectors + u.companies)
        self._trend = np.zeros(u.companies)
        place = np.arange(u.companies)
        self._swings = (place % _SWINGERS == 0).astype(np.float64)
        self._phase = place * 2.399963  # the golden angle: phases lie evenly however many there are
        self._next = day_number(FIRST_DAY)
        self._kept: OrderedDict[int, Day] = OrderedDict()
        self._drawn: list[Floats] = []
        self._row = _BLOCK

    def day(self, number: int) -> Day:
        """The outcome of that day. InvalidSettingError before the first day that has a year behind it."""
        earliest = day_number(FIRST_DAY) + HISTORY_DAYS
        if number < earliest - HISTORY_DAYS:
            message = f"the demo market begins on {FIRST_DAY}: its sessions start a year later"
            raise InvalidSettingError(message)
        if number < self._next and number not in self._kept:
            self._restart()
        while self._next <= number:
            self._kept[self._next] = self._step(self._next)
            self._next += 1
            if len(self._kept) > HISTORY_DAYS + 8:
                self._kept.popitem(last=False)
        return self._kept[number]

    def _draw(self) -> None:
        rng, n = self._rng, self._universe.companies
        self._drawn = [
            unit_t(rng, (_BLOCK, len(self._h))),
            rng.standard_normal((_BLOCK, 3, n)),
            rng.random((_BLOCK, n)),
            rng.standard_exponential((_BLOCK, 3, n)),
        ]
        self._row = 0

    def _step(self, number: int) -> Day:
        if self._row == _BLOCK:
            self._draw()
        shocks, normals, uniforms, exponentials = (block[self._row] for block in self._drawn)
        self._row += 1
        u = self._universe
        vol = np.sqrt(self._h)
        scaled = vol * shocks
        self._h = (1 - _ALPHA - _BETA) + _ALPHA * np.minimum(scaled * scaled, 25.0) + _BETA * self._h
        own = scaled[1 + self._sectors :]
        market, sector = MARKET_SD * scaled[0], SECTOR_SD * scaled[1 : 1 + self._sectors]
        moved = u.beta * market + u.gamma * sector[u.sector] + u.daily_sd * own
        self._trend = _TREND_KEEPS * self._trend + (1 - _TREND_KEEPS**2) ** 0.5 * _TREND_SD * normals[0]
        jumps = uniforms < u.jump_chance
        jump = np.where(jumps, np.where(uniforms < u.jump_chance * 0.55, -1.0, 1.0), 0.0)
        jump *= u.daily_sd * (2.0 + 1.5 * np.minimum(exponentials[0], 4.0))
        swing = np.where(np.sin(2 * np.pi * number / _SWING_DAYS + self._phase) > 0, _SWING, -_SWING) * self._swings
        pulled = self._trend + swing - _PULL * (self._x - self._anchor)
        total = np.clip(moved + jump + pulled, -PRICE_BAND, PRICE_BAND)
        # A fifth of a day's news comes overnight, as in most markets, with some noise of its own.
        gap = np.clip(0.25 * moved + 0.35 * u.daily_sd * normals[1], -0.05, 0.05)
        before = self._x
        self._x = before + total
        busy = np.exp(0.30 * normals[2] - 0.045) * (1 + 0.25 * np.minimum(np.abs(own), 4.0) + 2.5 * jumps) / 1.18
        return Day(number, before, before + gap, self._x, jump, vol, busy, exponentials[1:])
