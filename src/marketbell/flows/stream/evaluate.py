"""Plain fields over a recorded source: one value per bar of the file, or per accepted tick.

A bar's own open, high, low, close and volume are the bar's; every other field is what the engine
holds after it. Bars are labelled by their start, ticks by event_time.
"""

import json
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.engine import Engine
from marketbell.core.language.fields import ALIASES, BY_NAME, FieldType, resolve
from marketbell.core.primitives.errors import UserError
from marketbell.ports.feeds import PacedFeed

BAR_FIELDS = ("open", "high", "low", "close", "volume")
_END = (1 << 63) - 1
_CHUNK = 1 << 14
_Piece = tuple[NDArray[Any], NDArray[Any], list[NDArray[np.float64]]]
"""Instrument ids, times, and a column of values for each field."""


def evaluate(feed: PacedFeed, engine: Engine, wanted: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Columns instrument, time (ns UTC), name and value of each (name, field), sorted by instrument and time.

    UserError for what is not a field of the source.
    """
    engine.define(list(feed.instruments()))
    for batch in feed.reference():
        if batch.kind is FrameKind.BAR:
            engine.history(batch.columns)
        elif batch.kind is FrameKind.REFERENCE:
            engine.apply([Frame(batch.kind, 0, 0, 0, 0, 0, 0, 0, {}, json.dumps(batch.payload).encode())])
    keys = {int(one.instrument_id): one.key for one in engine.instruments}
    pieces: list[_Piece] = []
    fields: list[str] = []
    feed.seek(0)
    while batches := feed.advance(_END, _CHUNK):
        for batch in batches:
            if batch.kind not in {FrameKind.TRADE, FrameKind.BAR}:
                continue
            if not fields:
                fields = [_field(text, batch.kind) for _, text in wanted]
            rows, values = engine.trace(batch.columns, batch.kind)
            is_bar = batch.kind is FrameKind.BAR
            times = batch.columns["start" if is_bar else "event_time"][rows]
            found = [_values(field, batch.columns, values, rows, is_bar=is_bar) for field in fields]
            pieces.append((np.asarray(batch.columns["instrument_id"])[rows], np.asarray(times), found))
    if not feed.next_time() and not pieces:
        pieces.append(_at_end(feed, engine, wanted))
    return _long(pieces, [name for name, _ in wanted], keys)


def _at_end(feed: PacedFeed, engine: Engine, wanted: Sequence[tuple[str, str]]) -> _Piece:
    """A source of published values alone: one value an instrument, at its last publication."""
    now = feed.end_time or 0
    engine.apply([Frame(FrameKind.HEARTBEAT, 0, 0, 0, 0, now, now, 0, {}, b"")])
    fields = [_field(text, FrameKind.TRADE) for _, text in wanted]
    columns = engine.columns()
    ids = np.array([int(one.instrument_id) for one in engine.instruments], np.int64)
    return ids, np.full(len(ids), now), [np.asarray(columns[field], np.float64) for field in fields]


def _field(text: str, kind: FrameKind) -> str:
    """The registry's (or the bar's) name of a field."""
    if kind is FrameKind.BAR and text in BAR_FIELDS:
        return text
    known = resolve(text)
    if known is not None and known.type is not FieldType.TIME:
        return known.name
    names = [*BY_NAME, *ALIASES, *(BAR_FIELDS if kind is FrameKind.BAR else ())]
    near = get_close_matches(text, names, n=1)
    hint = f": did you mean `{near[0]}`?" if near else ""
    if text in BAR_FIELDS:
        hint = ": a tick has no bar of its own; take `day.open`, `day.high` or `day.low`"
    elif not text.replace(".", "").replace("_", "").isalnum():
        hint = ": only plain fields can be evaluated so far, no functions, operators or timeframes"
    raise UserError(f"`{text}` cannot be evaluated{hint}")


def _values(
    field: str, columns: Columns, values: dict[str, NDArray[Any]], rows: NDArray[np.int64], *, is_bar: bool
) -> NDArray[np.float64]:
    if is_bar and field in BAR_FIELDS:
        return np.asarray(columns[field], np.float64)[rows]
    return np.asarray(values[field], np.float64)


def _long(
    pieces: Sequence[_Piece],
    names: Sequence[str],
    keys: dict[int, str],
) -> dict[str, Any]:
    if not pieces:
        return {"instrument": [], "time": np.empty(0, np.int64), "name": [], "value": np.empty(0)}
    ids = np.concatenate([piece[0] for piece in pieces])
    times = np.concatenate([piece[1] for piece in pieces])
    labels = np.array([keys[ident] for ident in ids.tolist()], np.str_)
    order = np.lexsort((np.arange(len(ids)), times, labels))
    count = len(names)
    stacked = np.stack([np.concatenate([piece[2][at] for piece in pieces])[order] for at in range(count)], axis=1)
    return {
        "instrument": np.repeat(labels[order], count).tolist(),
        "time": np.repeat(times[order], count),
        "name": list(names) * len(order),
        "value": stacked.reshape(-1),
    }
