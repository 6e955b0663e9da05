"""What a screen answered, as people read it: rows with names and prices, typed cells, chips with their forms."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from marketbell.core.language.expression_printer import print_expression
from marketbell.core.language.expression_reader import read_text
from marketbell.core.language.fields import resolve
from marketbell.core.language.form import condition_form
from marketbell.core.language.printer import print_screen
from marketbell.core.language.tree import Screen
from marketbell.core.language.vocabulary import TEXT_FIELDS
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import UserError
from marketbell.flows.market_views.filters import text_of
from marketbell.flows.market_views.numbers import NS, count, decimals_of, fixed, number, plain, shown, utc
from marketbell.flows.market_views.paging import encode_cursor
from marketbell.flows.market_views.reader import Market
from marketbell.ports.screens import PRICED, ScreenAnswer, ScreenRow
from marketbell.ports.stores import ScreenEvent

Cell = str | int | bool | None
_DATE = len("2021-04-28")


def moment(text: str | None, market: Market) -> int | None:
    """A past day or time as ns UTC: of a date the end of that day where the venue is. None: now, also for today."""
    if text is None or not text.strip():
        return None
    word = text.strip()
    is_date = len(word) == _DATE
    try:
        if is_date:
            zone = ZoneInfo(str((market.summary.get("session") or {}).get("zone") or "UTC"))
            found = datetime.combine(date.fromisoformat(word) + timedelta(days=1), time(), zone)
        else:
            found = datetime.fromisoformat(word)
    except ValueError:
        raise UserError(f"as_of must be a date like 2021-04-28, not {text!r}", field="as_of") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    at = int(found.timestamp()) * NS + found.microsecond * 1_000 - is_date  # midnight is of the next day
    return None if market.clock is not None and at >= market.clock else at


def page(
    screen: Screen, answer: ScreenAnswer, market: Market, *, is_past: bool, offset: int, total: int
) -> dict[str, Any]:
    """A page of who meets a screen from `offset` on, of `total` that its pages show (the API's ScreenPage)."""
    rows = items(answer, market, is_past=is_past)[: max(0, total - offset)]
    end = offset + len(rows)
    return {
        "items": rows,
        "columns": [
            {name: one[name] for name in ("expression", "label", "type", "unit")}
            for one in shown_columns(answer, is_past=is_past)
        ],
        "count": answer.count,
        "text": print_screen(screen),
        "condition": print_expression(screen.when),
        "chips": chips(answer),
        "unknown": unknown(answer),
        "as_of": utc(answer.as_of),
        "source": market.source,
        "took_ms": answer.took_ms,
        "next_cursor": encode_cursor(end) if rows and end < total else None,
    }


def passages(events: Iterable[ScreenEvent], market: Market) -> list[dict[str, Any]]:
    """Who entered and left; instruments that nobody knows any more are left out."""
    by_id = {int(one.instrument_id): one for one in market.universe.by_key.values()}
    return [
        {"instrument": one.key, "symbol": one.symbol, "event": event, "at": utc(at)}
        for event, number, at in events
        if (one := by_id.get(number)) is not None
    ]


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
