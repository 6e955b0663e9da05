"""A chain: all options of one underlying and expiry, as they were quoted at one moment.

Columns, one entry a strike; what a source does not say is NaN (0 for times), never a made-up number. Open interest and
volume are in units of the underlying (definitions.md §5.7), whatever the source counts in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketbell.core.primitives.errors import InvalidSourceError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

QUOTES: tuple[str, ...] = (
    "last", "bid", "ask", "bid_size", "ask_size", "volume", "oi", "oi_change", "prev_close", "published_iv",
)  # fmt: skip
"""Columns of a side. `published_iv` is the source's own volatility as a fraction, for comparison alone."""


LARGEST = 1e15
"""No price and no count is larger: sums and products of such numbers stay numbers."""
_LATEST = 2**63


@dataclass(frozen=True, slots=True)
class Side:
    """The calls or the puts of a chain: arrays of shape (strikes,), NaN where unknown, prices in the currency.

    `oi_change` is against the previous trading day's close, `prev_close` the option's close of that day.
    `quote_time` (ns UTC, 0 unknown) says when the source last heard of the contract.
    """

    last: Floats
    bid: Floats
    ask: Floats
    bid_size: Floats
    ask_size: Floats
    volume: Floats
    oi: Floats
    oi_change: Floats
    prev_close: Floats
    published_iv: Floats
    quote_time: Ints

    @classmethod
    def of(cls, count: int, **columns: Any) -> Self:
        """The side of so many strikes from the columns that a source has; the others are unknown.

        InvalidSourceError where a column is unknown or of another length.
        """
        strange = set(columns) - {one.name for one in fields(cls)}
        if strange:
            message = f"an option's quote has no {', '.join(sorted(strange))}"
            raise InvalidSourceError(message)
        found: dict[str, Any] = {}
        for one in fields(cls):
            kind, unknown = (np.int64, 0) if one.name == "quote_time" else (np.float64, np.nan)
            given = columns.get(one.name)
            column = np.full(count, unknown, kind) if given is None else np.asarray(given, kind)
            if column.shape != (count,):
                message = f"{one.name} has {column.shape} entries, not one for each of {count} strikes"
                raise InvalidSourceError(message)
            found[one.name] = column
        return cls(**found)

    def take(self, rows: Ints) -> Self:
        """The side of these strikes."""
        return type(self)(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})


@dataclass(frozen=True, slots=True)
class Chain:
    """One underlying, one expiry, one moment.

    `underlying` is an instrument's key (`NSE:NIFTY`). `as_of` is when it was captured (ns UTC), 0 where the source
    does not say. `expires_at` is the expiry instant (ns UTC, from the dated calendar), 0 unknown: without both there
    is no volatility. `strikes` rise, each once. `future` is the last price of the listed future of the same expiry,
    NaN without one. `lot_size` in units of the underlying, NaN unknown. `flags` are quality kinds that reading found
    (`unit_mismatch`, `duplicate`, …).
    """

    underlying: str
    expiry: date
    as_of: int
    spot: float
    strikes: Floats
    call: Side
    put: Side
    expires_at: int = 0
    future: float = float("nan")
    lot_size: float = float("nan")
    source: str = ""
    flags: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.strikes)

    @property
    def t_years(self) -> float:
        """Calendar seconds to the expiry instant over a year of 365 days; NaN where either moment is unknown."""
        if not self.as_of or not self.expires_at:
            return float("nan")
        return (self.expires_at - self.as_of) / (365 * 86_400 * 1e9)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a store or the log: null for unknown, columns without one known entry left out."""
        return {
            "underlying": self.underlying,
            "expiry": self.expiry.isoformat(),
            "as_of": self.as_of,
            "expires_at": self.expires_at,
            "spot": _plain(self.spot),
            "future": _plain(self.future),
            "lot_size": _plain(self.lot_size),
            "source": self.source,
            "flags": list(self.flags),
            "strikes": self.strikes.tolist(),
            "call": _side_dict(self.call),
            "put": _side_dict(self.put),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`. InvalidSourceError where something is missing, too large or does not fit."""
        try:
            strikes = np.asarray(values["strikes"], np.float64)
            chain = cls(
                underlying=str(values["underlying"]),
                expiry=date.fromisoformat(values["expiry"]),
                as_of=int(values["as_of"]),
                spot=_number(values.get("spot")),
                strikes=strikes,
                call=Side.of(len(strikes), **values["call"]),
                put=Side.of(len(strikes), **values["put"]),
                expires_at=int(values.get("expires_at") or 0),
                future=_number(values.get("future")),
                lot_size=_number(values.get("lot_size")),
                source=str(values.get("source") or ""),
                flags=tuple(values.get("flags") or ()),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            message = f"an option chain is incomplete or has a wrong value: {error}"
            raise InvalidSourceError(message) from error
        chain._check()
        return chain

    def _check(self) -> None:
        """InvalidSourceError for what no chain can be: kernels rely on it."""
        strikes = self.strikes
        columns = [getattr(side, name) for side in (self.call, self.put) for name in QUOTES]
        wrong = ""
        if (
            strikes.ndim != 1
            or not (strikes < LARGEST).all()
            or not (strikes > 0).all()
            or (np.diff(strikes) <= 0).any()
        ):
            wrong = "strikes are above zero and rise, each once"
        elif not (0 <= self.as_of < _LATEST and 0 <= self.expires_at < _LATEST):
            wrong = "a time is nanoseconds since 1970, before 2262"
        elif any((np.abs(one) > LARGEST).any() for one in ([self.spot, self.future, self.lot_size], *columns)):
            wrong = "a number is infinite or beyond 1e15: what is not known is null"
        if wrong:
            message = f"an option chain has a wrong value: {wrong}"
            raise InvalidSourceError(message)


def _plain(number: float) -> float | None:
    return None if np.isnan(number) else float(number)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _side_dict(side: Side) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in QUOTES:
        column = getattr(side, name)
        if not np.isnan(column).all():
            found[name] = [_plain(one) for one in column.tolist()]
    if side.quote_time.any():
        found["quote_time"] = side.quote_time.tolist()
    return found
