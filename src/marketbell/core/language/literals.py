"""Numbers, durations, symbols and strings: between their spelling and their value, both ways."""

import re
from decimal import Decimal

from marketbell.core.language.symbols import Symbol
from marketbell.core.market.session import SECOND

_SCALES = {"": 1, "k": 10**3, "L": 10**5, "M": 10**6, "Cr": 10**7, "B": 10**9}
_DURATIONS = {"s": SECOND, "m": 60 * SECOND, "h": 3_600 * SECOND, "d": 86_400 * SECOND, "w": 7 * 86_400 * SECOND}

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)([A-Za-z]*)")
_BARE_SYMBOL = re.compile(r"[A-Za-z0-9_]+(:[A-Za-z0-9_]+)?")


def read_number(text: str) -> float:
    """`10Cr` -> 100000000.0; exact in decimal before it becomes a float. ValueError for an unknown scale."""
    match = _NUMBER.fullmatch(text)
    if match is None or match[2] not in _SCALES:
        raise ValueError(text)
    return float(Decimal(match[1]) * _SCALES[match[2]])


def write_number(value: float) -> str:
    """The shortest digits that read back as the same float, without an exponent."""
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def read_duration(text: str) -> int:
    """`30d` -> nanoseconds. ValueError for a unit without a fixed length (`1mo`, `1q`, `1y`)."""
    match = _NUMBER.fullmatch(text)
    if match is None or match[2] not in _DURATIONS:
        raise ValueError(text)
    return int(Decimal(match[1]) * _DURATIONS[match[2]])


def write_duration(duration: int) -> str:
    """The largest unit that divides it; fractions of a second as a decimal."""
    for unit in ("w", "d", "h", "m", "s"):
        if duration % _DURATIONS[unit] == 0:
            return f"{duration // _DURATIONS[unit]}{unit}"
    return f"{write_number_exact(Decimal(duration) / SECOND)}s"


def write_number_exact(value: Decimal) -> str:
    """Decimal digits without an exponent or trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def read_symbol(text: str) -> Symbol:
    """`$NSE:RELIANCE`, `$RELIANCE`, `${NSE:M&M}` -> Symbol."""
    inner = text[1:]
    if inner.startswith("{"):
        inner = inner[1:-1]
    venue, colon, name = inner.partition(":")
    return Symbol(name.strip(), venue.strip()) if colon else Symbol(inner.strip())


def write_symbol(symbol: Symbol) -> str:
    """Braces only where the symbol needs them."""
    return f"${symbol.key}" if _BARE_SYMBOL.fullmatch(symbol.key) else f"${{{symbol.key}}}"


def read_string(text: str) -> str:
    r"""Strip the quotes; `\"` and `\\` stand for themselves."""
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def write_string(value: str) -> str:
    """The inverse of `read_string`."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
