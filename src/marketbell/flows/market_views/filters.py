"""Filtering by any field of the registry: bounds, sets, sort. Names are looked up, never trusted.

A row that lacks a value a filter asks about does not match it: unknown is not "small".
"""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from marketbell.core.language.fields import ALIASES, BY_NAME, resolve
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import UserError
from marketbell.flows.market_views.numbers import number
from marketbell.flows.market_views.paging import decode_cursor, encode_cursor
from marketbell.flows.market_views.stocks import Row

TEXT_FIELDS = ("sector", "industry", "kind", "currency", "symbol", "instrument")
"""What `in` may also ask about: facts of the instrument that are words."""


@dataclass(frozen=True, slots=True)
class StockFilter:
    """A checked filter: every name in it stands in the registry (or TEXT_FIELDS for `members`)."""

    minimum: Mapping[str, float] = field(default_factory=dict)
    maximum: Mapping[str, float] = field(default_factory=dict)
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    sort: str = "instrument"
    descending: bool = False
    columns: tuple[str, ...] = ()


def field_name(text: str, where: str, also: Sequence[str] = ()) -> str:
    """The registry's name for `text`; UserError that names the nearest one."""
    if text in also:
        return text
    found = resolve(text)
    if found is not None:
        return found.name
    known = [*BY_NAME, *ALIASES, *also]
    near = difflib.get_close_matches(text, known, n=1, cutoff=0.0)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UserError(f"there is no field {text!r} in {where}{hint}", field=where)


def _bound(text: Any, where: str) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{where} must be a number, not {text!r}", field=where)
    return value


def parse_filter(
    minimum: Mapping[str, Any],
    maximum: Mapping[str, Any],
    members: Mapping[str, Sequence[Any]],
    sort: str | None,
    columns: Iterable[str],
) -> StockFilter:
    """Check every name and bound. `sort` is a field, with `-` in front for the largest first."""
    word = (sort or "instrument").strip()
    descending = word.startswith("-")
    return StockFilter(
        minimum={field_name(k, f"min.{k}"): _bound(v, f"min.{k}") for k, v in minimum.items()},
        maximum={field_name(k, f"max.{k}"): _bound(v, f"max.{k}") for k, v in maximum.items()},
        members={
            field_name(k, f"in.{k}", TEXT_FIELDS): frozenset(str(value).strip().casefold() for value in values)
            for k, values in members.items()
        },
        sort=field_name(word.lstrip("+-"), "sort", TEXT_FIELDS),
        descending=descending,
        columns=tuple(dict.fromkeys(field_name(name.strip(), "columns") for name in columns if name.strip())),
    )


def text_of(instrument: Instrument, name: str) -> str:
    """A fact in words of an instrument."""
    return str(instrument.key if name == "instrument" else getattr(instrument, name))


def _is_member(instrument: Instrument, row: Row, name: str, values: frozenset[str]) -> bool:
    if name in TEXT_FIELDS:
        return text_of(instrument, name).casefold() in values
    value = number(row, name)
    if value is None:
        return False
    for wanted in values:
        try:
            if float(wanted) == value:
                return True
        except ValueError:
            continue
    return False


def matches(wanted: StockFilter, instrument: Instrument, row: Row) -> bool:
    """True where every bound and set holds for the row."""
    for name, low in wanted.minimum.items():
        value = number(row, name)
        if value is None or value < low:
            return False
    for name, high in wanted.maximum.items():
        value = number(row, name)
        if value is None or value > high:
            return False
    return all(_is_member(instrument, row, name, values) for name, values in wanted.members.items())


def ranked(
    wanted: StockFilter, rows: Iterable[tuple[Instrument, Row]], cursor: str | None, limit: int
) -> tuple[list[tuple[Instrument, Row]], str | None, int]:
    """The page of matching rows in the order asked for, the cursor behind it and how many match in all.

    Rows without a value to sort by come last; equal values stand in the order of their keys, so that
    a cursor (value, key) is exact even while values move.
    """
    found = [(_sort_key(wanted, instrument, row), instrument, row) for instrument, row in rows]
    found = [entry for entry in found if matches(wanted, entry[1], entry[2])]
    backwards = wanted.descending and wanted.sort in TEXT_FIELDS
    found.sort(key=lambda entry: entry[0], reverse=backwards)
    start = 0
    if cursor:
        missing, value, key = decode_cursor(cursor, int, (int, float, str), str)
        if isinstance(value, str) != (wanted.sort in TEXT_FIELDS):
            raise UserError("the cursor belongs to another sort order", field="cursor")
        last = (missing, value, key)
        start = sum(1 for entry in found if (entry[0] >= last if backwards else entry[0] <= last))
    page = found[start : start + limit]
    more = start + len(page) < len(found)
    return [(i, r) for _, i, r in page], encode_cursor(*page[-1][0]) if page and more else None, len(found)


def _sort_key(wanted: StockFilter, instrument: Instrument, row: Row) -> tuple[int, float | str, str]:
    if wanted.sort in TEXT_FIELDS:
        return (0, text_of(instrument, wanted.sort), instrument.key)
    value = number(row, wanted.sort)
    if value is None:
        return (1, 0.0, instrument.key)
    return (0, -value if wanted.descending else value, instrument.key)
