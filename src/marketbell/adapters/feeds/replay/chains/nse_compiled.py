"""A compiled NSE chain, as a known client library saves it: `chain` by strike with `ce` and `pe`, totals beside it.

Open interest in contracts; there are neither quotes nor volumes.
"""

import math
from typing import Any

from marketbell.adapters.feeds.replay.chains.columns import Stated
from marketbell.adapters.feeds.replay.chains.loading import Content
from marketbell.adapters.feeds.replay.chains.notes import Notes
from marketbell.adapters.feeds.replay.chains.nse import day_of, moment_of
from marketbell.adapters.feeds.replay.chains.rows import CONTRACTS, Rows, number, rows_of

NAME = "nse_compiled"
TEXT = "compiled JSON: expiry, timestamp, underlying and chain by strike with ce and pe (last, oi, chg, iv)"


def is_one(content: Content) -> bool:
    """Whether it looks like one."""
    data = content.data
    return isinstance(data, dict) and isinstance(data.get("chain"), dict) and "expiry" in data and "underlying" in data


def read(content: Content, stated: Stated, notes: Notes) -> Rows:
    """The rows of the file."""
    data = content.data
    expiry = day_of(data["expiry"])
    as_of = moment_of(data.get("timestamp")) or stated.as_of
    found: list[dict[str, Any]] = []
    for strike, row in data["chain"].items():
        for name in ("ce", "pe"):
            side = row.get(name) if isinstance(row, dict) else None
            if not isinstance(side, dict):
                continue
            found.append({
                "underlying": stated.underlying or "NSE:NIFTY", "expiry": expiry, "as_of": as_of,
                "strike": number(strike), "is_call": name == "ce", "spot": number(data["underlying"]),
                "last": number(side.get("last")), "oi": number(side.get("oi")), "oi_change": number(side.get("chg")),
                "published_iv": number(side.get("iv")) / 100,
            })  # fmt: skip
    rows = rows_of(found, notes, oi_unit=CONTRACTS, source=NAME)
    for name, is_call in (("coiTotal", True), ("poiTotal", False)):
        said, here = number(data.get(name)), float(rows.columns["oi"][rows.is_call == is_call].sum()) if found else 0.0
        if not math.isnan(said) and said != here:
            text = f"the strikes sum up to {here:g} contracts, {name} says {said:g}: the file holds a part of the chain"
            notes.add("total_mismatch", f"{content.path.name} {name}", content.path.name, text=text)
    return rows
