"""NSE's option chain: the answer of `option-chain-indices` and `option-chain-equities`, and of `option-chain-v3`.

Open interest, its change and volume are in contracts, sizes of quotes in units. Times are Indian. Where the file bears
the exchange's own totals of the nearest expiry (`filtered`), they are compared with the sums over the strikes.
"""

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from marketbell.adapters.feeds.replay.chains.columns import Stated
from marketbell.adapters.feeds.replay.chains.loading import Content
from marketbell.adapters.feeds.replay.chains.notes import Notes
from marketbell.adapters.feeds.replay.chains.rows import CONTRACTS, Rows, number, rows_of
from marketbell.adapters.feeds.replay.chains.symbols import key_of

NAME = "nse"
TEXT = "JSON of option-chain-indices: records.data with strikePrice, expiryDate, CE and PE; records.timestamp"

_INDIA = ZoneInfo("Asia/Kolkata")
_COLUMNS = {
    "last": ("lastPrice",),
    "bid": ("bidprice", "bidPrice", "buyPrice1"),
    "ask": ("askPrice", "askprice", "sellPrice1"),
    "bid_size": ("bidQty", "buyQuantity1"),
    "ask_size": ("askQty", "sellQuantity1"),
    "volume": ("totalTradedVolume",),
    "oi": ("openInterest",),
    "oi_change": ("changeinOpenInterest",),
}


def is_one(content: Content) -> bool:
    """Whether it looks like one."""
    records = content.data.get("records") if isinstance(content.data, dict) else None
    return isinstance(records, dict) and isinstance(records.get("data"), list)


def read(content: Content, stated: Stated, notes: Notes) -> Rows:
    """The rows of the file."""
    records = content.data["records"]
    spot = number(records.get("underlyingValue"))
    as_of = moment_of(records.get("timestamp")) or stated.as_of
    found: list[dict[str, Any]] = []
    lost = 0
    for row in records["data"]:
        expiry = day_of(row.get("expiryDate") or row.get("expiryDates")) if isinstance(row, dict) else None
        sides = [(one, row.get(one)) for one in ("CE", "PE")] if isinstance(row, dict) else []
        if expiry is None or not any(isinstance(side, dict) for _, side in sides):
            lost += 1
            continue
        for name, side in sides:
            if isinstance(side, dict):
                common = {"is_call": name == "CE", "expiry": expiry, "as_of": as_of}
                found.append({**common, **_contract(row, side, spot, stated)})
    notes.add("unreadable", content.path.name, content.path.name, lost)
    rows = rows_of(found, notes, oi_unit=CONTRACTS, volume_unit=CONTRACTS, source=NAME)
    _compare(content, rows, notes)
    return rows


def day_of(text: Any) -> date | None:
    """`17-Mar-2022` or `2022-03-17` as a date; None for anything else."""
    for form in ("%d-%b-%Y", "%Y-%m-%d", "%d-%m-%Y"):
        try:
            return datetime.strptime(str(text), form).date()  # noqa: DTZ007 — a date has no zone
        except ValueError:
            continue
    return None


def moment_of(text: Any) -> int:
    """`15-Mar-2022 13:01:52` in India as ns UTC; 0 for anything else."""
    for form in ("%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M", "%Y-%m-%d %H:%M:%S"):
        try:
            return int(datetime.strptime(str(text), form).replace(tzinfo=_INDIA).timestamp()) * 10**9
        except ValueError:
            continue
    return 0


def _contract(row: Mapping[str, Any], side: Mapping[str, Any], spot: float, stated: Stated) -> dict[str, Any]:
    values = {
        ours: next((number(side[one]) for one in theirs if one in side), math.nan) for ours, theirs in _COLUMNS.items()
    }
    last, change = values["last"], number(side.get("change"))
    strike = row.get("strikePrice", side.get("strikePrice"))
    own = number(side.get("underlyingValue"))
    return {
        **values,
        # The change of a contract that has not traded today is 0, and so is its last price.
        "prev_close": last - change if last > 0 else math.nan,
        "published_iv": number(side.get("impliedVolatility")) / 100,
        "underlying": key_of(str(side["underlying"])) if side.get("underlying") else stated.underlying or "NSE:UNKNOWN",
        "strike": strike,
        "spot": own if own > 0 else spot,
    }


def _compare(content: Content, rows: Rows, notes: Notes) -> None:
    filtered = content.data.get("filtered")
    if not isinstance(filtered, dict) or not len(rows.expiry):
        return
    nearest = rows.expiry == rows.expiry.min()
    for side, is_call in (("CE", True), ("PE", False)):
        totals = filtered.get(side)
        if not isinstance(totals, dict):
            continue
        for name, column in (("totOI", "oi"), ("totVol", "volume")):
            said = number(totals.get(name))
            here = float(np.nansum(rows.columns[column][nearest & (rows.is_call == is_call)]))
            if not math.isnan(said) and abs(said - here) > 0.5:
                text = f"the strikes sum up to {here:g} {side} contracts ({column}), the exchange says {said:g}"
                notes.add("total_mismatch", f"{content.path.name} {side} {column}", content.path.name, text=text)
