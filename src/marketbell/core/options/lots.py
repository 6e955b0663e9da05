"""Lot sizes of NSE index derivatives, by day and expiry.

A change counts for contracts that expire on or after a date, from the day on which such contracts trade. Sources: NSE
circulars as brokers and papers repeated them (named beside each); for 2026-08 the lot sizes of the exchange's own
bhavcopy. Lots of stocks change every half-year and are taken from the source, or found in the sizes of its quotes.
"""

import math
from datetime import date
from typing import NamedTuple


class _Lot(NamedTuple):
    since: date
    """First trading day."""
    expiries: date
    """First expiry that has it."""
    units: int


def _lots(*rows: tuple[str, str, int]) -> tuple[_Lot, ...]:
    return tuple(_Lot(date.fromisoformat(since), date.fromisoformat(first), units) for since, first, units in rows)


LOTS: dict[str, tuple[_Lot, ...]] = {
    "NIFTY": _lots(
        ("2014-10-31", "2014-10-31", 25),
        ("2015-10-30", "2015-10-30", 75),
        ("2021-07-30", "2021-07-30", 50),  # circular of 2021-03-31
        ("2024-04-26", "2024-05-02", 25),  # circular of 2024-04-02
        ("2024-11-20", "2025-01-01", 75),  # circular of 2024-10-18; SEBI: contracts of at least 15 lakh
        ("2025-10-29", "2026-01-01", 65),  # circular FAOP70616 of 2025-10-03
    ),
    "BANKNIFTY": _lots(
        ("2014-10-31", "2014-10-31", 25),
        ("2015-10-30", "2015-10-30", 30),
        ("2016-04-29", "2016-04-29", 40),
        ("2018-10-26", "2018-10-26", 20),
        ("2020-05-04", "2020-07-30", 25),
        ("2023-04-28", "2023-07-01", 15),  # circular of 2023-03-31
        ("2024-11-20", "2025-01-01", 30),
        ("2025-04-25", "2025-07-01", 35),  # circular of 2025-03-28
        ("2025-10-29", "2026-01-01", 30),
    ),
    "FINNIFTY": _lots(
        ("2021-01-11", "2021-01-11", 40),
        ("2024-04-26", "2024-05-02", 25),
        ("2024-11-20", "2025-01-01", 65),
        ("2025-10-29", "2026-01-01", 60),
    ),
    "MIDCPNIFTY": _lots(
        ("2022-01-24", "2022-01-24", 75),
        ("2024-04-26", "2024-05-02", 50),
        ("2024-11-20", "2025-01-01", 120),
        ("2025-04-25", "2025-07-01", 140),
        ("2025-10-29", "2026-01-01", 120),
    ),
    "NIFTYNXT50": _lots(("2024-04-24", "2024-04-24", 10), ("2024-11-20", "2025-01-01", 25)),
}
"""Changes by symbol, oldest first. Before 2024 the first expiry is exact to the month."""


def lot_size(symbol: str, expiry: date, day: date) -> float:
    """Units of one contract with that expiry on that trading day; NaN where the table does not know."""
    known = [one for one in LOTS.get(symbol, ()) if one.since <= day and one.expiries <= expiry]
    return float(known[-1].units) if known else math.nan
