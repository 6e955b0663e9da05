"""Rows of contracts to chains: one unit, states instead of zeros, and notes on what was unusual."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.adapters.feeds.replay.chains.notes import Notes
from marketbell.core.options.chain import LARGEST, QUOTES, Chain, Floats, Ints, Side
from marketbell.core.options.document import moment
from marketbell.core.options.expiry import UNKNOWN, expires_at, trading_date
from marketbell.core.options.future import ListedFuture
from marketbell.core.options.lots import lot_size

UNITS, CONTRACTS = "units", "contracts"

_EPOCH = date(1970, 1, 1)
_NEVER = (UNKNOWN - _EPOCH).days
_EXTREME = 3.0
_MISFIT = 0.95
"""Share of counts that may be no multiple of the lot size: a change of it leaves such contracts for years."""
_ENOUGH = 10
"""Counts that a lot size is inferred from, or held against."""
_FRESH = 300 * 10**9
"""How old (ns) a quote may be when its chain is captured."""
_LARGEST_LOT = 1e6
_DAY = 86_400 * 10**9
_INDIA = 19_800 * 10**9
_OPENS = (9 * 3_600 + 15 * 60) * 10**9


@dataclass(slots=True)
class Rows:
    """Contracts, a row each, in the order of the file. `name` is an index into `names` (keys of underlyings).

    `expiry` in days since 1970 (`unknown_expiry` where nobody said it), `as_of` and `quote_time` ns UTC (0 unknown).
    `columns` of chain.QUOTES; `oi_unit` and `volume_unit` say what they count. `lot` NaN where the row does not say.
    """

    names: list[str]
    name: Ints
    expiry: Ints
    as_of: Ints
    strike: Floats
    is_call: NDArray[np.bool_]
    spot: Floats
    columns: dict[str, Floats]
    quote_time: Ints | None = None
    lot: Floats | None = None
    oi_unit: str = UNITS
    volume_unit: str = UNITS
    source: str = ""
    futures: list[ListedFuture] = field(default_factory=list)


def days_of(day: date | None) -> int:
    """A date as days since 1970; None is the unknown expiry."""
    return _NEVER if day is None else (day - _EPOCH).days


def date_of(days: int) -> date:
    """The inverse."""
    return _EPOCH + timedelta(days=days)


def rows_of(records: Iterable[Mapping[str, Any]], notes: Notes, **settings: Any) -> Rows:
    """Rows from plain records: underlying, expiry (date or None), as_of, strike, is_call, spot and columns of QUOTES.

    What a record does not have, or what is no number, is unknown.
    """
    listed = list(records)
    names = list(dict.fromkeys(str(one["underlying"]) for one in listed))
    place = {name: at for at, name in enumerate(names)}
    known = [name for name in QUOTES if any(name in one for one in listed)]
    made = Rows(
        names=names,
        name=np.array([place[str(one["underlying"])] for one in listed], np.int64),
        expiry=np.array([days_of(one.get("expiry")) for one in listed], np.int64),
        as_of=np.array([int(one.get("as_of") or 0) for one in listed], np.int64),
        strike=np.array([number(one.get("strike")) for one in listed], np.float64),
        is_call=np.array([bool(one["is_call"]) for one in listed], np.bool_),
        spot=np.array([number(one.get("spot")) for one in listed], np.float64),
        columns={name: np.array([number(one.get(name)) for one in listed], np.float64) for name in known},
        **settings,
    )
    return bound(made, notes)


def number(value: Any) -> float:
    """A number of a JSON file; NaN for anything else."""
    if isinstance(value, bool) or value is None:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def chains_of(rows: Rows, notes: Notes) -> list[Chain]:
    """The chains in the order of (as_of, underlying, expiry)."""
    _clean(rows, notes)
    order = np.lexsort((np.arange(len(rows.name)), rows.strike, rows.expiry, rows.name, rows.as_of))
    order = order[rows.strike[order] > 0]
    if not len(order):
        return []
    keys = np.stack([rows.as_of[order], rows.name[order], rows.expiry[order]])
    starts = np.flatnonzero(np.r_[True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)])
    ends = np.r_[starts[1:], len(order)]
    futures = {(one.underlying, one.expiry, one.as_of): one.last for one in rows.futures}
    inferred = _inferred(rows)
    made = [_chain(rows, order[start:end], futures, inferred, notes) for start, end in zip(starts, ends, strict=True)]
    return sorted(made, key=lambda one: (one.as_of, one.underlying, one.expiry))


def bound(rows: Rows, notes: Notes) -> Rows:
    """Numbers that no market has are unknown, and noted. Gives the rows."""
    for name, column in rows.columns.items():
        too_large = np.abs(column) > LARGEST
        note_rows(rows, notes, "too_large", too_large)
        rows.columns[name] = np.where(too_large, np.nan, column)
    rows.spot = np.where((rows.spot > 0) & (rows.spot < LARGEST), rows.spot, np.nan)
    if rows.lot is not None:
        rows.lot = np.where((rows.lot > 0) & (rows.lot < _LARGEST_LOT), rows.lot, np.nan)
    return rows


def _about(rows: Rows, at: int) -> str:
    expiry = date_of(int(rows.expiry[at]))
    return f"{rows.names[rows.name[at]]} {'no expiry' if expiry == UNKNOWN else expiry.isoformat()}"


def _where(rows: Rows, at: int) -> str:
    when = moment(int(rows.as_of[at]))
    contract = f"{rows.strike[at]:g} {'CE' if rows.is_call[at] else 'PE'}"
    return f"{_about(rows, at)} {contract}" + (f" at {when}" if when else "")


def _clean(rows: Rows, notes: Notes) -> None:
    """States instead of zeros: what is no price, no volatility or no count is NaN, and counted."""
    columns = rows.columns
    bid, ask = columns.get("bid"), columns.get("ask")
    if bid is not None and ask is not None:
        note_rows(rows, notes, "crossed_quote", (bid > ask) & (ask > 0))
    for name, kind in (("last", "no_trade"), ("bid", "no_quote"), ("ask", "no_quote"), ("published_iv", "no_iv")):
        if name in columns:
            note_rows(rows, notes, kind, columns[name] <= 0)
    if "published_iv" in columns:
        note_rows(rows, notes, "extreme_iv", columns["published_iv"] > _EXTREME)
    for name in ("last", "bid", "ask", "prev_close", "published_iv"):
        if name in columns:
            columns[name] = np.where(columns[name] > 0, columns[name], np.nan)
    for name in ("oi", "volume", "bid_size", "ask_size"):
        if name in columns:
            note_rows(rows, notes, "negative", columns[name] < 0)
            columns[name] = np.where(columns[name] >= 0, columns[name], np.nan)
    if rows.quote_time is not None:
        is_old = (rows.quote_time > 0) & (rows.as_of - rows.quote_time > _FRESH)
        note_rows(rows, notes, "stale_quote", is_old)
    note_rows(rows, notes, "bad_strike", ~((rows.strike > 0) & (rows.strike < LARGEST)))
    rows.strike = np.where(rows.strike < LARGEST, rows.strike, -1.0)


def note_rows(rows: Rows, notes: Notes, kind: str, found: NDArray[np.bool_]) -> None:
    """Note the rows where `found` holds, one note an underlying and expiry."""
    places = np.flatnonzero(found)
    if not len(places):
        return
    keys = rows.name[places] * (10 * _NEVER) + rows.expiry[places]
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    for at, count in zip(places[first].tolist(), counts.tolist(), strict=True):
        notes.add(kind, _about(rows, at), _where(rows, at), count)


def _chain(
    rows: Rows, at: Ints, futures: Mapping[tuple[str, date, int], float], inferred: Floats, notes: Notes
) -> Chain:
    first = int(at[0])
    underlying, as_of = rows.names[rows.name[first]], int(rows.as_of[first])
    expiry = date_of(int(rows.expiry[first]))
    about, where = _about(rows, first), _where(rows, first)
    strikes, place = np.unique(rows.strike[at], return_inverse=True)
    flags: list[str] = []
    is_call = rows.is_call[at]
    doubles = len(at) - len(np.unique(place * 2 + is_call))
    if doubles:
        flags.append("duplicate")
        notes.add("duplicate", about, where, doubles)
    lot = _lot(rows, at, inferred, flags, notes)
    factors = {
        "oi": lot if rows.oi_unit == CONTRACTS and not math.isnan(lot) else 1.0,
        "volume": lot if rows.volume_unit == CONTRACTS and not math.isnan(lot) else 1.0,
    }
    factors["oi_change"] = factors["oi"]
    sides = []
    for side in (is_call, ~is_call):
        picked, target = at[side], place[side]
        columns: dict[str, Any] = {}
        for name, values in rows.columns.items():
            column = np.full(len(strikes), np.nan)
            column[target] = values[picked] * factors.get(name, 1.0)
            columns[name] = column
        if rows.quote_time is not None:
            times = np.zeros(len(strikes), np.int64)
            times[target] = rows.quote_time[picked]
            columns["quote_time"] = times
        notes.add("missing_side", about, where, len(strikes) - len(np.unique(target)))
        sides.append(Side.of(len(strikes), **columns))
    spots = rows.spot[at]
    spot = float(spots[~np.isnan(spots)][-1]) if not np.isnan(spots).all() else math.nan
    ends = 0 if expiry == UNKNOWN else expires_at(underlying, expiry)
    _judge_moment(about, where, underlying, as_of, ends, spot, notes)
    if expiry == UNKNOWN:
        notes.add("no_expiry", about, where)
    return Chain(
        underlying=underlying,
        expiry=expiry,
        as_of=as_of,
        spot=spot,
        strikes=strikes,
        call=sides[0],
        put=sides[1],
        expires_at=ends,
        future=futures.get((underlying, expiry, as_of), math.nan),
        lot_size=lot,
        source=rows.source,
        flags=tuple(flags),
    )


def _judge_moment(about: str, where: str, underlying: str, as_of: int, ends: int, spot: float, notes: Notes) -> None:
    if math.isnan(spot):
        notes.add("no_spot", about, where)
    if not as_of:
        notes.add("no_time", about, where)
        return
    if ends and as_of >= ends:
        notes.add("expired", about, where)
    if underlying.startswith("NSE:"):
        today = trading_date(underlying, as_of)
        clock = (as_of + _INDIA) % _DAY
        weekend = 5
        if clock < _OPENS or as_of > expires_at(underlying, today) or today.weekday() >= weekend:
            notes.add("out_of_session", about, where)


def _inferred(rows: Rows) -> Floats:
    """What all sizes of quotes, and open interest in units, of each underlying are multiples of; NaN for a few or 1."""
    found = np.full(len(rows.names), np.nan)
    told = ("bid_size", "ask_size", "oi") if rows.oi_unit == UNITS else ("bid_size", "ask_size")
    sizes = [rows.columns[name] for name in told if name in rows.columns]
    for at in range(len(rows.names)) if sizes else ():
        own = np.concatenate([one[rows.name == at] for one in sizes])
        own = own[own > 0]
        if len(own) >= _ENOUGH and (own == np.round(own)).all():
            common = np.gcd.reduce(own.astype(np.int64))
            found[at] = common if common > 1 else np.nan
    return found


def _lot(rows: Rows, at: Ints, inferred: Floats, flags: list[str], notes: Notes) -> float:
    """The lot size: the row's own, the dated table's, else the one of the quotes' sizes. Counts are held against it."""
    first = int(at[0])
    underlying, expiry = rows.names[rows.name[first]], date_of(int(rows.expiry[first]))
    about, where, as_of = _about(rows, first), _where(rows, first), int(rows.as_of[first])
    said = rows.lot[at] if rows.lot is not None else np.empty(0)
    said = said[said > 0]
    if len(said):
        lot = float(said[-1])
    else:
        day = trading_date(underlying, as_of) if as_of else expiry
        lot = lot_size(underlying.partition(":")[2], expiry, day)
        if math.isnan(lot):
            lot = float(inferred[rows.name[first]])
            notes.add("lot_inferred", about, where, int(not math.isnan(lot)))
    if math.isnan(lot):
        if CONTRACTS in {rows.oi_unit, rows.volume_unit}:
            flags.append("unit_mismatch")
            notes.add("unit_mismatch", about, where, text="contracts, and no lot size is known: left as they are")
        return lot
    told = ("oi",) if rows.oi_unit == UNITS else ("bid_size", "ask_size")
    counts = np.concatenate([rows.columns[name][at] for name in told if name in rows.columns] or [said[:0]])
    counts = counts[counts > 0]
    odd = int((counts % lot != 0).sum())
    if len(counts) >= _ENOUGH and odd > _MISFIT * len(counts):
        flags.append("unit_mismatch")
        notes.add("unit_mismatch", about, where, odd)
    else:
        notes.add("odd_lot", about, where, odd)
    return lot
