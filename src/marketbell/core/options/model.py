"""Which model prices an option, with which rate and clock, and what a volatility's state is called."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from marketbell.core.primitives.errors import UserError

_HIGHEST_RATE = 1.0


class Model(StrEnum):
    """How a price becomes a volatility (definitions.md §5.5)."""

    BLACK76 = "black76"
    """Black (1976) on the expiry's own forward: its listed future, else put-call parity near the money. The default."""
    BSM = "bsm"
    """Black-Scholes-Merton on the spot."""
    NSE = "nse"
    """Black-Scholes on the spot at 10 %: an approximation of the exchange's unpublished method."""
    AMERICAN = "american"
    """Early exercise, on the spot; see american.py for the approximation and its error."""


RATES = {Model.BLACK76: 0.0, Model.BSM: 0.065, Model.NSE: 0.10, Model.AMERICAN: 0.065}
"""Default rates: a fraction a year, continuous."""


class Status(IntEnum):
    """Why a contract has a volatility or none. The name in lower case is what users see."""

    OK = 0
    NO_PRICE = 1
    """No mid and no last price above zero."""
    AT_INTRINSIC = 2
    """The price is at or under intrinsic value: no volatility gives it."""
    ABOVE_MAXIMUM = 3
    """The price is at or above what the option can ever be worth."""
    EXPIRED = 4
    NO_FORWARD = 5
    """Neither a future, nor quotes of both sides near the money, nor a spot."""
    NO_TIME = 6
    """The moment of capture or the expiry is not known."""
    BAD_INPUT = 7
    """A strike or spot that is zero, negative or infinite."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """A model with its rate (fraction a year, continuous) and dividend yield (BSM and American).

    `rate` None stands for the model's own. UserError for a rate over 1 (written in per cent?) or under -1.
    """

    model: Model = Model.BLACK76
    rate: float | None = None
    dividend_yield: float = 0.0

    def __post_init__(self) -> None:
        if self.rate is not None and not -_HIGHEST_RATE <= self.rate <= _HIGHEST_RATE:
            message = f"a rate of {self.rate:g} is over 1: write a fraction a year, 0.065 for 6.5 %"
            raise UserError(message)

    @property
    def rate_used(self) -> float:
        """The rate that counts."""
        return RATES[self.model] if self.rate is None else self.rate
