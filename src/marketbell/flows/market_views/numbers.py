"""How numbers and times leave the house: decimals as text, prices to the tick, times in UTC.

A price keeps the decimals of its instrument's tick size, percent and money keep two. Unknown stays
unknown (None): there is no zero that means "we do not know".
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marketbell.core.language.fields import BY_NAME, FieldType

NS = 1_000_000_000


def decimals_of(tick_size: float) -> int:
    """How many decimals a price with this step needs: 0.05 -> 2, 1 -> 0, 0.0025 -> 4; at most 8."""
    for places in range(9):
        scaled = tick_size * 10**places
        if scaled >= 1 and math.isclose(scaled, round(scaled), rel_tol=1e-9):
            return places
    return 8


def fixed(value: float | None, places: int) -> str | None:
    """Text with exactly `places` decimals, never a negative zero, None for what is not a number."""
    if value is None or not math.isfinite(value):
        return None
    text = f"{value:.{places}f}"
    return text.removeprefix("-") if text.startswith("-") and not text.strip("-0.") else text


def plain(value: float | None) -> str | None:
    """A computed value as decimal text: ten significant digits, no exponent, no trailing zeros."""
    if value is None or not math.isfinite(value):
        return None
    if value == 0:
        return "0"
    places = max(0, 9 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(places, 18)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def places_for(name: str, tick_size: float) -> int:
    """Decimals of a registry field for an instrument with this tick size."""
    field = BY_NAME.get(name)
    if field is None:
        return 2
    if field.type is FieldType.PRICE:
        return decimals_of(tick_size)
    return 0 if field.type is FieldType.COUNT else 2


def shown(name: str, value: float | None, tick_size: float) -> str | int | None:
    """One registry value as REST shows it: counts are integers, times ISO-8601, the rest decimals as text.

    A value of an ENUM is its word, a BOOL true or false.
    """
    if value is None or not math.isfinite(value):
        return None
    field = BY_NAME.get(name)
    if field is not None and field.type is FieldType.COUNT:
        return round(value)
    if field is not None and field.type is FieldType.TIME:
        return utc(int(value))
    if field is not None and field.type is FieldType.ENUM and field.members:
        return field.members[round(value)] or None
    if field is not None and field.type is FieldType.BOOL:
        return bool(value)
    return fixed(value, places_for(name, tick_size))


def utc(ns: int | None) -> str | None:
    """Nanoseconds since 1970 as ISO-8601 with Z; milliseconds are kept, finer parts are cut."""
    if ns is None or ns <= 0:
        return None
    moment = datetime.fromtimestamp(ns // NS, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ns % NS // 1_000_000:03d}Z"


def number(row: Mapping[str, Any], name: str) -> float | None:
    """A finite number from a row, else None."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value


def count(row: Mapping[str, Any], name: str) -> int | None:
    """A whole number from a row, else None."""
    value = number(row, name)
    return None if value is None else round(value)
