"""Screens that are there from the start, as texts of the language.

Gainers, losers, the 52-week lists and undervalued picks hold whom Overview's lists of these names hold
(core/engine/lists.py), in the same order.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from marketbell.core.language.reader import parse_screen
from marketbell.core.language.tree import Screen
from marketbell.core.market.instrument import LISTED_KINDS


@dataclass(frozen=True, slots=True)
class Template:
    """A screen that is there from the start. `description` is one plain sentence about who is on it.

    It looks among instruments of `kinds` alone: an index among the gainers is no gainer.
    """

    screen_id: str
    name: str
    description: str
    text: str
    kinds: tuple[str, ...] = LISTED_KINDS

    @property
    def screen(self) -> Screen:
        """The text as a tree."""
        return parse_screen(self.text)


def _template(screen_id: str, name: str, description: str, clauses: str) -> Template:
    return Template(screen_id, name, description, f'screen "{name}"\n{clauses}\n')


_PRICE = "columns symbol, close, change_pct, volume"

_ALL = (
    _template(
        "value-picks",
        "Value Picks",
        "Profitable companies at a low price for their earnings and their assets.",
        "  when pe > 0 and pe < 15 and pb < 3 and roe > 15\n  order by pe\n"
        "  columns symbol, close, change_pct, pe, pb, roe",
    ),
    _template(
        "safe-bets",
        "Safe Bets",
        "Large companies with little debt that earn well and pay a dividend.",
        "  when market_cap > 20000Cr and debt_to_equity < 0.5 and roe > 15 and dividend_yield > 1\n"
        "  order by market_cap desc\n"
        "  columns symbol, close, change_pct, market_cap, debt_to_equity, roe, dividend_yield",
    ),
    _template(
        "growth-rockets",
        "Growth Rockets",
        "Companies whose sales and profits have grown fast for years.",
        "  when sales_growth_3y > 20 and profit_growth_yoy > 20 and roe > 15\n  order by sales_growth_3y desc\n"
        "  columns symbol, close, change_pct, sales_growth_3y, profit_growth_yoy, roe",
    ),
    _template(
        "52-week-highs",
        "52-Week Highs",
        "Instruments that are at their highest price of 52 weeks today.",
        f"  when coalesce(max(day.high, close), close) >= high_52w\n  order by change_pct desc\n  {_PRICE}, high_52w",
    ),
    _template(
        "52-week-lows",
        "52-Week Lows",
        "Instruments that are at their lowest price of 52 weeks today.",
        f"  when coalesce(min(day.low, close), close) <= low_52w\n  order by change_pct\n  {_PRICE}, low_52w",
    ),
    _template(
        "top-gainers",
        "Top Gainers",
        "Instruments that are up today, the largest gains first.",
        f"  when change_pct > 0\n  order by change_pct desc\n  limit 100\n  {_PRICE}",
    ),
    _template(
        "top-losers",
        "Top Losers",
        "Instruments that are down today, the largest losses first.",
        f"  when change_pct < 0\n  order by change_pct\n  limit 100\n  {_PRICE}",
    ),
    _template(
        "undervalued-picks",
        "Undervalued Picks",
        "Companies cheaper than half of their sector that earn well on little debt.",
        "  when pe > 0 and pe < fund.sector_pe and pb > 0 and pb < 3 and roe > 15 and debt_to_equity < 1\n"
        "  order by pe\n  columns symbol, close, change_pct, pe, fund.sector_pe, pb, roe, debt_to_equity",
    ),
    _template(
        "volume-shockers",
        "Volume Shockers",
        "Instruments that traded more than three times their usual daily volume today.",
        "  when volume > 3 * sma(volume, 20)\n  order by volume / sma(volume, 20) desc\n"
        f"  {_PRICE}, volume / sma(volume, 20)",
    ),
)

TEMPLATES: Mapping[str, Template] = {one.screen_id: one for one in _ALL}
"""By id."""
