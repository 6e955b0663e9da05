"""Files of corporate actions (NSE's list as CSV or JSON): dated splits, bonuses, rights and dividends by symbol."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.adapters.feeds.replay.fundamentals import header, number, text_rows
from marketbell.adapters.feeds.replay.fundamentals_columns import plain
from marketbell.adapters.feeds.replay.fundamentals_dates import day_of
from marketbell.core.columns.frame import Columns, FrameKind
from marketbell.core.market.corporate_action import ActionKind, CorporateAction, explains, factors, parse_purpose
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY
from marketbell.core.primitives.errors import InvalidSourceError
from marketbell.ports.feeds import Batch

FORMAT = "corporate_actions"

Actions = Mapping[str, Sequence[CorporateAction]]
"""By symbol, as the exchange spells it."""

_EPOCH = 719_163  # date(1970, 1, 1).toordinal()
_PURPOSE, _EX_DATE, _FACE = ("purpose", "subject"), ("ex_date", "exdate"), ("face_value", "faceval")


def is_actions_file(path: Path, forced: str | None = None) -> bool:
    """Whether a file lists corporate actions, by its columns."""
    if forced is not None:
        return forced == FORMAT
    try:
        names = {plain(name) for name in header(path)}
    except (OSError, EOFError, UnicodeDecodeError, ValueError):
        return False
    return "symbol" in names and bool(names & set(_PURPOSE)) and bool(names & set(_EX_DATE))


def read_actions(paths: Sequence[Path]) -> dict[str, list[CorporateAction]]:
    """Every action of the files that has an ex-date. InvalidSourceError for a file that cannot be read."""
    found: dict[str, list[CorporateAction]] = {}
    for path in paths:
        try:
            rows = text_rows(path)
        except (OSError, EOFError, UnicodeDecodeError, ValueError, csv.Error, json.JSONDecodeError) as error:
            raise InvalidSourceError(f"{path}: cannot be read ({error})") from error
        for row in rows:
            day = day_of(_said(row, _EX_DATE))
            if day is None:
                continue
            face = number(_said(row, _FACE))
            actions = parse_purpose(_said(row, _PURPOSE), day.toordinal() - _EPOCH, face if face > 0 else 0.0)
            found.setdefault(row["symbol"].strip().upper(), []).extend(actions)
    return found


def _said(row: Mapping[str, str], names: Sequence[str]) -> str:
    return next((row[name] for name in names if row.get(name)), "")


def batch_of(actions: Actions, instruments: Sequence[Instrument]) -> list[Batch]:
    """The actions of these instruments as a REFERENCE entry of type `corporate_actions`, ex-dates as ISO dates."""
    items: list[dict[str, Any]] = [
        {
            "instrument_id": int(one.instrument_id),
            "ex_date": str(np.datetime64(action.ex_date, "D")),
            "kind": action.kind.value,
            "ratio": action.ratio,
            "amount": action.amount,
            "text": action.text,
        }
        for one in instruments
        for action in sorted(actions.get(one.symbol, ()), key=lambda action: action.ex_date)
        if action.kind is not ActionKind.OTHER
    ]
    return [Batch(FrameKind.REFERENCE, {}, 0, {"type": "corporate_actions", "items": items})] if items else []


def mark(
    symbols: NDArray[np.int64], names: Sequence[str], days: NDArray[np.int64], actions: Actions
) -> NDArray[np.bool_]:
    """Rows (one symbol after the other, by day) at which an action explains a jump."""
    mask = np.zeros(len(symbols), np.bool_)
    for number_, name in enumerate(names):
        if name in actions:
            mine = np.flatnonzero(symbols == number_)
            mask[mine] = explains(days[mine], actions[name])
    return mask


def previous_closes(
    symbols: NDArray[np.int64],
    names: Sequence[str],
    days: NDArray[np.int64],
    close: NDArray[np.float64],
    given: NDArray[np.float64],
    actions: Actions,
) -> NDArray[np.float64]:
    """`given` previous closes, on the ex-date of a split or bonus comparable with that day's prices.

    A change is measured against it. Where the source states none, or the one of the day before as it was
    traded, it is the close before over the ratio. Rows stand as in `mark`.
    """
    found = given.copy()
    for number_, name in enumerate(names):
        changes = [action for action in actions.get(name, ()) if action.is_share_change]
        mine = np.flatnonzero(symbols == number_)
        for action in changes:
            at = int(np.searchsorted(days[mine], action.ex_date))
            if 0 < at < len(mine):
                row, before = mine[at], close[mine[at - 1]]
                if np.isnan(found[row]) or found[row] == before:
                    found[row] = before / action.ratio
    return found


def adjusted_history(bars: Columns, instruments: Sequence[Instrument], actions: Actions, day: int) -> Columns:
    """Daily bars (BAR columns) from before trading date `day`, comparable with the prices of that day."""
    made: dict[str, NDArray[Any]] = {name: np.array(column) for name, column in bars.items()}
    for one in instruments:
        due = [action for action in actions.get(one.symbol, ()) if action.ex_date <= day]
        mine = np.flatnonzero(np.asarray(bars["instrument_id"]) == int(one.instrument_id))
        if not due or not len(mine):
            continue
        mine = mine[np.argsort(bars["start"][mine], kind="stable")]
        days = np.append(np.asarray(bars["start"])[mine] // DAY, day)
        price, volume = factors(days, np.append(np.asarray(bars["close"])[mine], np.nan), due)
        for name in ("open", "high", "low", "close"):
            made[name][mine] /= price[:-1]
        made["volume"][mine] *= volume[:-1]
    return made
