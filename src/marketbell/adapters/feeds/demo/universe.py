"""The three hundred companies and two indices: who they are and how each of them trades.

The universe is the same for every seed, so that watchlists and rules on it survive another seed.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from marketbell.adapters.feeds.demo.names import BRANCHES, SECTORS, security_code, stems
from marketbell.core.market.instrument import Instrument

VENUE = "SIM"
CALENDAR = "SIM"
SOURCE = "demo"
TICKS_PER_UNIT = 20
"""One price step is a twentieth: 0.05. Prices are whole steps divided by this, so 1234.55 is exactly 1234.55."""
LARGE, FINANCE = "BELL50", "BELLFIN"
TRADES_PER_SECOND = 1_000.0
"""Mean over a session, all companies together."""
SESSION_S = 22_500
LARGE_SIZE, FINANCE_SIZE = 50, 20
_UNIVERSE_SEED = 20_260_101
_LARGEST_CAP = 7.0e12  # INR; the others follow a power law of rank, as listed companies do


@dataclass(frozen=True, slots=True)
class Universe:
    """Instruments (companies first, then the indices) and per-company arrays in the same order.

    `daily_sd` is the standard deviation of a company's own daily log return, `beta` and `gamma` its
    loadings on market and sector, `volume` the mean shares a day, `trade_rate` trades a second,
    `spread_bps` the usual spread, `jump_chance`
    that a day brings a jump; `members` (index, company) says who is in which index.
    """

    instruments: tuple[Instrument, ...]
    ids: NDArray[np.int64]
    branch: NDArray[np.int64]
    sector: NDArray[np.int64]
    anchor_price: NDArray[np.float64]
    shares: NDArray[np.float64]
    daily_sd: NDArray[np.float64]
    beta: NDArray[np.float64]
    gamma: NDArray[np.float64]
    volume: NDArray[np.float64]
    trade_rate: NDArray[np.float64]
    spread_bps: NDArray[np.float64]
    jump_chance: NDArray[np.float64]
    members: NDArray[np.bool_]
    index_weight: NDArray[np.float64]

    @property
    def companies(self) -> int:
        """How many companies there are; the indices stand behind them."""
        return len(self.shares)

    def index_levels(self, prices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cap-weighted levels (…, index) from company prices (…, company): sum of price times shares over a divisor."""
        levels: NDArray[np.float64] = prices @ self.index_weight.T
        return levels


@cache
def universe() -> Universe:
    """Make the universe, always the same one."""
    rng = np.random.default_rng(_UNIVERSE_SEED)
    branch = np.repeat(np.arange(len(BRANCHES)), [b.count for b in BRANCHES])
    count = len(branch)
    sector = np.array([SECTORS.index(BRANCHES[b].sector) for b in branch])
    rank = rng.permutation(count) + 1.0
    cap = _LARGEST_CAP * rank**-0.85
    price = np.clip(np.exp(rng.normal(np.log(620.0), 0.95, count)), 24.0, 7_500.0)
    price = np.round(price * TICKS_PER_UNIT) / TICKS_PER_UNIT
    shares = np.maximum(np.round(cap / price, -4), 1e5)
    cap = shares * price
    smallness = (rank / count) ** 0.5
    daily_sd = np.array([BRANCHES[b].daily_pct for b in branch]) / 100 * rng.uniform(0.7, 1.1, count)
    daily_sd *= 0.75 + 0.5 * smallness
    activity = cap**0.8 * rng.uniform(0.7, 1.4, count)
    trade_rate = TRADES_PER_SECOND * activity / activity.sum()
    volume = cap * rng.uniform(0.0012, 0.0035, count) * (1 + smallness) / price
    members = np.zeros((2, count), dtype=bool)
    members[0, np.argsort(-cap)[:LARGE_SIZE]] = True
    finance = np.flatnonzero(np.isin(sector, [SECTORS.index("Banks"), SECTORS.index("Financial Services")]))
    members[1, finance[np.argsort(-cap[finance])[:FINANCE_SIZE]]] = True
    base = np.array([10_000.0, 25_000.0])  # levels of the two indices at the anchor prices
    weight = members * shares * (base / (members @ cap))[:, None]
    instruments = _instruments(branch, shares, members)
    return Universe(
        instruments=instruments,
        ids=np.array([instrument.instrument_id for instrument in instruments], dtype=np.int64),
        branch=branch,
        sector=sector,
        anchor_price=price,
        shares=shares,
        daily_sd=daily_sd,
        beta=rng.uniform(0.6, 1.4, count),
        gamma=rng.uniform(0.7, 1.3, count),
        volume=np.maximum(volume, 12 * trade_rate * SESSION_S),
        trade_rate=trade_rate,
        spread_bps=2.0 + 10.0 * smallness**2 * rng.uniform(0.7, 1.4, count),
        jump_chance=0.012 * smallness,
        members=members,
        index_weight=weight,
    )


def _instruments(
    branch: NDArray[np.int64], shares: NDArray[np.float64], members: NDArray[np.bool_]
) -> tuple[Instrument, ...]:
    made: list[Instrument] = []
    names = stems()
    for i, b in enumerate(branch):
        kind = BRANCHES[b]
        stem = names[i]
        made.append(
            Instrument(
                key=f"{VENUE}:{stem.upper()}",
                name=f"{stem} {kind.suffixes[i % len(kind.suffixes)]}",
                sector=kind.sector,
                industry=kind.industry,
                isin=security_code(1_000 + i),
                calendar=CALENDAR,
                tick_size=1 / TICKS_PER_UNIT,
                shares_outstanding=float(shares[i]),
                indices=tuple(name for name, row in zip((LARGE, FINANCE), members, strict=True) if row[i]),
                source=SOURCE,
                is_simulated=True,
            )
        )
    made.extend(
        Instrument(
            key=f"{VENUE}:{symbol}",
            name=name,
            kind="index",
            calendar=CALENDAR,
            tick_size=1 / TICKS_PER_UNIT,
            source=SOURCE,
            is_simulated=True,
        )
        for symbol, name in ((LARGE, "Bell 50"), (FINANCE, "Bell Finance"))
    )
    return tuple(made)
