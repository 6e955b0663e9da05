"""A listed future at one moment, as it stands in the same files as the options."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class ListedFuture:
    """Quotes of one future. Times in ns UTC, `oi`, `oi_change` and `volume` in units; NaN is unknown."""

    underlying: str
    expiry: date
    as_of: int
    last: float
    prev_close: float = float("nan")
    oi: float = float("nan")
    oi_change: float = float("nan")
    volume: float = float("nan")
    lot_size: float = float("nan")
    spot: float = float("nan")
