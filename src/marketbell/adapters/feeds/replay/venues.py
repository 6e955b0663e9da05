"""What a file does not say outright: its calendar, its symbols, what kind of instrument they are."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marketbell.adapters.feeds.replay.tables import Table
from marketbell.adapters.feeds.replay.times import parse_times
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import SessionTable, session_index, session_of_date, venue_of

Sessions = Callable[[str], SessionTable]

CURRENCIES = {"XNSE": "INR", "XNSE_FO": "INR", "XNSE_CAS": "INR", "SIM": "INR", "XNYS": "USD", "XNAS": "USD"}
CALENDARS = {"NSE": "XNSE", "US": "XNYS", "SIM": "SIM"}
"""Calendar by the venue of a recorded key."""

_HINTS = (
    ("XNSE", {"nse", "nifty", "india"}),
    ("XNYS", {"us", "spy", "sp500", "nyse", "nasdaq"}),
    ("24/7", {"crypto", "btc", "btcusdt", "eth", "binance", "coinbase", "kraken"}),
)
_NOISE = {
    *("us", "nse", "crypto", "daily", "minute", "minutes", "ticks", "trades", "bars", "binance", "perp", "quotes"),
    *("data", "ohlc", "ohlcv", "1m", "1d", "close", "delivery", "history", "full", "market", "days"),
}
_INDIAN = {"ltp", "turnover_lacs", "deliv_qty", "deliv_per"}
_DAY = 86_400_000_000_000
_ROUNDING = 1e-3
"""How far from a whole number of steps a price may lie, for its floating point."""
_ENOUGH = 0.8
"""Share of a file's times that must lie in a calendar's sessions for it to be taken for that venue's."""


def symbol_of(path: Path) -> str:
    """The symbol that a file's name bears: RELIANCE.csv.gz is RELIANCE, us_spy_minute_202012.csv.gz SPY."""
    stem = path.name
    for suffix in (".gz", ".bz2", ".zst", ".csv", ".parquet"):
        stem = stem.removesuffix(suffix)
    if stem == stem.upper():
        return stem
    words = [word for word in re.split(r"[_\-. ]+", stem) if word.lower() not in _NOISE and not word.isdigit()]
    return "_".join(words).upper() or stem.upper()


def calendar_of(table: Table, sessions: Sessions) -> str:
    """The calendar that a file follows: by its columns, the words of its path, else by its times.

    A file whose stamps bear an offset or whose times fit no exchange is read as round the clock.
    """
    names = {name.lower() for name in (*table.others, *table.source_names.values())}
    if names & _INDIAN:
        return "XNSE"
    words: set[str] = set()
    for part in table.path.parts[-3:]:
        words |= set(re.split(r"[_\-. ]+", part.lower()))
    for calendar, hints in _HINTS:
        if words & hints:
            return calendar
    times, readable = parse_times(table.known["time"], "UTC")
    if not readable.any():
        return "NONE"
    return _by_times(times[readable], table, sessions)


def _by_times(wall: NDArray[np.int64], table: Table, sessions: Sessions) -> str:
    """Compare the wall-clock times with the exchanges' sessions, as if they were local there."""
    best, share = "NONE", _ENOUGH
    for calendar in ("XNSE", "XNYS"):
        book = sessions(calendar)
        if table.format == "daily":
            days = np.unique(wall // _DAY)
            inside = session_of_date(book.date, days) >= 0
            span = (book.date >= days[0]) & (book.date <= days[-1])
            covered = len(days) / max(1, int(span.sum()))
            found = float(inside.mean()) * min(1.0, covered)
        else:
            times, _ = parse_times(table.known["time"], book.zone)
            found = float((session_index(book.open, book.close, times) >= 0).mean())
        if found > share:
            best, share = calendar, found
    return best


def describe(
    symbol: str, calendar: str, *, prices: NDArray[np.float64], has_volume: bool, key: str | None = None
) -> Instrument:
    """An instrument as far as a recording tells: without any volume it is an index."""
    known = prices[np.isfinite(prices) & (prices > 0)][:2_000]
    tick = 0.05
    for step in (0.05, 0.01, 0.0001):
        tick = step
        if not len(known) or (np.abs(known / step - np.round(known / step)) < _ROUNDING).all():
            break
    kind = "crypto" if calendar in {"24/7", "NONE"} else "equity" if has_volume else "index"
    return Instrument(
        key=key or f"{venue_of(calendar)}:{symbol}",
        name=symbol,
        kind=kind,
        currency=CURRENCIES.get(calendar, "USD"),
        calendar=calendar,
        tick_size=tick if has_volume or calendar not in CURRENCIES else 0.01,
        source="replay",
    )
