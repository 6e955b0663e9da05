"""Options: implied volatilities, Greeks and whole chains beside fast-vollib, jax and QuantLib."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.options.american import MANY
from marketbell.core.options.analysis import analyse
from marketbell.core.options.chain import Chain, Floats, Side
from marketbell.core.options.frames import packed, unpacked
from marketbell.core.options.model import Model, ModelSettings, Status
from marketbell.core.options.pricing import Priced, implied, value
from marketbell.processes.cli.bench import options_smiles
from marketbell.processes.cli.bench import peer_options as peer
from marketbell.processes.cli.bench.rows import BenchRow, in_turn, seconds

SPOT, RATE = 24_000.0, 0.065
DAYS = (1, 8, 15, 29, 57, 85)
COUNTS = (1, 100, 10_000, 1_000_000)
GREEKS_COUNT = 100_000
CPU_COUNT = 10_000
UNDERLYINGS, FNO_CONTRACTS = 215, 35_000
AMERICAN_CONTRACTS = 400
RUNS = 5
WHILE_S, MOST_CALLS = 0.05, 1_000
"""How long one measurement goes on, where a single call is shorter."""
MOST_QUANTLIB = 10_000
"""QuantLib is asked contract by contract: more of them only take longer."""
SEED = 20_260_806
LIMIT = 1e-8
"""The design's error of a volatility, where the price carries it."""
TICK = 0.05
"""Time value from which on a market's price carries its volatility."""
_BSM = ModelSettings(Model.BSM, RATE)
_COLD_TARGETS = {100: 5.0, 10_000: 1.5}
_WARM_TARGETS = {10_000: 4.0}
_DAY_NS = 86_400 * 10**9


def run() -> list[BenchRow]:
    """All rows. RuntimeError where a volatility, ours or the peer's, is not the one that made the price."""
    rows: list[BenchRow] = []
    for count in COUNTS:
        rows += _volatilities(count)
    return [*rows, *_errors(), *_greeks(), *_chain(), *_whole_exchange(), _american(), *options_smiles.rows()]


@dataclass(frozen=True)
class Market:
    """Options as a NIFTY chain has them: within 2.5 standard deviations, three in ten of them in the money."""

    count: int

    @cached_property
    def _made(self) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
        rng = np.random.default_rng(SEED)
        t = rng.choice(DAYS, self.count) / 365
        sigma = rng.uniform(0.08, 0.45, self.count)
        strike = SPOT * np.exp(rng.uniform(-2.5, 2.5, self.count) * sigma * np.sqrt(t) + RATE * t)
        is_outside = rng.random(self.count) < 0.7
        return t, sigma, strike, (strike > SPOT * np.exp(RATE * t)) == is_outside

    @property
    def t(self) -> Floats:
        """Years to the expiry."""
        return self._made[0]

    @property
    def sigma(self) -> Floats:
        """The volatility that makes the price."""
        return self._made[1]

    @property
    def strike(self) -> Floats:
        """Strikes."""
        return self._made[2]

    @property
    def is_call(self) -> NDArray[np.bool_]:
        """Calls."""
        return self._made[3]

    @cached_property
    def price(self) -> Floats:
        """Prices by the formula."""
        return self.value().price

    @cached_property
    def last(self) -> Floats:
        """The volatilities of a moment ago: up to 3 % away."""
        return self.sigma * np.random.default_rng(SEED + 1).uniform(0.97, 1.03, self.count)

    def value(self) -> Priced:
        """Prices and Greeks, ours."""
        return value(self.sigma, self.strike, self.is_call, SPOT, math.nan, self.t, _BSM)

    def implied(self, warm: Floats | None = None) -> Priced:
        """Volatilities and Greeks, ours."""
        return implied(self.price, self.strike, self.is_call, SPOT, math.nan, self.t, _BSM, warm)

    @cached_property
    def for_peers(self) -> peer.Contracts:
        """The same as the peers want it."""
        return peer.Contracts(self.price, self.strike, self.t, self.is_call, self.sigma, SPOT, RATE)

    @cached_property
    def carries(self) -> NDArray[np.bool_]:
        """Contracts with more than a tick of time value."""
        forward = SPOT * np.exp(RATE * self.t)
        side = np.where(self.is_call, 1.0, -1.0)
        inside = np.maximum(side * (forward - self.strike), 0.0) * np.exp(-RATE * self.t)
        found: NDArray[np.bool_] = self.price - inside > TICK
        return found


