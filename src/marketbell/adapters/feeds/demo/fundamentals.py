"""Made-up accounts and owners that agree with price, shares and each other.

Book value and yearly earnings a share follow from a company's usual P/B and P/E; ROE, ROCE and debt then
follow from them. Quarters become known weeks after they end, at a company's own date, after the close.
Ratios to the price (P/E, P/B, dividend yield) are as of the last close before the session; the engine makes
them anew with every price, from the amounts a share.
"""

from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.adapters.feeds.demo.days import Day, day_number
from marketbell.adapters.feeds.demo.names import BRANCHES
from marketbell.adapters.feeds.demo.session import DAY, MINUTE, MINUTES, OPEN_OFFSET
from marketbell.adapters.feeds.demo.universe import SOURCE, Universe

QUARTERS = 8
_SEED = 20_260_102
_EVENING = 12 * 3_600 * 1_000_000_000  # 17:30 IST
_TAX, _INTEREST = 0.25, 0.09

Floats = NDArray[np.float64]


def quarter_ends(number: int, count: int) -> list[date]:
    """The newest `count` quarter ends before day `number`, oldest first."""
    day = date(1970, 1, 1) + timedelta(days=number)
    ends: list[date] = []
    year, month = day.year, (day.month - 1) // 3 * 3 + 1
    for _ in range(count):
        end = date(year, month, 1) - timedelta(days=1)
        ends.append(end)
        year, month = end.year, (end.month - 1) // 3 * 3 + 1
    return ends[::-1]


