"""Firings of rules on recorded ticks and days equal plain loops, pandas and TA-Lib: instrument and time, exactly.

Nothing of the engine is used for what is expected: what the clauses do is told once more, in one loop.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, log
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import talib
from tests.golden.tick_files import DAYS, MINUTE, bars, expect

from marketbell.wiring.replay import replay_to_files

Firing = tuple[str, int]
"""Instrument, and time in ns UTC."""
Evaluation = tuple[int, bool | None, int]
"""Time, truth (None: unknown), and what firings may not share: the bar or the day; -1 for nothing."""

LEVEL, MOVE_PCT, SHOCK, SHOCK_PCT = 1_999.7, 0.5, 2.0, 0.1
TICK_RULES = f"""
alert "once" on $NSE:RELIANCE when close crosses above {LEVEL} at tick fire once
alert "every" on $NSE:RELIANCE when close crosses above {LEVEL} at tick fire every time
alert "bar" on $NSE:RELIANCE when close crosses above {LEVEL} at tick
alert "above" on $NSE:RELIANCE when close > {LEVEL} at tick
alert "move" on ALL when close moves by {MOVE_PCT}% within 10m at tick cooldown 15m per symbol
alert "shock" on ALL
  when volume@5m > {SHOCK} * sma(volume, 20)@5m and pct_change(close, 1)@5m > {SHOCK_PCT}% at 5m close
alert "shocks" on ALL
  when volume@5m > {SHOCK} * sma(volume, 20)@5m and pct_change(close, 1)@5m > {SHOCK_PCT}% at 5m close fire every time
