"""Model values of single US options: a file a contract (its name says which), or a table with both sides a row.

They hold a model's price, not a quote: it is taken as the last price, to compare Greeks. Times are UTC in the files of
one contract and New York's in the table.
"""

import csv
import io
import re
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from marketbell.adapters.feeds.replay.chains.columns import Stated
from marketbell.adapters.feeds.replay.chains.loading import Content
from marketbell.adapters.feeds.replay.chains.notes import Notes
from marketbell.adapters.feeds.replay.chains.rows import Rows, number, rows_of

NAME = "model_values"
TEXT = "US model values, CSV: model_price, model_impliedVol, model_undPrice; SPY230811C00470000.csv names the contract"

_CONTRACT = re.compile(r"([A-Z.]{1,6})(\d{6})([CP])(\d{8})")
_NEW_YORK = ZoneInfo("America/New_York")


def is_one(content: Content) -> bool:
    """Whether it looks like one."""
    return content.has("model_price", "model_impliedvol", "model_undprice")


def read(content: Content, stated: Stated, notes: Notes) -> Rows:
    """The rows of the file."""
    lines = list(csv.reader(io.StringIO(content.text.decode("utf-8", "replace"))))
    contract = _CONTRACT.search(content.path.name)
    found = _one_contract(lines, contract, stated) if contract else _both_sides(lines, stated)
    lost = len(lines) - 1 - len(found) if contract else len(lines) - 3 - len(found) // 2
    notes.add("unreadable", content.path.name, content.path.name, lost)
    return rows_of(found, notes, source=NAME)


def _one_contract(lines: list[list[str]], contract: re.Match[str], stated: Stated) -> list[dict[str, Any]]:
    symbol, day, side, strike = contract.groups()
    names = [one.strip().lower() for one in lines[0]]
    found = []
    for line in lines[1:]:
        row = dict(zip(names, line, strict=False))
        as_of = _moment(line[0] if line else "", "%Y%m%d %H:%M:%S.%f")
        if as_of:
            found.append({
                "underlying": stated.underlying or f"US:{symbol}", "as_of": as_of,
                "expiry": datetime.strptime(day, "%y%m%d").date(),  # noqa: DTZ007 — a date has no zone
                "strike": int(strike) / 1_000, "is_call": side == "C", **_values(row),
            })  # fmt: skip
    return found


def _both_sides(lines: list[list[str]], stated: Stated) -> list[dict[str, Any]]:
    """Two rows of headings (the value, and -1 for puts or 1 for calls), then ticker, expiry, strike, time."""
    values, rights = [one.strip().lower() for one in lines[0]], [one.strip() for one in lines[1]]
    found = []
    for line in lines[3:]:
        expiry, as_of = _date(line[1]), _moment(line[3], "%d/%m/%Y %H:%M:%S", _NEW_YORK)
        if expiry is None or not as_of:
            continue
        for right in ("1", "-1"):
            row = {name: cell for name, cell, own in zip(values, line, rights, strict=False) if own in {right, ""}}
            found.append({
                "underlying": stated.underlying or f"US:{line[0]}", "as_of": as_of, "expiry": expiry,
                "strike": number(line[2]), "is_call": right == "1", **_values(row),
            })  # fmt: skip
    return found


def _values(row: dict[str, str]) -> dict[str, float]:
    return {
        "last": number(row.get("model_price")),
        "published_iv": number(row.get("model_impliedvol")),
        "spot": number(row.get("model_undprice")),
    }


def _date(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%d/%m/%Y %H:%M:%S").date()  # noqa: DTZ007 — a date has no zone
    except ValueError:
        return None


def _moment(text: str, form: str, zone: ZoneInfo | None = None) -> int:
    try:
        moment = datetime.strptime(text, form).replace(tzinfo=zone or UTC)
    except ValueError:
        return 0
    past = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (past.days * 86_400 + past.seconds) * 10**9 + past.microseconds * 1_000