class Accounts:
    """Per-company constants, the same for every seed, and the noise of each quarter."""

    def __init__(self, universe: Universe) -> None:
        rng = np.random.default_rng(_SEED)
        n = universe.companies
        branch = [BRANCHES[b] for b in universe.branch]
        self._universe = universe
        pe = np.array([b.pe for b in branch]) * np.exp(0.30 * rng.standard_normal(n))
        pb = np.array([b.pb for b in branch]) * np.exp(0.30 * rng.standard_normal(n))
        self._eps = universe.anchor_price / pe * np.where(rng.random(n) < 0.06, -0.6, 1.0)
        self._book = universe.anchor_price / pb
        self._debt = np.array([b.debt for b in branch]) * np.exp(0.45 * rng.standard_normal(n))
        self._payout = np.where(rng.random(n) < 0.2, 0.0, rng.uniform(0.08, 0.55, n))
        self._growth = rng.normal(11.0, 8.0, n)
        banks = np.array([b.sector == "Banks" for b in branch])
        self._promoter = np.where(banks, rng.uniform(0, 40, n), rng.uniform(30, 72, n))
        self._fii_share, self._dii_share = rng.uniform(0.15, 0.5, n), rng.uniform(0.15, 0.35, n)
        self._pledged = np.where(rng.random(n) < 0.75, 0.0, rng.uniform(1, 38, n))
        self._report_days = rng.integers(18, 44, n)
        self._holding_days = rng.integers(9, 21, n)

    def _noise(self, end: date, stream: int) -> Floats:
        """Standard normal, the same for a quarter whenever it is asked for."""
        rng = np.random.default_rng([_SEED, stream, day_number(end)])
        noise: Floats = rng.standard_normal(self._universe.companies)
        return noise

    def _last_four(self, end: date, stream: int) -> Floats:
        ends = quarter_ends(day_number(end) + 1, 4)
        mean: Floats = np.mean([np.exp(0.16 * self._noise(one, stream) - 0.0128) for one in ends], axis=0)
        return mean

    def results(self, end: date) -> dict[str, Floats]:
        """What a company reports for the quarter: values over the last four quarters."""
        eps = np.round(self._eps * self._last_four(end, 1), 2)
        book = self._book * np.exp(0.015 * self._noise(end, 2))
        debt = np.round(self._debt * np.exp(0.05 * self._noise(end, 3)), 2)
        operating = np.where(eps > 0, eps / (1 - _TAX), eps) + _INTEREST * debt * book
        return {
            "fund.eps": eps,
            "fund.roe": np.round(eps / book * 100, 2),
            "fund.roce": np.round(operating / (book * (1 + debt)) * 100, 2),
            "fund.debt_to_equity": debt,
            "fund.sales_growth_3y": np.round(self._growth + 0.8 * self._noise(end, 4), 2),
            "fund.book_value_per_share": np.round(book, 2),
            "fund.dividend_per_share": np.round(np.where(eps > 0, self._payout * eps, 0.0), 2),
        }

    def owners(self, end: date) -> dict[str, Floats]:
        """Who holds the company at the quarter's end, in percent of all shares; the four add up to 100."""
        promoter = np.round(np.clip(self._promoter + 0.3 * self._noise(end, 5), 0, 75), 2)
        rest = 100 - promoter
        fii = np.round(rest * np.clip(self._fii_share + 0.01 * self._noise(end, 6), 0.02, 0.6), 2)
        dii = np.round(rest * np.clip(self._dii_share + 0.01 * self._noise(end, 7), 0.02, 0.38), 2)
        pledged = np.where(self._pledged > 0, np.clip(self._pledged + 1.5 * self._noise(end, 8), 0, 60), 0.0)
        return {
            "fund.promoter_holding": promoter,
            "fund.fii_holding": fii,
            "fund.dii_holding": dii,
            "fund.public_holding": np.round(100 - promoter - fii - dii, 2),
            "fund.pledged_pct": np.round(pledged, 2),
        }

    def valuation(self, end: date, price: Floats) -> dict[str, Floats]:
        """Ratios of a price to the accounts of the quarter; P/E is unknown (NaN) without earnings."""
        found = self.results(end)
        eps, roe = found["fund.eps"], found["fund.roe"]
        earning = eps > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            book: Floats = np.where(np.abs(roe) > 0, eps / roe * 100, np.nan)
            pe: Floats = np.where(earning, price / eps, np.nan)
        yearly: Floats = np.where(earning, self._payout * eps / price * 100, 0.0)
        return {"fund.pe": pe.round(2), "fund.pb": (price / book).round(2), "fund.dividend_yield": yearly.round(2)}

    def items(self, day: Day) -> list[dict[str, Any]]:
        """Reference items known before the open of `day`, oldest publication first."""
        opening = day.number * DAY + OPEN_OFFSET
        made: list[dict[str, Any]] = []
        price = np.rint(np.exp(day.prev_close) * 20) / 20
        newest = np.full(self._universe.companies, -1)
        ends = quarter_ends(day.number, QUARTERS + 1)
        for place, end in enumerate(ends):
            base = day_number(end) * DAY + _EVENING
            for values, delay in ((self.results(end), self._report_days), (self.owners(end), self._holding_days)):
                published = base + delay * DAY
                known = published < opening
                if "fund.eps" in values:
                    newest[known] = place
                made.extend(self._items(values, published, end.isoformat(), known))
        last_close = (day.number - 1) * DAY + OPEN_OFFSET + MINUTES * MINUTE
        yesterday = (date(1970, 1, 1) + timedelta(days=day.number - 1)).isoformat()
        for place, end in enumerate(ends):
            using = newest == place
            if using.any():
                published = np.full(self._universe.companies, last_close)
                made.extend(self._items(self.valuation(end, price), published, yesterday, using))
        made.sort(key=lambda item: (item["published_at"], item["instrument_id"]))
        return made

    def _items(
        self, values: dict[str, Floats], published: NDArray[np.int64], period_end: str, which: NDArray[np.bool_]
    ) -> list[dict[str, Any]]:
        return [
            {
                "instrument_id": int(self._universe.ids[i]),
                "values": {name: float(column[i]) for name, column in values.items() if np.isfinite(column[i])},
                "period_end": period_end,
                "published_at": int(published[i]),
                "source": SOURCE,
            }
            for i in np.flatnonzero(which)
        ]
