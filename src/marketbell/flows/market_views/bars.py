"""Bars as people read them: closed ones from the store, the forming one from the engine's row."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marketbell.core.columns.frame import Columns
from marketbell.flows.market_views.numbers import NS, decimals_of, fixed, number, utc
from marketbell.flows.market_views.stocks import Row

_OHLC = ("open", "high", "low", "close")


def forming_bar(timeframe: str, row: Row, session: Mapping[str, Any]) -> dict[str, Any] | None:
    """The bar that is not closed yet, as plain numbers; None before the first tick of it.

    The minute comes in the row's `bar.*`; the day is the row's `day.*`, labelled by the session's open.
    """
    if timeframe == "1m":
        start = number(row, "bar.start")
        bar = {name: number(row, f"bar.{name}") for name in (*_OHLC, "volume", "trades", "vwap")}
    else:
        start = _opening(session, row)
        bar = {name: number(row, f"day.{name}") for name in ("open", "high", "low", "volume", "trades")}
        bar |= {"close": number(row, "close"), "vwap": number(row, "vwap")}
    if start is None or bar["open"] is None:
        return None
    return bar | {"start": int(start)}


def _opening(session: Mapping[str, Any], row: Row) -> int | None:
    given = number(row, "day.start")
    if given is not None:
        return int(given)
    opens = session.get("opened_at") or session.get("opens_at")
    event_time = row.get("event_time")
    if isinstance(opens, str):
        opens = int(datetime.fromisoformat(opens).timestamp()) * NS
    if not isinstance(opens, int) or not isinstance(event_time, int):
        return None
    # When the session is over `opens_at` may name the next one, which the row does not belong to.
    return opens if opens <= event_time else None


def _bar(source: Mapping[str, Any], start: int, places: int, *, is_closed: bool) -> dict[str, Any]:
    volume, trades = source.get("volume"), source.get("trades")
    return {
        "start": utc(start),
        **{name: fixed(source.get(name), places) for name in _OHLC},
        "volume": None if volume is None or not math.isfinite(volume) else round(volume),
        "trades": None if trades is None or not math.isfinite(trades) else round(trades),
        "vwap": fixed(source.get("vwap"), places),
        "is_closed": is_closed,
    }


def bar_items(
    stored: Columns, tick_size: float, forming: Mapping[str, Any] | None, start: int | None, end: int | None
) -> list[dict[str, Any]]:
    """Closed bars, then the forming one where it lies in [start, end) and is not stored already."""
    places = decimals_of(tick_size)
    lists = {name: column.tolist() for name, column in stored.items()}
    starts: list[int] = lists.get("start", [])
    bars = [
        _bar({name: lists[name][at] for name in lists}, begin, places, is_closed=True)
        for at, begin in enumerate(starts)
    ]
    if forming is not None:
        begin = int(forming["start"])
        is_new = not starts or begin > starts[-1]
        if is_new and (start is None or begin >= start) and (end is None or begin < end):
            bars.append(_bar(forming, begin, places, is_closed=False))
    return bars
