"""Names of positions and what they are made of: the catalogue that the payoff builder offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from marketbell.core.options.positions import LegKind, LegSide

_CALL, _PUT, _FUTURE, _STOCK = LegKind.CALL, LegKind.PUT, LegKind.FUTURE, LegKind.STOCK
_BUY, _SELL = LegSide.BUY, LegSide.SELL


class View(StrEnum):
    """What somebody thinks the price will do until the expiry."""

    UP = "up"
    DOWN = "down"
    FLAT = "flat"
    BIG_MOVE = "big_move"


class Part(NamedTuple):
    """A leg of a preset: so many widths from the at-the-money strike, or the strike of this delta (no sign)."""

    kind: LegKind
    side: LegSide
    at: float = 0.0
    delta: float = 0.5
    lots: int = 1
    is_later: bool = False
    """Of the next expiry."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A position with a name, and the views it suits.

    `is_defined_risk`: a premium or a bought leg ends the loss, not only a price that has fallen to nothing.
    """

    name: str
    title: str
    text: str
    parts: tuple[Part, ...]
    views: tuple[View, ...]
    is_defined_risk: bool


def _preset(
    name: str, title: str, text: str, views: Sequence[View], *parts: Part, is_defined_risk: bool = True
) -> Preset:
    return Preset(name, title, text, parts, tuple(views), is_defined_risk)


PRESETS: Mapping[str, Preset] = {
    one.name: one
    for one in (
        _preset(
            "long_call", "Long call", "Buy a call: gains when the price rises, loses at most what it cost.",
            [View.UP, View.BIG_MOVE], Part(_CALL, _BUY),
        ),
        _preset(
            "long_put", "Long put", "Buy a put: gains when the price falls, loses at most what it cost.",
            [View.DOWN, View.BIG_MOVE], Part(_PUT, _BUY),
        ),
        _preset(
            "short_call", "Short call", "Sell a call: earns unless the price rises, and that loss has no limit.",
            [View.DOWN, View.FLAT], Part(_CALL, _SELL, 1, 0.3), is_defined_risk=False,
        ),
        _preset(
            "short_put", "Short put", "Sell a put: keeps the premium unless the price falls; then the loss is large.",
            [View.UP, View.FLAT], Part(_PUT, _SELL, -1, 0.3), is_defined_risk=False,
        ),
        _preset(
            "bull_call_spread", "Bull call spread",
            "Buy a call and sell a higher one: cheaper than the call alone, and the gain stops at the higher strike.",
            [View.UP], Part(_CALL, _BUY), Part(_CALL, _SELL, 1, 0.25),
        ),
        _preset(
            "bull_put_spread", "Bull put spread",
            "Sell a put and buy a lower one: keeps the premium while the price stays up, and the loss stops below.",
            [View.UP, View.FLAT], Part(_PUT, _SELL, -0.5, 0.35), Part(_PUT, _BUY, -1.5, 0.15),
        ),
        _preset(
            "bear_put_spread", "Bear put spread",
            "Buy a put and sell a lower one: cheaper than the put alone, and the gain stops at the lower strike.",
            [View.DOWN], Part(_PUT, _BUY), Part(_PUT, _SELL, -1, 0.25),
        ),
        _preset(
            "bear_call_spread", "Bear call spread",
            "Sell a call and buy a higher one: keeps the premium while the price stays down, and the loss stops above.",
            [View.DOWN, View.FLAT], Part(_CALL, _SELL, 0.5, 0.35), Part(_CALL, _BUY, 1.5, 0.15),
        ),
        _preset(
            "long_straddle", "Long straddle", "Buy the call and the put at the money: gains when the price moves far.",
            [View.BIG_MOVE], Part(_CALL, _BUY), Part(_PUT, _BUY),
        ),
        _preset(
            "long_strangle", "Long strangle",
            "Buy a call above and a put below: cheaper than a straddle, and the price has to move farther.",
            [View.BIG_MOVE], Part(_PUT, _BUY, -1, 0.3), Part(_CALL, _BUY, 1, 0.3),
        ),
        _preset(
            "reverse_iron_butterfly", "Reverse iron butterfly",
            "Buy a straddle and sell a strangle around it: a move pays, up to the outer strikes, for less money.",
            [View.BIG_MOVE],
            Part(_PUT, _SELL, -2, 0.15), Part(_PUT, _BUY), Part(_CALL, _BUY), Part(_CALL, _SELL, 2, 0.15),
        ),
        _preset(
            "short_straddle", "Short straddle",
            "Sell the call and the put at the money: gains while the price stays, and the loss has no limit.",
            [View.FLAT], Part(_CALL, _SELL), Part(_PUT, _SELL), is_defined_risk=False,
        ),
        _preset(
            "short_strangle", "Short strangle",
            "Sell a call above and a put below: gains while the price stays between, and the loss has no limit.",
            [View.FLAT], Part(_PUT, _SELL, -2, 0.2), Part(_CALL, _SELL, 2, 0.2), is_defined_risk=False,
        ),
        _preset(
            "iron_condor", "Iron condor",
            "Sell a put and a call on both sides and buy farther ones: gains while the price stays between, and the "
            "loss is limited on both sides.",
            [View.FLAT],
            Part(_PUT, _BUY, -3, 0.08), Part(_PUT, _SELL, -1.5, 0.25),
            Part(_CALL, _SELL, 1.5, 0.25), Part(_CALL, _BUY, 3, 0.08),
        ),
        _preset(
            "iron_butterfly", "Iron butterfly",
            "Sell the straddle and buy a strangle around it: gains most if the price stays where it is.",
            [View.FLAT],
            Part(_PUT, _BUY, -2, 0.15), Part(_PUT, _SELL), Part(_CALL, _SELL), Part(_CALL, _BUY, 2, 0.15),
        ),
        _preset(
            "call_butterfly", "Call butterfly",
            "Buy a call below and one above, sell two between: costs little, gains if the price ends in the middle.",
            [View.FLAT], Part(_CALL, _BUY, -1, 0.7), Part(_CALL, _SELL, 0, 0.5, 2), Part(_CALL, _BUY, 1, 0.3),
        ),
        _preset(
            "put_butterfly", "Put butterfly", "The same as the call butterfly, made of puts.",
            [View.FLAT], Part(_PUT, _BUY, -1, 0.3), Part(_PUT, _SELL, 0, 0.5, 2), Part(_PUT, _BUY, 1, 0.7),
        ),
        _preset(
            "call_calendar", "Call calendar",
            "Sell a call of this expiry and buy it in the next: gains if the price stays while the near one runs out.",
            [View.FLAT], Part(_CALL, _SELL), Part(_CALL, _BUY, is_later=True),
        ),
        _preset(
            "put_calendar", "Put calendar", "The same as the call calendar, made of puts.",
            [View.FLAT], Part(_PUT, _SELL), Part(_PUT, _BUY, is_later=True),
        ),
        _preset(
            "diagonal_call", "Diagonal call spread",
            "Buy a call of the next expiry and sell a higher one of this: a covered call for less money.",
            [View.UP], Part(_CALL, _SELL, 1, 0.3), Part(_CALL, _BUY, 0, 0.5, is_later=True),
        ),
        _preset(
            "covered_call", "Covered call",
            "Hold the stock and sell a call above: earns the premium, and gives up the gain beyond the strike.",
            [View.UP, View.FLAT], Part(_STOCK, _BUY), Part(_CALL, _SELL, 1, 0.3), is_defined_risk=False,
        ),
        _preset(
            "protective_put", "Protective put", "Hold the stock and buy a put: the loss stops at its strike.",
            [View.UP], Part(_STOCK, _BUY), Part(_PUT, _BUY, -1, 0.3),
        ),
        _preset(
            "collar", "Collar",
            "Hold the stock, buy a put below, sell a call above: loss and gain both stop, for little money.",
            [View.UP], Part(_STOCK, _BUY), Part(_PUT, _BUY, -1, 0.25), Part(_CALL, _SELL, 1, 0.25),
        ),
        _preset(
            "call_ratio_spread", "Call ratio spread",
            "Buy one call and sell two higher ones: gains on a small rise, and a big one loses without limit.",
            [View.FLAT, View.UP], Part(_CALL, _BUY), Part(_CALL, _SELL, 1.5, 0.25, 2), is_defined_risk=False,
        ),
        _preset(
            "put_ratio_spread", "Put ratio spread",
            "Buy one put and sell two lower ones: gains on a small fall, and a big one loses much.",
            [View.FLAT, View.DOWN], Part(_PUT, _BUY), Part(_PUT, _SELL, -1.5, 0.25, 2), is_defined_risk=False,
        ),
        _preset(
            "call_backspread", "Call backspread",
            "Sell one call and buy two higher ones: gains on a big rise and loses little on a small one.",
            [View.BIG_MOVE, View.UP], Part(_CALL, _SELL), Part(_CALL, _BUY, 1, 0.3, 2),
        ),
        _preset(
            "put_backspread", "Put backspread",
            "Sell one put and buy two lower ones: gains on a big fall and loses little on a small one.",
            [View.BIG_MOVE, View.DOWN], Part(_PUT, _SELL), Part(_PUT, _BUY, -1, 0.3, 2),
        ),
        _preset(
            "long_future", "Long future", "Buy the future: gains and loses point by point.",
            [View.UP], Part(_FUTURE, _BUY), is_defined_risk=False,
        ),
        _preset(
            "short_future", "Short future", "Sell the future: gains and loses point by point, without limit.",
            [View.DOWN], Part(_FUTURE, _SELL), is_defined_risk=False,
        ),
        _preset(
            "synthetic_long", "Synthetic future",
            "Buy the call and sell the put of one strike: the same as a future.",
            [View.UP], Part(_CALL, _BUY), Part(_PUT, _SELL), is_defined_risk=False,
        ),
    )
}  # fmt: skip

SHOWN: Mapping[View, tuple[str, ...]] = {
    View.UP: ("bull_call_spread", "bull_put_spread", "long_call", "call_backspread"),
    View.DOWN: ("bear_put_spread", "bear_call_spread", "long_put", "put_backspread"),
    View.FLAT: ("iron_condor", "iron_butterfly", "call_butterfly", "put_butterfly", "bull_put_spread"),
    View.BIG_MOVE: ("long_straddle", "long_strangle", "reverse_iron_butterfly", "long_call", "long_put"),
}
"""The three examples of a view, and what stands in where a chain cannot make one."""
