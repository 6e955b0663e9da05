"""From a message's text to what it says. No I/O, no clock: bytes in, facts out."""

import json
from dataclasses import dataclass
from typing import Any, TypeGuard

MAX_TIME_MS = 9_000_000_000_000
"""Beyond this a time is no milliseconds (year 2255), and would not fit 64 bits of nanoseconds."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade as told. Price and size may be anything the provider says: judging them is not done here."""

    symbol: str
    price: float
    size: float
    time_ms: int


@dataclass(frozen=True, slots=True)
class Trades:
    """A message of trades; `rejected` counts entries of it that cannot be read."""

    trades: tuple[Trade, ...]
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Ping:
    """The provider is there."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The provider says no, in its words."""

    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Not a message that we know, with the reason."""

    reason: str


Said = Trades | Ping | Refusal | Unknown


def parse(text: str | bytes) -> Said:
    """What a message says. Never raises: rubbish is Unknown."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Unknown(f"not JSON: {error}")
    if not isinstance(body, dict):
        return Unknown("not a JSON object")
    kind = body.get("type")
    if kind == "ping":
        return Ping()
    if kind == "error":
        return Refusal(str(body.get("msg", "")))
    if kind == "trade" and isinstance(body.get("data"), list):
        read = [_trade(entry) for entry in body["data"]]
        trades = tuple(trade for trade in read if trade is not None)
        return Trades(trades, len(read) - len(trades))
    return Unknown(f"unknown type {str(kind)[:40]!r}")


def _trade(entry: Any) -> Trade | None:
    if not isinstance(entry, dict):
        return None
    symbol, price, when, size = (entry.get(name) for name in ("s", "p", "t", "v"))
    if not isinstance(symbol, str) or not _is_number(price) or not _is_number(when) or not 0 <= when < MAX_TIME_MS:
        return None
    try:
        return Trade(symbol, float(price), float(size) if _is_number(size) else 0.0, int(when))
    except OverflowError:  # an integer of hundreds of digits
        return None


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
