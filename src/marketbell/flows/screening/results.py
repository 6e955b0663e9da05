"""What a screen answered, as people read it: rows with names and prices, typed cells, chips with their forms."""

from collections.abc import Mapping, Sequence
from typing import Any

from marketbell.core.language.expression_reader import read_text
from marketbell.core.language.fields import resolve
from marketbell.core.language.form import condition_form
from marketbell.core.language.vocabulary import TEXT_FIELDS
from marketbell.core.market.instrument import Instrument
from marketbell.flows.market_views.filters import text_of
from marketbell.flows.market_views.numbers import count, decimals_of, fixed, number, plain, shown, utc
from marketbell.flows.market_views.reader import Market
from marketbell.ports.screens import ScreenAnswer, ScreenRow

Cell = str | int | bool | None
PRICED = ("close", "change_pct", "volume")
"""What every row shows beside its columns."""


def items(answer: ScreenAnswer, market: Market, *, is_past: bool) -> list[dict[str, Any]]:
    """The rows in their order: instrument, symbol, name, close, change_pct, volume, as_of, values.

    Of the past the last columns of the answer are PRICED: today's row of the market says nothing of that day.
    """
    columns = shown_columns(answer, is_past=is_past)
    return [_item(row, columns, market, answer.as_of if is_past else None) for row in answer.rows]


def shown_columns(answer: ScreenAnswer, *, is_past: bool) -> list[Mapping[str, Any]]:
    """The columns that were asked for."""
    return list(answer.columns[: len(answer.columns) - len(PRICED)] if is_past else answer.columns)


def chips(answer: ScreenAnswer) -> list[dict[str, Any]]:
    """The parts that all must hold, each with its form and how many meet it alone."""
    return [
        {"text": one["text"], "form": condition_form(read_text(str(one["text"]))), "count": one["count"]}
        for one in answer.chips
    ]


def unknown(answer: ScreenAnswer) -> dict[str, Any]:
    """For how many it cannot be said, and for want of what; the most frequent first."""
    fields = sorted(answer.unknown_fields.items(), key=lambda one: (-one[1], one[0]))
    return {"count": answer.unknown, "fields": [{"field": name, "count": lacking} for name, lacking in fields]}


def _item(row: ScreenRow, columns: Sequence[Mapping[str, Any]], market: Market, past: int | None) -> dict[str, Any]:
    instrument = market.universe.get(row.key)
    now = market.row(row.key)
    prices: Mapping[str, Any] = now if past is None else dict(zip(PRICED, row.values[len(columns) :], strict=True))
    return {
        "instrument": row.key,
        "symbol": instrument.symbol,
        "name": instrument.name or instrument.symbol,
        "close": fixed(number(prices, "close"), decimals_of(instrument.tick_size)),
        "change_pct": fixed(number(prices, "change_pct"), 2),
        "volume": count(prices, "volume"),
        "as_of": utc(now.get("event_time") if past is None else past),
        "values": [cell(column, value, instrument) for column, value in zip(columns, row.values, strict=False)],
    }


def cell(column: Mapping[str, Any], value: float | str | None, instrument: Instrument) -> Cell:  # noqa: PLR0911 — one a type
    """A value by its type: words of the instrument, decimals as text, counts as integers, truths as they are."""
    name, type_ = str(column["expression"]), str(column["type"])
    if name in TEXT_FIELDS:
        return text_of(instrument, name) or None
    if value is None or isinstance(value, str):
        return value
    field = resolve(name)
    if field is not None:
        return shown(field.name, value, instrument.tick_size)
    match type_:
        case "bool":
            return bool(value)
        case "count":
            return round(value)
        case "time":
            return utc(int(value))
        case "price" | "percent" | "money":
            return fixed(value, decimals_of(instrument.tick_size) if type_ == "price" else 2)
    return plain(value)