# --- volatilities --------------------------------------------------------------------------------------------


def _volatilities(count: int) -> list[BenchRow]:
    market = Market(count)
    contracts = market.for_peers
    works: dict[str, Callable[[], Any]] = {
        "fast-vollib jackel": lambda: peer.jackel(contracts),
        "fast-vollib numba (8 Halley steps)": lambda: peer.halley(contracts, "numba"),
        "fast-vollib jax (8 Halley steps)": lambda: peer.halley(contracts, "jax"),
    }
    if count <= MOST_QUANTLIB:
        works["QuantLib, one by one"] = lambda: peer.quantlib(contracts)
    last = market.last
    ours: list[Callable[[], Any]] = [market.implied, lambda: market.implied(last)]
    for one in (*ours, *works.values()):
        one()
    cold, warm, *theirs = in_turn(RUNS, *(_speed(one, count) for one in (*ours, *works.values())))
    case = f"implied volatility of {count:,}; ours with eight Greeks"
    rows = []
    for words, mine, targets in (("cold", cold, _COLD_TARGETS), ("warm", warm, _WARM_TARGETS)):
        for (name, _), found in zip(works.items(), theirs, strict=True):
            target = targets.get(count) if name == "fast-vollib jackel" else None
            rows.append(BenchRow(f"{case}, {words}", "M contracts/s", mine, found, name, target))
    if count == CPU_COUNT:
        spent, *they_spent = in_turn(RUNS, *(partial(_cpu, one, 5) for one in (market.implied, *works.values())))
        rows += [
            BenchRow(f"{case}, cold, CPU time of all threads", "ms CPU", spent, found, name, higher_is_better=False)
            for name, found in zip(works, they_spent, strict=True)
        ]
    return rows


def _cpu(work: Callable[[], Any], calls: int) -> float:
    """CPU time of one call in ms: what a busy machine does not change much."""
    before = time.process_time()
    for _ in range(calls):
        work()
    return 1e3 * (time.process_time() - before) / calls


def _speed(work: Callable[[], Any], count: int) -> Callable[[], float]:
    """Millions of contracts a second, over so many calls that a clock can tell."""
    calls = max(1, min(MOST_CALLS, int(WHILE_S / max(seconds(work), 1e-9))))

    def measured() -> float:
        return count * calls / seconds(lambda: [work() for _ in range(calls)]) / 1e6

    return measured


def _errors() -> list[BenchRow]:
    market = Market(10_000)
    carries = market.carries
    ours = market.implied()
    if (ours.status != Status.OK).any():
        message = "ours found no volatility for some price"
        raise RuntimeError(message)
    case = f"largest error of a volatility, {int(carries.sum()):,} contracts with more than {TICK} of time value"
    mine = _worst(ours.iv, market)
    if mine > LIMIT:
        message = f"a volatility of ours is {mine:.1e} off"
        raise RuntimeError(message)
    found = {
        "the design's 1e-8": LIMIT,
        "fast-vollib jackel": _worst(peer.jackel(market.for_peers), market),
        "fast-vollib numba": _worst(peer.halley(market.for_peers, "numba"), market),
        "QuantLib": _worst(peer.quantlib(market.for_peers), market),
    }
    return [
        BenchRow(case, "of 1", mine, theirs, name, 1.0 if theirs == LIMIT else None, higher_is_better=False)
        for name, theirs in found.items()
    ]


def _worst(sigma: Floats, market: Market) -> float:
    return float(np.nanmax(np.abs(sigma - market.sigma)[market.carries]))


