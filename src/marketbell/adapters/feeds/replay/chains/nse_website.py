"""The CSV that NSE's option chain page offers: calls to the left of the strike, puts to the right, in contracts.

It says neither the price of the underlying nor when it was made; underlying and expiry stand in its name
(`option-chain-ED-NIFTY-27-Jun-2024.csv`).
"""

import csv
import io
import re
from typing import Any

from marketbell.adapters.feeds.replay.chains.columns import Stated, symbol_of_file
from marketbell.adapters.feeds.replay.chains.loading import Content
from marketbell.adapters.feeds.replay.chains.notes import Notes
from marketbell.adapters.feeds.replay.chains.nse import day_of
from marketbell.adapters.feeds.replay.chains.rows import CONTRACTS, Rows, days_of, number, rows_of
from marketbell.adapters.feeds.replay.chains.rows import date_of as expiry_of
from marketbell.adapters.feeds.replay.chains.symbols import key_of

NAME = "nse_website"
TEXT = "the NSE page's CSV: CALLS and PUTS over OI, LTP, BID, STRIKE ...; needs --as-of and --spot"

_NAMED = re.compile(r"-([A-Z][A-Z0-9&]*)-(\d{1,2}-[A-Za-z]{3}-\d{4})")
_COLUMNS = {
    "last": "LTP", "bid": "BID", "ask": "ASK", "bid_size": "BID QTY", "ask_size": "ASK QTY", "volume": "VOLUME",
    "oi": "OI", "oi_change": "CHNG IN OI",
}  # fmt: skip


def is_one(content: Content) -> bool:
    """Whether it looks like one."""
    return content.text[:1_000].lstrip(b"\xef\xbb\xbf").startswith(b"CALLS") and b"STRIKE" in content.text[:1_000]


def read(content: Content, stated: Stated, notes: Notes) -> Rows:
    """The rows of the file."""
    lines = list(csv.reader(io.StringIO(content.text.decode("utf-8-sig", "replace"))))
    names = [one.strip().upper() for one in lines[1]]
    middle = next((at for at, name in enumerate(names) if name.startswith("STRIKE")), len(names))
    named = _NAMED.search(content.path.name)
    underlying = stated.underlying or key_of(named[1] if named else symbol_of_file(content.path))
    expiry = stated.expiry
    if expiry == days_of(None) and named:
        expiry = days_of(day_of(named[2].title()))
    found: list[dict[str, Any]] = []
    lost = 0
    for line in lines[2:]:
        if len(line) <= middle or not any(line):
            lost += bool(any(line))
            continue
        for is_call, start, end in ((True, 0, middle), (False, middle + 1, len(names))):
            values = dict(zip(names[start:end], line[start:end], strict=False))
            side = {ours: _number(values.get(theirs, "")) for ours, theirs in _COLUMNS.items()}
            change = _number(values.get("CHNG", ""))
            found.append({
                **side,
                "prev_close": side["last"] - change if side["last"] > 0 else None,
                "published_iv": _number(values.get("IV", "")) / 100,
                "underlying": underlying, "expiry": expiry_of(expiry), "as_of": stated.as_of,
                "strike": _number(line[middle]), "is_call": is_call,
            })  # fmt: skip
    notes.add("unreadable", content.path.name, content.path.name, lost)
    return rows_of(found, notes, oi_unit=CONTRACTS, volume_unit=CONTRACTS, source=NAME)


def _number(text: str) -> float:
    """Numbers with separators of thousands; a dash is none."""
    return number(text.replace(",", "").strip() or None)
