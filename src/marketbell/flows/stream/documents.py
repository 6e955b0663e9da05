"""The market as documents: rows, lists, summary, bars, books, quality, firings. Columns in, JSON out.

NaN and other unknowns become null (orjson does that for floats); a time of 0 is unknown as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns
from marketbell.core.engine.engine import Engine
from marketbell.core.engine.lists import Universe, market_lists
from marketbell.core.engine.view import BAR_FIELDS
from marketbell.core.language.fields import FIELDS
from marketbell.core.quality.kinds import ACTIONS, KINDS, QualityKind
from marketbell.ports.calendars import SessionTable
from marketbell.ports.ledger import Firing

COLUMNS: tuple[str, ...] = (*(field.name for field in FIELDS if field.name != "src.age"), *BAR_FIELDS)
"""Values of a row behind its key. Ages are left to the reader's clock."""
BAR_DOCUMENT = ("start", "open", "high", "low", "close", "volume", "trades", "vwap")
_TIMES = ("event_time", "bar.start")
_LIST_LIMIT = 100


def dumps(document: Any) -> bytes:
    """JSON with null for NaN."""
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def row_values(columns: Mapping[str, NDArray[Any]]) -> list[tuple[Any, ...]]:
    """Rows of COLUMNS from an engine's columns."""
    values = [
        [one or None for one in columns[name].tolist()] if name in _TIMES else columns[name].tolist()
        for name in COLUMNS
    ]
    return list(zip(*values, strict=True))


def rows_document(seq: int, as_of: int, keys: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> bytes:
    """Changed rows, newest values."""
    return dumps(
        {
            "type": "rows",
            "seq": seq,
            "as_of": as_of or None,
            "columns": COLUMNS,
            "rows": [(key, *row) for key, row in zip(keys, rows, strict=True)],
        }
    )


def cached_rows(
    keys: Sequence[str], rows: Sequence[tuple[Any, ...]], basis: NDArray[np.int64]
) -> dict[str, dict[str, Any]]:
    """The same rows by key, as the cache and the snapshot keep them."""
    return {
        key: dict(zip(COLUMNS, row, strict=True)) | {"change_basis": "prev_close" if known else "day_open"}
        for key, row, known in zip(keys, rows, basis.tolist(), strict=True)
    }


def bars_document(timeframe: str, bars: Columns, key_of: Callable[[int], str]) -> bytes:
    """Closed bars."""
    values = zip(*(bars[name].tolist() for name in BAR_DOCUMENT), strict=True)
    rows = [(key_of(ident), *row) for ident, row in zip(bars["instrument_id"].tolist(), values, strict=True)]
    return dumps({"type": "bars", "timeframe": timeframe, "columns": ("instrument", *BAR_DOCUMENT), "rows": rows})


def books(depth: Columns, key_of: Callable[[int], str]) -> dict[str, dict[str, Any]]:
    """Order books of a depth frame by instrument: best level first."""
    found: dict[str, dict[str, Any]] = {}
    order = np.argsort(depth["level"], kind="stable")
    values = [depth[name][order].tolist() for name in ("instrument_id", "event_time", "side", "price", "size")]
    for ident, event_time, side, price, size in zip(*values, strict=True):
        key = key_of(ident)
        book = found.setdefault(key, {"instrument": key, "bids": [], "asks": [], "as_of": event_time})
        book["asks" if side else "bids"].append([price, size])
    return found


def newest_books(
    depth: Sequence[Columns], states: Sequence[tuple[int, str, int]], key_of: Callable[[int], str]
) -> dict[str, dict[str, Any]]:
    """Books by instrument with their `state`: `ready` where the source sends whole books.

    A book that is being built or resynchronised has a state and no levels.
    """
    found: dict[str, dict[str, Any]] = {}
    for columns in depth:
        found |= {key: book | {"state": "ready"} for key, book in books(columns, key_of).items()}
    for ident, state, event_time in states:
        key = key_of(ident)
        book = found.setdefault(key, {"instrument": key, "bids": [], "asks": [], "as_of": event_time})
        book["state"] = state
    return found


def evidence(engine: Engine) -> dict[str, dict[str, Any]]:
    """By instrument, what the abnormal patterns rest on: those with a sign since the last call."""
    rows = engine.patterns.take_signs()
    if not rows:
        return {}
    keys, columns = engine.keys(), engine.columns(np.array(rows, np.int64))
    return {
        keys[row]: {"instrument": keys[row], "as_of": engine.now() or None, "items": items}
        for at, row in enumerate(rows)
        if (items := engine.patterns.evidence(row, columns, at))
    }


def firing_document(firing: Firing) -> bytes:
    """A firing, told at once."""
    return dumps({"type": "firing"} | asdict(firing))


def merged_lists(engines: Sequence[Engine]) -> dict[str, Any]:
    """Lists, breadth, sectors and indices over all engines of this process."""
    if len(engines) == 1:
        return engines[0].lists(_LIST_LIMIT)
    universe = Universe.of([one for engine in engines for one in engine.instruments])
    parts = [engine.columns() for engine in engines]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return market_lists(universe, columns, _LIST_LIMIT, engines[0].config.undervalued)


def session_document(
    engine: Engine, calendar: str, now: int, sessions: Callable[[str], SessionTable]
) -> dict[str, Any] | None:
    """The venue's session at its clock."""
    if not now:
        return None
    state, opens, closes, date = engine.session(calendar, now)
    day = str(np.datetime64(date, "D"))
    return {
        "state": state,
        "opens_at": opens,
        "closes_at": closes,
        "date": day,
        "calendar": calendar,
        "zone": sessions(calendar).zone,
    }


def quality_events(rows: Columns, key_of: Callable[[int], str], limit: int) -> list[dict[str, Any]]:
    """The newest quality events, oldest first."""
    tail = {name: column[-limit:].tolist() for name, column in rows.items()}
    return [
        {
            "instrument": key_of(ident),
            "kind": KINDS[kind],
            "action": ACTIONS[QualityKind(kind)],
            "event_time": event_time,
            "count": count,
        }
        for ident, kind, event_time, count in zip(
            tail["instrument_id"], tail["kind"], tail["event_time"], tail["count"], strict=True
        )
    ]


def totals(counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Sums over instruments by kind."""
    found: dict[str, int] = {}
    for kinds in counts.values():
        for kind, count in kinds.items():
            found[kind] = found.get(kind, 0) + count
    return found