# --- prices and Greeks ---------------------------------------------------------------------------------------


def _greeks() -> list[BenchRow]:
    market = Market(GREEKS_COUNT)
    contracts = market.for_peers
    works: dict[str, Callable[[], Any]] = {
        "fast-vollib jax": lambda: peer.price_and_greeks(contracts, "jax"),
        "fast-vollib jax, without the price": lambda: peer.greeks(contracts, "jax"),
        "fast-vollib numba": lambda: peer.price_and_greeks(contracts, "numba"),
    }
    ours = market.value()
    for name in ("jax", "numba"):
        theirs = peer.greeks(contracts, name)
        for greek in ("delta", "gamma", "vega", "theta", "rho"):
            if not np.allclose(getattr(ours, greek), theirs[greek], rtol=1e-6, atol=1e-9):
                message = f"fast-vollib {name} has another {greek}"
                raise RuntimeError(message)
    for one in works.values():
        one()
    mine, *found = in_turn(RUNS, *(_speed(one, GREEKS_COUNT) for one in (market.value, *works.values())))
    case = f"price and 5 Greeks of {GREEKS_COUNT:,}; ours with vanna, volga and charm"
    return [
        BenchRow(case, "M contracts/s", mine, theirs, name, None if "without" in name else 1.5)
        for name, theirs in zip(works, found, strict=True)
    ]  # fmt: skip


# --- chains --------------------------------------------------------------------------------------------------


def nifty(minute: int = 0) -> Chain:
    """A NIFTY chain of 241 strikes, quoted on both sides, `minute` minutes after noon, eight days before its expiry."""
    rng = np.random.default_rng(SEED + minute)
    strikes = np.arange(18_000.0, 30_001.0, 50.0)
    count = len(strikes)
    spot = SPOT + rng.normal(0, 5)
    start, ahead = 20_000 * _DAY_NS + minute * 60 * 10**9, 8 * _DAY_NS
    away = np.log(strikes / spot)
    sigma = 0.11 - 0.25 * away + 1.5 * away * away
    sides = {}
    for name, is_call in (("call", True), ("put", False)):
        fair = value(sigma, strikes, is_call, spot, spot * 1.001, ahead / 365 / _DAY_NS, ModelSettings()).price
        bid = np.maximum(np.floor(fair / TICK) * TICK, TICK)
        sides[name] = Side.of(
            count,
            last=np.round(fair / TICK) * TICK,
            bid=bid,
            ask=bid + TICK,
            volume=rng.integers(0, 10**6, count) * 75.0,
            oi=rng.integers(1, 10**5, count) * 75.0,
            oi_change=rng.integers(-(10**4), 10**4, count) * 75.0,
            prev_close=fair * 1.1,
            quote_time=np.full(count, start),
        )
    return Chain(
        "NSE:NIFTY", date(2024, 10, 12), start, spot, strikes, sides["call"], sides["put"], start + ahead,
        spot * 1.001, 75.0,
    )  # fmt: skip


def _chain() -> list[BenchRow]:
    first, second = nifty(0), nifty(1)
    known = analyse(first)
    lacking = {name for name, one in known.metrics.items() if one is None}
    if lacking - {"skew_25", "risk_reversal_25", "butterfly_25", "gex_flip", "oi_state"}:
        message = f"a whole chain has no {', '.join(sorted(lacking))}"
        raise RuntimeError(message)
    calls, on_the_log = 50, packed(second)
    works: dict[str, Callable[[], Any]] = {
        "": lambda: analyse(second),
        "; after one of the same expiry": lambda: analyse(second, previous=known),
        "; read from the log's bytes first": lambda: analyse(unpacked(on_the_log)),
    }
    found = in_turn(RUNS, *(partial(_milliseconds, one, calls) for one in works.values()))
    solved = f"forward, {2 * len(first)} volatilities, Greeks, {len(known.metrics)} metrics"
    case = f"a NIFTY chain of {len(first)} strikes: {solved}"
    spent = in_turn(RUNS, *(partial(_cpu, one, calls) for one in works.values()))
    goal = "the design's 1 ms"
    return [
        *(
            BenchRow(case + words, "ms", mine, 1.0, goal, 1.0, higher_is_better=False)
            for words, mine in zip(works, found, strict=True)
        ),
        *(
            BenchRow(f"{case}{words}: CPU time", "ms CPU", mine, 1.0, goal, None, higher_is_better=False)
            for words, mine in zip(works, spent, strict=True)
        ),
    ]