alert "range" on ALL when close crosses above orb(15m).high at 5m close session NSE 09:30-11:00 fire once per day
alert "ranges" on ALL when close crosses above orb(15m).high at 5m close session NSE 09:30-11:00
"""
DAY_RULES = """
alert "golden" on ALL when sma(close, 50)@1d crosses above sma(close, 200)@1d at 1d close fire once per day
alert "rsi" on ALL when rsi(close, 14)@1d crosses below 30
alert "high" on ALL when high >= highest(high, 252)[1] at 1d close
alert "highs" on ALL when high >= highest(high, 252)[1] at 1d close fire every time
"""
SPECIAL_CLOSES = {
    # Muhurat sessions
    "2015-11-11": "18:45",
    "2016-10-30": "19:30",
    "2017-10-19": "19:30",
    "2018-11-07": "18:30",
}
HALF_DAYS = (
    *("2013-07-03", "2013-11-29", "2013-12-24", "2014-07-03", "2014-11-28", "2014-12-24", "2015-11-27", "2015-12-24"),
    *("2016-11-25", "2017-07-03", "2017-11-24"),
)


def edges(evaluations: Iterable[Evaluation], *, cooldown: int = 0) -> list[int]:
    """Times at which false (or nothing) becomes true, one a bar or day at most, none in the cooldown of one before."""
    before, kept, last, found = None, -1, None, []
    for time, truth, part in evaluations:
        if truth is None:
            continue
        is_free = (part < 0 or part != kept) and (last is None or time - last >= cooldown)
        if truth and not before and is_free:
            found.append(time)
            kept, last = part, time
        before = truth
    return found


def crossings(times: list[int], values: list[float], level: list[float], parts: list[int]) -> list[Evaluation]:
    """Whether values cross above a level, at each time: the first cannot, nor where one of the four is unknown."""
    found: list[Evaluation] = []
    for at, time in enumerate(times):
        four = (values[at], level[at], values[at - 1], level[at - 1]) if at else (np.nan,)
        is_known = not np.isnan(four).any()
        found.append((time, bool(four[0] > four[1] and four[2] <= four[3]) if is_known else None, parts[at]))
    return found


@dataclass(frozen=True)
class Ticks:
    """What was accepted of a few sessions, by instrument: (time, price, open of its session) in order, and bars."""

    prices: dict[str, list[tuple[int, float, int]]]
    fives: pd.DataFrame


@pytest.fixture(scope="module")
def ticks(shared_data: Path) -> Ticks:
    prices: dict[str, list[tuple[int, float, int]]] = {}
    parts = []
    for day in DAYS:
        opens = pd.Timestamp(f"{day} 09:15", tz="Asia/Kolkata").value
        accepted = expect(shared_data / "intraday/nse_ticks" / day)
        for key, found in accepted.accepted.items():
            prices.setdefault(key, []).extend((tick[0], tick[2], opens) for tick in found if tick[5])
        parts.append(bars(accepted, opens, 5 * MINUTE).assign(opens=opens, day=DAYS.index(day)))
    fives = pd.concat(parts).sort_values(["instrument", "start"], ignore_index=True)
    return Ticks(prices, fives.assign(end=fives.start + 5 * MINUTE))


@pytest.fixture(scope="module")
def fired(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Firing]]:
    """Firings of both days of ticks in one replay."""
    out = tmp_path_factory.mktemp("ticks")
    sources = [str(shared_data / "intraday/nse_ticks" / day) for day in DAYS]
    return replayed(sources, TICK_RULES, out)


def replayed(sources: list[str], rules: str, out: Path) -> dict[str, list[Firing]]:
    """Firings by rule, in the order of instrument and time."""
    (out / "rules.bell").write_text(rules)
    replay_to_files(sources, out / "out", rules=out / "rules.bell")
    table = pd.read_parquet(out / "out/firings.parquet")
    assert table.firing_id.is_unique
    times = table.event_time.dt.as_unit("ns").astype("int64")
    found: dict[str, list[Firing]] = {}
    for rule, key, time in zip(table.rule, table.instrument, times, strict=True):
        found.setdefault(rule, []).append((key, time))
    return {rule: sorted(pairs) for rule, pairs in found.items()}


def test_a_price_level_at_ticks(ticks: Ticks, fired: dict[str, list[Firing]]) -> None:
    key = "NSE:RELIANCE"
    times, prices, opens = (list(column) for column in zip(*ticks.prices[key], strict=True))
    minutes = [opened + (time - opened) // MINUTE for time, opened in zip(times, opens, strict=True)]
    levels = [LEVEL] * len(times)
    every = [time for time, truth, _ in crossings(times, prices, levels, minutes) if truth]
    assert len(every) > 300
    assert fired["every"] == [(key, time) for time in every]
    assert fired["once"] == [(key, every[0])]
    once_a_minute = edges(crossings(times, prices, levels, minutes))
    assert len(every) > len(once_a_minute) > 50
    assert fired["bar"] == [(key, time) for time in once_a_minute]
    # A comparison can fire at its first evaluation; else it is true where it was false, once a minute.
    above = edges((time, price > LEVEL, minute) for time, price, minute in zip(times, prices, minutes, strict=True))
    assert fired["above"] == [(key, time) for time in above]


def test_a_fast_move_and_its_cooldown(ticks: Ticks, fired: dict[str, list[Firing]]) -> None:
    wanted = []
    uncooled = 0
    for key, found in ticks.prices.items():
        evaluations: list[Evaluation] = []
        for opened, session in itertools.groupby(found, key=lambda tick: tick[2]):
            times, prices, _ = zip(*session, strict=True)
            close = pd.Series(prices, pd.to_datetime(times))
            window = close.rolling("10min", closed="both")
            moves = (close >= (1 + MOVE_PCT / 100) * window.min()) | (close <= (1 - MOVE_PCT / 100) * window.max())
            minutes = [opened + (time - opened) // MINUTE for time in times]
            is_known = window.count() > 1
            truths = [one if known else None for one, known in zip(moves, is_known, strict=True)]
            evaluations += zip(times, truths, minutes, strict=True)
        wanted += [(key, time) for time in edges(evaluations, cooldown=15 * MINUTE)]
        uncooled += len(edges(evaluations))
    assert uncooled > 2 * len(wanted) > 100
    assert fired["move"] == sorted(wanted)


def test_a_volume_shock_of_five_minutes(ticks: Ticks, fired: dict[str, list[Firing]]) -> None:
    true, wanted = [], []
    for key, table in ticks.fives.groupby("instrument"):
        mean = table.volume.rolling(20).mean()
        change = (table.close / table.close.shift() - 1) * 100
        is_shock = (table.volume > SHOCK * mean) & (change > SHOCK_PCT)
        # false where one side is false, unknown where neither is and one is not known
        is_unknown = (mean.isna() & ~(change <= SHOCK_PCT)) | (change.isna() & ~(table.volume <= SHOCK * mean))
        rows = list(zip(table.end, is_shock, is_unknown, strict=True))
        true += [(key, end) for end, truth, _ in rows if truth]
        wanted += [(key, time) for time in edges((end, None if unknown else truth, -1) for end, truth, unknown in rows)]
    assert len(true) > len(wanted) > 5
    assert fired["shocks"] == sorted(true)
    assert fired["shock"] == sorted(wanted)


def test_an_opening_range_breakout_in_its_session(ticks: Ticks, fired: dict[str, list[Firing]]) -> None:
    first, each = [], []
    for key, table in ticks.fives.groupby("instrument"):
        tops = table.high.where(table.end <= table.opens + 15 * MINUTE).groupby(table.day).transform("max")
        tops = tops.where(table.end >= table.opens + 15 * MINUTE)
        local = pd.to_datetime(table.end, utc=True).dt.tz_convert("Asia/Kolkata").dt.strftime("%H:%M")
        inside = table.assign(top=tops)[(local >= "09:30") & (local <= "11:00")]
        columns = inside.end.tolist(), inside.close.tolist(), inside.top.tolist()
        first += [(key, time) for time in edges(crossings(*columns, inside.day.tolist()))]
        each += [(key, time) for time in edges(crossings(*columns, [-1] * len(inside)))]
    assert len(each) > len(first) > 5
    assert fired["range"] == sorted(first)
    assert fired["ranges"] == sorted(each)


def kept(source: Path) -> pd.DataFrame:
    """Days that the quality rules let through (definitions.md, 3), by symbol and date."""
    table = pd.read_parquet(source).sort_values(["symbol", "date"], kind="stable", ignore_index=True)
    prices = table[["open", "high", "low", "close"]]
    is_bad = (~np.isfinite(prices) | (prices <= 0)).any(axis=1)
    fields = [name for name in table.columns if name != "date"]
    is_stale = (table[fields] == table[fields].shift()).all(axis=1) & ~is_bad
    table = table[~is_bad & ~is_stale]
    prices = table[["open", "high", "low", "close"]]
    return table.assign(high=prices.max(axis=1), low=prices.min(axis=1))


def nse_close(day: str) -> int:
    return pd.Timestamp(f"{day} {SPECIAL_CLOSES.get(day, '15:30')}", tz="Asia/Kolkata").value


def us_close(day: str) -> int:
    return pd.Timestamp(f"{day} {'13:00' if day in HALF_DAYS else '16:00'}", tz="America/New_York").value


@dataclass(frozen=True)
class Daily:
    """Days of many symbols, with the close of each session as `end`, and what fired on them."""

    days: pd.DataFrame
    venue: str
    fired: dict[str, list[Firing]]

    def wanted(self, symbol: str, ends: list[int]) -> list[Firing]:
        """Firings of a symbol."""
        return [(f"{self.venue}:{symbol}", end) for end in ends]


@pytest.fixture(scope="module", params=["nse_daily_2015_2019", "us_sp500_daily_2013_2018"])
def daily(request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Daily:
    source = shared_data / f"daily_ohlcv/{request.param}.parquet"
    venue, close = ("NSE", nse_close) if request.param.startswith("nse") else ("US", us_close)
    days = kept(source)
    ends = {day: close(day) for day in days.date.dt.strftime("%Y-%m-%d").unique()}
    days["end"] = days.date.dt.strftime("%Y-%m-%d").map(ends)
    return Daily(days, venue, replayed([str(source)], DAY_RULES, tmp_path_factory.mktemp(venue)))


def test_a_golden_cross(daily: Daily) -> None:
    wanted = []
    for symbol, rows in daily.days.groupby("symbol"):
        whole = (rows.close * 10_000).round()  # whole numbers, so that sums are exact and equal means are equal
        fast, slow = 4 * whole.rolling(50).sum(), whole.rolling(200).sum()
        cross = crossings(rows.end.tolist(), fast.tolist(), slow.tolist(), [-1] * len(rows))
        wanted += daily.wanted(symbol, edges(cross))
    assert len(wanted) > 100
    assert daily.fired["golden"] == sorted(wanted)


def test_a_cross_of_rsi_is_known_when_it_is_warm(daily: Daily) -> None:
    warm = 14 + ceil(log(1e-4) / log(1 - 1 / 14))
    assert warm == 139
    wanted, early = [], 0
    for symbol, rows in daily.days.groupby("symbol"):
        rsi = talib.RSI(rows.close.to_numpy(), 14)
        below = np.r_[False, (rsi[:-1] >= 30) & (rsi[1:] < 30)]
        early += int(below[: warm + 1].sum())
        below[: warm + 1] = False
        wanted += daily.wanted(symbol, rows.end[below].tolist())
    assert early > 50
    assert len(wanted) > 1_000
    assert daily.fired["rsi"] == sorted(wanted)


def test_a_high_of_a_year(daily: Daily) -> None:
    wanted, true = [], []
    for symbol, rows in daily.days.groupby("symbol"):
        before = rows.high.rolling(252).max().shift()
        truth = [None if np.isnan(old) else bool(new >= old) for new, old in zip(rows.high, before, strict=True)]
        wanted += daily.wanted(symbol, edges((end, one, -1) for end, one in zip(rows.end, truth, strict=True)))
        true += daily.wanted(symbol, [end for end, one in zip(rows.end, truth, strict=True) if one])
    assert len(true) > len(wanted) > 1_000
    assert daily.fired["high"] == sorted(wanted)
    assert daily.fired["highs"] == sorted(true)
