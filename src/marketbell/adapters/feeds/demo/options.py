"""Option chains of the demo market: its two indices and its four largest companies.

Volatilities come from an SSVI surface (Gatheral, Jacquier, "Arbitrage-free SVI volatility surfaces", 2014): with

    w(k) = theta/2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)),  phi = eta theta^-1/2 (1 + theta)^-1/2

slices have no butterfly arbitrage for eta (1 + |rho|) <= 2, and none cross while theta, the total variance at the
money, rises with time. It does: it is the integral of a variance that reverts to its mean. The level of that variance
follows the day's own and falls when the price rises. Prices are Black (1976) on the forward, not discounted.

Open interest ends each day at a shape around the price (calls above it, puts below, more at round strikes, more towards
the expiry) and moves there over the day as volume does, so its change against the day before is what was traded.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from math import ceil, exp, floor, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.adapters.feeds.demo.days import DailyPath
from marketbell.adapters.feeds.demo.session import DAY, MINUTE, MINUTES, OPEN_OFFSET, volume_shape
from marketbell.adapters.feeds.demo.universe import CALENDAR, TICKS_PER_UNIT, Universe
from marketbell.core.options.chain import Chain, Side
from marketbell.core.options.expiry import expiry_instant
from marketbell.core.options.model import ModelSettings
from marketbell.core.options.pricing import value

COMPANIES = 4
"""So many of the largest have options."""
SPARSE_EVERY = 5
"""Minutes between chains in the first part of a session that is run through at full speed."""
LABEL = "SIMULATED market"
CARRY = 0.065
"""What a forward gains a year."""
_WEEKLIES, _INDEX_MONTHS, _MONTHS = 4, 3, 2
_TUESDAY = 1
_HISTORY = 365
MATURITY_DAYS = 30
_RHO, _ETA = -0.35, 1.1
_REVERSION = 3.0
_STEPS = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 25.0, 50.0, 100.0, 200.0, 500.0)
_EPOCH = date(1970, 1, 1)
_YEAR = 365 * DAY
_PLAIN = ModelSettings(rate=0.0)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Underlying:
    """One with options: its place among the instruments, mean volatility (a fraction a year), step, lot and reach.

    `turnover` is the open interest at the money of a mean expiry, in lots.
    """

    place: int
    key: str
    is_index: bool
    volatility: float
    step: float
    lot: int
    reach: float
    turnover: float


@dataclass(frozen=True, slots=True)
class _Yesterday:
    """What a chain is compared with: strikes, closing prices and open interest of the day before."""

    strikes: Floats
    prices: tuple[Floats, Floats]
    oi: tuple[Floats, Floats]


class DemoOptions:
    """Makes chains from prices; the same for the same seed, day and minute."""

    def __init__(self, universe: Universe, days: DailyPath, seed: int) -> None:
        self._universe = universe
        self._days = days
        self._seed = seed
        self.underlyings = _underlyings(universe)
        self._yesterday = lru_cache(maxsize=64)(self._of_yesterday)
        self._noise = lru_cache(maxsize=256)(self._of_strikes)
        self._shares = np.concatenate([[0.0], np.cumsum(volume_shape())])

    def expiries(self, one: Underlying, number: int) -> list[date]:
        """Listed expiries on a day: Tuesdays ahead and last Tuesdays of months for an index, these alone for others."""
        today = _EPOCH + timedelta(days=number)
        months = _last_tuesdays(today, _INDEX_MONTHS if one.place == self._first_index else _MONTHS)
        if one.place != self._first_index:
            return months
        first = today + timedelta(days=(_TUESDAY - today.weekday()) % 7)
        return sorted({*(first + timedelta(weeks=week) for week in range(_WEEKLIES)), *months})

    @property
    def _first_index(self) -> int:
        return self._universe.companies

    def events(self, number: int, minute: int, chapter: int, *, is_sparse: bool) -> int:
        """How many events there are at the start of a chapter: the chains of one underlying and its future."""
        if is_sparse and minute % SPARSE_EVERY:
            return 0
        return len(self.expiries(self.underlyings[chapter], number)) + 1

    def rows(self, number: int, sparse_minutes: int) -> NDArray[np.int64]:
        """Events of each minute of a session."""
        full = sum(len(self.expiries(one, number)) + 1 for one in self.underlyings)
        minutes = np.arange(MINUTES)
        return np.where((minutes >= sparse_minutes) | (minutes % SPARSE_EVERY == 0), full, 0)

    def chains(self, number: int, minute: int, chapter: int, as_of: int, prices: Floats) -> list[Chain]:
        """The chains of the chapter's underlying, the nearest expiry first. `prices` of all companies, by place."""
        one = self.underlyings[chapter]
        spot = self._spot(one, prices)
        passed = float(self._shares[minute] + (self._shares[minute + 1] - self._shares[minute]) * chapter / 6)
        return [self._chain(one, number, expiry, as_of, spot, passed) for expiry in self.expiries(one, number)]

    def futures(self, number: int, minute: int, chapter: int, as_of: int, prices: Floats) -> dict[str, Any]:
        """The REFERENCE entry with the near future of the chapter's underlying."""
        one = self.underlyings[chapter]
        expiry = _last_tuesdays(_EPOCH + timedelta(days=number), 1)[0]
        years = max(0.0, (expiry_instant(CALENDAR, expiry) - as_of) / _YEAR)
        price = _on_tick(self._spot(one, prices) * exp(CARRY * years))
        before, now = (self._future_oi(one, day, expiry) for day in (number - 1, number))
        oi = before + (now - before) * float(self._shares[minute])
        item = {
            "instrument_id": int(self._universe.ids[one.place]),
            "expiry": expiry.isoformat(),
            "as_of": as_of,
            "price": price,
            "oi": float(round(oi) * one.lot),
        }
        return {"type": "futures", "items": [item]}

    def iv_history(self, number: int) -> dict[str, Any]:
        """ATM volatilities 30 days out at the closes of the year before a day, as a REFERENCE entry."""
        days = list(range(number - _HISTORY, number))
        years = MATURITY_DAYS / 365
        items = [
            {
                "instrument_id": int(self._universe.ids[one.place]),
                "days": days,
                "values": [round(100 * sqrt(self._theta(one, day, years, 0.0) / years), 4) for day in days],
            }
            for one in self.underlyings
        ]
        return {"type": "iv_history", "items": items}

    # --- one chain -------------------------------------------------------------------------------

    def _chain(self, one: Underlying, number: int, expiry: date, as_of: int, spot: float, passed: float) -> Chain:
        before = self._yesterday(one, number, expiry)
        expires_at = expiry_instant(CALENDAR, expiry)
        years = (expires_at - as_of) / _YEAR
        strikes = before.strikes
        fair = self._prices(one, number, strikes, spot, years, log(spot / self._close(one, number - 1)))
        rng = np.random.default_rng([self._seed, 8, number, one.place, expiry.toordinal(), as_of // 10_000_000_000])
        ends = self._open_interest(one, number, expiry, strikes, spot)
        sides = [
            self._side(rng, price, close, now, then, passed, one.lot, as_of)
            for price, close, now, then in zip(fair, before.prices, ends, before.oi, strict=True)
        ]
        is_month = expiry in _last_tuesdays(_EPOCH + timedelta(days=number), _INDEX_MONTHS)
        return Chain(
            underlying=one.key,
            expiry=expiry,
            as_of=as_of,
            spot=spot,
            strikes=strikes,
            call=sides[0],
            put=sides[1],
            expires_at=expires_at,
            future=_on_tick(spot * exp(CARRY * years)) if is_month and years > 0 else float("nan"),
            lot_size=float(one.lot),
            source=LABEL,
        )

    @staticmethod
    def _side(
        rng: np.random.Generator, fair: Floats, close: Floats, now: Floats, then: Floats, passed: float, lot: int,
        as_of: int,
    ) -> Side:  # fmt: skip
        count = len(fair)
        half = np.maximum(1 / TICKS_PER_UNIT, fair * rng.uniform(0.002, 0.006, count))
        bid = np.floor((fair - half / 2) * TICKS_PER_UNIT + 0.5) / TICKS_PER_UNIT
        ask = np.maximum(np.ceil((fair + half / 2) * TICKS_PER_UNIT - 0.5), 1) / TICKS_PER_UNIT
        bid = np.where(bid > 0, np.minimum(bid, ask - 1 / TICKS_PER_UNIT), np.nan)
        bid = np.where(bid > 0, bid, np.nan)
        oi = np.round((then + (now - then) * passed) / lot) * lot
        volume = np.round(passed * (2.5 * np.abs(now - then) + 0.8 * now) / lot) * lot
        last = np.where(rng.random(count) < 0.5, np.where(np.isnan(bid), ask, bid), ask)
        sizes = np.ceil(rng.standard_exponential((2, count)) * 8) * lot
        return Side.of(
            count,
            last=np.where(volume > 0, last, np.nan),
            bid=bid,
            ask=ask,
            bid_size=np.where(np.isnan(bid), np.nan, sizes[0]),
            ask_size=sizes[1],
            volume=volume,
            oi=oi,
            oi_change=oi - np.round(then / lot) * lot,
            prev_close=close,
            quote_time=as_of - np.floor(rng.uniform(0, 900, count)).astype(np.int64) * 1_000_000,
        )

    def _of_yesterday(self, one: Underlying, number: int, expiry: date) -> _Yesterday:
        close = self._close(one, number - 1)
        low, high = ceil(close * (1 - one.reach) / one.step), floor(close * (1 + one.reach) / one.step)
        strikes: Floats = np.arange(low, high + 1).astype(np.float64) * one.step
        ended = (number - 1) * DAY + OPEN_OFFSET + MINUTES * MINUTE
        years = (expiry_instant(CALENDAR, expiry) - ended) / _YEAR
        call, put = self._prices(one, number - 1, strikes, close, years, 0.0)
        oi = self._open_interest(one, number - 1, expiry, strikes, close)
        tick = 1 / TICKS_PER_UNIT
        closes = (np.maximum(np.round(call / tick) * tick, tick), np.maximum(np.round(put / tick) * tick, tick))
        return _Yesterday(strikes, closes, oi)

    def _prices(
        self, one: Underlying, number: int, strikes: Floats, spot: float, years: float, moved: float
    ) -> tuple[Floats, Floats]:
        """Fair prices of calls and puts; `moved` is the log return since the close before."""
        if years <= 0:
            return np.maximum(spot - strikes, 0.0), np.maximum(strikes - spot, 0.0)
        forward = spot * exp(CARRY * years)
        theta = self._theta(one, number, years, moved)
        iv = np.sqrt(total_variance(np.log(strikes / forward), theta) / years)
        count = len(strikes)
        both = value(
            np.concatenate([iv, iv]), np.concatenate([strikes, strikes]), np.arange(2 * count) < count, spot, forward,
            years, _PLAIN,
        ).price  # fmt: skip
        return both[:count], both[count:]

    def _theta(self, one: Underlying, number: int, years: float, moved: float) -> float:
        """Total variance at the money: a variance that reverts to its mean, from the day's own on."""
        day = self._days.day(number)
        own = day.vol[0] if one.is_index else day.vol[-self._universe.companies + one.place]
        mean = one.volatility**2
        now = mean * (0.45 + 0.55 * float(own)) ** 2 * exp(-5.0 * moved)
        return mean * years + (now - mean) * (1 - exp(-_REVERSION * years)) / _REVERSION

    def _open_interest(
        self, one: Underlying, number: int, expiry: date, strikes: Floats, spot: float
    ) -> tuple[Floats, Floats]:
        """Open interest of calls and puts that a day would end with at this price, in units."""
        left = (expiry - (_EPOCH + timedelta(days=number))).days
        if left < 0:
            return np.zeros(len(strikes)), np.zeros(len(strikes))
        size = one.turnover * exp(-left / 25.0) + one.turnover * 0.05
        k = strikes / spot - 1
        width = one.reach / 3
        is_round = np.where(np.isclose(strikes % (10 * one.step), 0), 2.2, 1.0)
        is_round = np.where(np.isclose(strikes % (5 * one.step), 0), np.maximum(is_round, 1.5), is_round)
        call = np.exp(-(((k - width * 0.6) / width) ** 2))
        put = np.exp(-(((k + width * 0.6) / width) ** 2))
        lean = np.random.default_rng([self._seed, 9, number, one.place]).normal(0.0, 0.18)
        found = []
        for side, shape in enumerate((call, put)):
            noise = self._noise(number, one.place, expiry.toordinal(), side, strikes.tobytes())
            tilt = exp(-lean if side == 0 else lean)
            found.append(size * one.lot * shape * is_round * noise * tilt)
        return found[0], found[1]

    def _of_strikes(self, number: int, place: int, expiry: int, side: int, strikes: bytes) -> Floats:
        return _strike_noise(self._seed, number, place, expiry, side, np.frombuffer(strikes))

    def _future_oi(self, one: Underlying, number: int, expiry: date) -> float:
        """Open interest of a future at a day's end, in lots."""
        drift = np.random.default_rng([self._seed, 10, number, one.place]).normal(0.0, 0.06)
        left = max(0, (expiry - (_EPOCH + timedelta(days=number))).days)
        return one.turnover * 30 * (0.4 + 0.6 * min(1.0, (left + 3) / 25)) * exp(drift)

    def _spot(self, one: Underlying, prices: Floats) -> float:
        if not one.is_index:
            return _on_tick(float(prices[one.place]))
        return _on_tick(float(self._universe.index_levels(prices)[one.place - self._first_index]))

    def _close(self, one: Underlying, number: int) -> float:
        return self._spot(one, np.exp(self._days.day(number).close))


def total_variance(k: Floats, theta: float) -> Floats:
    """The SSVI slice at log-moneyness k: see the module."""
    phi = _ETA / sqrt(theta * (1 + theta))
    found: Floats = theta / 2 * (1 + _RHO * phi * k + np.sqrt((phi * k + _RHO) ** 2 + 1 - _RHO**2))
    return found


def _underlyings(universe: Universe) -> tuple[Underlying, ...]:
    """The indices, then the largest companies."""
    levels = universe.index_levels(universe.anchor_price)
    cap = universe.shares * universe.anchor_price
    found = []
    for place in (*range(universe.companies, universe.companies + 2), *np.argsort(-cap)[:COMPANIES].tolist()):
        is_index = place >= universe.companies
        price = float(levels[place - universe.companies] if is_index else universe.anchor_price[place])
        wanted = price * (0.005 if is_index else 0.015)
        found.append(
            Underlying(
                place=int(place),
                key=universe.instruments[place].key,
                is_index=is_index,
                volatility=0.15 if is_index else float(universe.daily_sd[place]) * sqrt(365) * 1.6,
                step=_STEPS[int(np.argmin(np.abs(np.array(_STEPS) - wanted)))],
                lot=(75 if place == universe.companies else 30) if is_index else max(25, round(6e5 / price / 25) * 25),
                reach=0.09 if is_index else 0.18,
                turnover=60_000.0 if is_index else 4_000.0,
            )
        )
    return tuple(found)


def _last_tuesdays(today: date, count: int) -> list[date]:
    """The last Tuesdays of this month and those behind it that have not passed."""
    found: list[date] = []
    year, month = today.year, today.month
    while len(found) < count:
        ahead = date(year + month // 12, month % 12 + 1, 1)
        last = ahead - timedelta(days=1)
        last -= timedelta(days=(last.weekday() - _TUESDAY) % 7)
        if last >= today:
            found.append(last)
        year, month = ahead.year, ahead.month
    return found


def _strike_noise(seed: int, number: int, place: int, expiry: int, side: int, strikes: Floats) -> Floats:
    """A slow random walk of each strike's open interest around 1; the same strike has the same, whatever the others."""
    out = np.empty(len(strikes))
    for at, strike in enumerate(strikes.tolist()):
        phase = np.random.default_rng([seed, 11, place, expiry, side, round(strike * 20)]).random(3)
        out[at] = exp(
            0.30 * np.sin(2 * np.pi * (number / 9.0 + phase[0])) + 0.25 * np.sin(2 * np.pi * (number / 3.7 + phase[1]))
            + 0.4 * (phase[2] - 0.5)
        )  # fmt: skip
    return out


def _on_tick(price: float) -> float:
    return round(price * TICKS_PER_UNIT) / TICKS_PER_UNIT