def _milliseconds(work: Callable[[], Any], calls: int) -> float:
    return 1e3 * seconds(lambda: [work() for _ in range(calls)]) / calls


def _whole_exchange() -> list[BenchRow]:
    rng = np.random.default_rng(SEED + 2)
    spots = rng.uniform(50, 40_000, UNDERLYINGS)
    spot = spots[rng.integers(0, UNDERLYINGS, FNO_CONTRACTS)]
    t = rng.choice([11, 39, 74], FNO_CONTRACTS) / 365
    forward, sigma = spot * np.exp(0.06 * t), rng.uniform(0.1, 0.8, FNO_CONTRACTS)
    strike = spot * np.exp(rng.uniform(-2.5, 2.5, FNO_CONTRACTS) * sigma * np.sqrt(t))
    is_call = rng.random(FNO_CONTRACTS) < 0.5
    model = ModelSettings(Model.BLACK76, RATE)
    price = value(sigma, strike, is_call, spot, forward, t, model).price
    # About as many as do not trade on a day.
    price[rng.random(FNO_CONTRACTS) < 0.4] = np.nan
    traded = np.flatnonzero(~np.isnan(price))
    contracts = peer.Contracts(
        price[traded], strike[traded], t[traded], is_call[traded], sigma[traded], forward[traded], RATE, "black"
    )

    def ours() -> Any:
        return implied(price, strike, is_call, spot, forward, t, model)

    found = ours()
    if int((found.status == Status.OK).sum()) < 0.95 * len(traded):
        message = "ours found no volatility for many prices of the whole exchange"
        raise RuntimeError(message)
    peer.jackel(contracts)
    mine, theirs = in_turn(RUNS, lambda: 1e3 * seconds(ours), lambda: 1e3 * seconds(lambda: peer.jackel(contracts)))
    case = f"as many as NSE's F&O bhavcopy in one call: {FNO_CONTRACTS:,} of {UNDERLYINGS} underlyings, 40 % untraded"
    name = f"fast-vollib jackel, the {len(traded):,} traded ones, volatility alone"
    return [BenchRow(case, "ms", mine, theirs, name, None, higher_is_better=False)]


def _american() -> BenchRow:
    rng = np.random.default_rng(SEED + 3)
    strike = rng.uniform(80, 120, AMERICAN_CONTRACTS)
    sigma, t = rng.uniform(0.1, 0.5, AMERICAN_CONTRACTS), np.full(AMERICAN_CONTRACTS, 90 / 365)
    is_call = np.zeros(AMERICAN_CONTRACTS, np.bool_)
    settings = ModelSettings(Model.AMERICAN, 0.05, 0.015)
    contracts = peer.Contracts(np.empty(0), strike, t, is_call, sigma, 100.0, 0.05)

    def ours() -> Any:
        return value(sigma, strike, is_call, 100.0, math.nan, t, settings)

    ours()
    per = AMERICAN_CONTRACTS / 1e6
    mine, theirs = in_turn(
        RUNS, lambda: seconds(ours) / per, lambda: seconds(lambda: peer.tree(contracts, 0.015, MANY)) / per
    )
    case = f"American puts, {AMERICAN_CONTRACTS}: price and 8 Greeks from trees of {MANY} steps and half of it"
    name = f"QuantLib, one tree of {MANY} steps each: price, delta, gamma"
    return BenchRow(case, "µs a contract", mine, theirs, name, None, higher_is_better=False)
