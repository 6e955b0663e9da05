"""Bars of every timeframe against pandas, over recorded minutes, calendars with odd days, and random cuts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.adapters.calendars.dated import CalendarCatalogue
from marketbell.core.engine.timeframes import Bars, Roller, Sessions, TickRoller, roll
from marketbell.core.market.session import DAY, MINUTE, SECOND, SessionTable
from marketbell.core.market.timeframe import Timeframe

# ruff: noqa: PD011 — the values of bars are no DataFrame

CALENDARS = CalendarCatalogue()
COLUMNS = ["open", "high", "low", "close", "volume"]


def minutes_of(shared_data: Path, name: str) -> tuple[Any, SessionTable]:
    """A recorded file of minutes: frame with instrument, start (ns), OHLCV; and its calendar."""
    import pandas as pd

    if name == "nse":
        frame = pd.read_parquet(shared_data / "intraday" / "nse_minute_bars_2019.parquet")
        zone, calendar = "Asia/Kolkata", "XNSE"
    elif name == "spy":
        frame = pd.read_csv(shared_data / "intraday" / "us_spy_minute_202012.csv.gz")
        zone, calendar = "America/New_York", "XNYS"
    else:
        frame = pd.read_parquet(shared_data / "intraday" / "crypto_btc_perp_minute_20220101_17.parquet")
        zone, calendar = "UTC", "24/7"
    frame.columns = [column.lower() for column in frame.columns]
    if "symbol" not in frame:
        frame["symbol"] = name
    stamp = next(column for column in frame.columns if column in {"timestamp", "time", "date"})
    times = pd.to_datetime(frame[stamp])
    times = times.dt.tz_localize(zone) if times.dt.tz is None else times.dt.tz_convert(zone)
    frame["start"] = times.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[ns]").astype(np.int64)
    frame["day"] = times.dt.date
    frame = frame.sort_values(["start", "symbol"], kind="stable").reset_index(drop=True)
    sessions = CALENDARS.sessions(calendar)
    at = np.searchsorted(sessions.open, frame["start"], side="right") - 1
    inside = (at >= 0) & (frame["start"].to_numpy() < sessions.close[np.maximum(at, 0)])
    frame["session"] = at
    return frame[inside].reset_index(drop=True), sessions


def bars_of(frame: Any, table: SessionTable) -> tuple[Bars, Sessions]:
    rows, names = np.unique(frame["symbol"].to_numpy(str), return_inverse=True)
    sessions = Sessions.of([table] * len(rows))
    values = np.column_stack([*(frame[name].to_numpy(float) for name in COLUMNS), np.full(len(frame), np.nan)])
    return sessions.minute_bars(names, frame["start"].to_numpy(), values), sessions


def expected(frame: Any, table: SessionTable, timeframe: Timeframe) -> Any:
    """The same bars by pandas alone: groups of minutes since the open, of dates, ISO weeks, months."""
    import pandas as pd

    opens = table.open[frame["session"].to_numpy()]
    date = pd.Series(pd.to_datetime(table.date[frame["session"].to_numpy()] * DAY))
    if timeframe.nanoseconds is not None:
        group = (frame["start"].to_numpy() - opens) // timeframe.nanoseconds
        label = pd.Series(opens + group * timeframe.nanoseconds)
    else:
        all_dates = pd.Series(pd.to_datetime(table.date * DAY))
        rule = {"d": "D", "w": "W-SUN", "mo": "M"}[timeframe.unit]
        first = dict(zip(all_dates.dt.to_period(rule)[::-1], table.open[::-1], strict=True))
        label = date.dt.to_period(rule).map(first).astype("int64")
    out = frame.assign(label=label.to_numpy()).groupby(["symbol", "label"], sort=True)
    return out.agg(
        open=("open", "first"), high=("high", "max"), low=("low", "min"), close=("close", "last"),
        volume=("volume", "sum"),
    ).reset_index()  # fmt: skip


@pytest.mark.parametrize("name", ["nse", "spy", "btc"])
@pytest.mark.parametrize("text", ["3m", "5m", "7m", "15m", "1h", "1d", "1w", "1mo"])
def test_rolled_bars_are_those_of_pandas(shared_data: Path, name: str, text: str) -> None:
    frame, table = minutes_of(shared_data, name)
    bars, sessions = bars_of(frame, table)
    timeframe = Timeframe.parse(text)
    closed, forming = roll(bars, timeframe, sessions)
    found = Bars.joined([closed, forming])
    order = np.lexsort((found.start, found.rows))
    wanted = expected(frame, table, timeframe)
    assert len(wanted) == len(found)
    np.testing.assert_array_equal(found.start[order], wanted["label"])
    np.testing.assert_array_equal(np.unique(frame["symbol"].to_numpy(str))[found.rows[order]], wanted["symbol"])
    np.testing.assert_allclose(found.values[order][:, :5], wanted[COLUMNS], rtol=1e-12, atol=0)
    assert (found.end > found.start).all()
    assert len(forming) <= len(np.unique(bars.rows))


def table_bars(table: SessionTable, first: int, count: int, row: int = 0) -> tuple[Bars, Sessions]:
    """A minute bar for each minute of `count` sessions, closes being numbers of the minute."""
    starts = np.concatenate([
        np.arange(table.open[s], table.close[s], MINUTE) for s in range(first, first + count)
    ])  # fmt: skip
    price = np.arange(1.0, len(starts) + 1)
    values = np.column_stack([price, price + 0.5, price - 0.5, price, np.full(len(starts), 2.0), price])
    sessions = Sessions.of([table])
    return sessions.minute_bars(np.full(len(starts), row), starts, values), sessions


def session_number(table: SessionTable, date: str) -> int:
    return int(np.searchsorted(table.date, np.datetime64(date, "D").astype(np.int64)))


def test_a_muhurat_hour_has_bars_of_its_own_counted_from_its_own_open() -> None:
    table = CALENDARS.sessions("XNSE")
    at = session_number(table, "2023-11-12")  # Sunday, 18:15 to 19:15
    bars, sessions = table_bars(table, at, 1)
    closed, forming = roll(bars, Timeframe.parse("45m"), sessions)
    assert not len(forming)
    assert closed.start.tolist() == [table.open[at], table.open[at] + 45 * MINUTE]
    assert closed.end.tolist() == [table.open[at] + 45 * MINUTE, table.close[at]]
    assert closed.values[:, 3].tolist() == [45.0, 60.0]


def test_bars_of_an_early_close_end_with_the_session() -> None:
    table = CALENDARS.sessions("XNYS")
    at = session_number(table, "2023-11-24")  # closes at 13:00
    bars, sessions = table_bars(table, at, 1)
    closed, forming = roll(bars, Timeframe.parse("1h"), sessions)
    assert not len(forming)
    assert len(closed) == 4
    assert closed.end[-1] == table.close[at]
    assert closed.end[-1] - closed.start[-1] == 30 * MINUTE


def test_a_clock_change_moves_no_bar_within_its_session() -> None:
    table = CALENDARS.sessions("XNYS")
    friday = session_number(table, "2024-03-08")
    bars, sessions = table_bars(table, friday, 2)
    closed, _ = roll(bars, Timeframe.parse("2h"), sessions)
    assert (closed.start - closed.session_open).tolist() == [0, 120 * MINUTE, 240 * MINUTE, 360 * MINUTE] * 2
    assert table.open[friday + 1] - table.open[friday] == 3 * DAY - 60 * MINUTE


def test_a_week_closes_with_its_last_session_and_not_before() -> None:
    table = CALENDARS.sessions("XNSE")
    tuesday = session_number(table, "2024-03-25")  # Monday was Holi, and Friday is Good Friday
    assert str(np.datetime64(int(table.date[tuesday]), "D")) == "2024-03-26"
    days = np.arange(tuesday, tuesday + 4)
    sessions = Sessions.of([table])
    price = np.arange(1.0, 5.0)
    values = np.column_stack([price, price, price, price, price, price])
    bars = sessions.day_bars(np.zeros(4), table.open[days], values)
    roller = Roller(Timeframe("w"), 1)
    assert [len(roller.add(bars.take(slice(n, n + 1)), sessions)) for n in range(4)] == [0, 0, 1, 0]
    closed, forming = roll(bars, Timeframe("w"), sessions)
    assert closed.start.tolist() == [table.open[tuesday]]
    assert closed.end.tolist() == [table.close[tuesday + 2]]
    assert closed.values[0, :5].tolist() == [1.0, 3.0, 1.0, 3.0, 6.0]
    assert forming.session.tolist() == [table.date[tuesday + 3]]


def test_a_quarter_holds_three_months_and_days_outside_of_calendars_have_theirs() -> None:
    table = CALENDARS.sessions("XNYS")
    first = session_number(table, "2023-01-03")
    days = np.arange(first, session_number(table, "2024-01-02"))
    sessions = Sessions.of([table])
    values = np.ones((len(days), 6))
    closed, forming = roll(
        sessions.day_bars(np.zeros(len(days)), table.open[days], values), Timeframe("mo", 3), sessions
    )
    assert [str(np.datetime64(int(d), "D")) for d in closed.session] == [
        "2023-01-03", "2023-04-03", "2023-07-03", "2023-10-02",
    ]  # fmt: skip
    assert not len(forming)
    assert closed.values[:, 4].sum() == len(days)
    midnight = np.arange(19_358, 19_358 + 40) * DAY  # 2023-01-01 was a Sunday: no session holds 00:00 UTC
    closed, forming = roll(sessions.day_bars(np.zeros(40), midnight, np.ones((40, 6))), Timeframe("w"), sessions)
    assert closed.start.tolist() == [(19_352 + 7 * n) * DAY for n in range(6)]
    assert closed.values[:, 4].tolist() == [1, 7, 7, 7, 7, 7]
    assert forming.values[0, 4] == 4


def test_a_volume_is_unknown_only_when_all_parts_are_and_vwap_weighs_by_size() -> None:
    table = CALENDARS.sessions("24/7")
    sessions = Sessions.of([table])
    start = table.open[12_000] + np.arange(6) * MINUTE
    values = np.array([
        [1, 1, 1, 1, np.nan, np.nan], [2, 2, 2, 2, np.nan, np.nan],
        [3, 3, 3, 3, 10, 3.0], [4, 4, 4, 4, 30, 4.0],
        [5, 5, 5, 5, np.nan, np.nan], [6, 6, 6, 6, 7, np.nan],
    ], float)  # fmt: skip
    bars = sessions.minute_bars(np.zeros(6), start, values, np.array([1, 2, 3, 4, 5, 6]))
    closed, _ = roll(bars, Timeframe.parse("2m"), sessions)
    np.testing.assert_array_equal(closed.values[:, 4], [np.nan, 40.0, 7.0])
    np.testing.assert_array_equal(closed.values[:, 5], [np.nan, 3.75, np.nan])
    assert closed.trades.tolist() == [3, 7, 11]
    assert closed.per_year.tolist() == [720 * 252.0] * 3


def test_a_bar_without_its_last_minutes_closes_when_its_time_has_passed() -> None:
    table = CALENDARS.sessions("XNSE")
    at = session_number(table, "2024-07-01")
    sessions = Sessions.of([table] * 2)
    roller = Roller(Timeframe("m", 5), 2)
    start = table.open[at] + np.array([0, MINUTE])
    bars = sessions.minute_bars(np.array([1, 1]), start, np.ones((2, 6)))
    assert not len(roller.add(bars, sessions))
    nothing = np.full(2, table.open[at] + 5 * MINUTE - 1)
    assert not len(roller.due(nothing, sessions))
    closed = roller.due(nothing + 1, sessions)
    assert closed.rows.tolist() == [1]
    assert closed.end.tolist() == [table.open[at] + 5 * MINUTE]
    assert not len(roller.due(nothing + DAY, sessions))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 800), st.integers(1, 50)), min_size=1, max_size=120),
    st.lists(st.integers(0, 120), max_size=6),
    st.sampled_from(["2m", "15m", "1h", "1d", "1w"]),
)
def test_cuts_do_not_change_bars(spots: list[tuple[int, int, int]], cuts: list[int], text: str) -> None:
    table = CALENDARS.sessions("XNSE")
    sessions = Sessions.of([table] * 3)
    first = session_number(table, "2024-03-21")
    minute = np.concatenate([np.arange(table.open[s], table.close[s], MINUTE) for s in range(first, first + 4)])
    unique = sorted({(place * 1_499 // 800, row): price for row, place, price in spots}.items())
    rows = np.array([row for (_, row), _ in unique])
    starts = minute[[place for (place, _), _ in unique]]
    price = np.array([price for _, price in unique], float)
    bars = sessions.minute_bars(rows, starts, np.column_stack([price] * 6))
    timeframe = Timeframe.parse(text)
    closed, forming = roll(bars, timeframe, sessions)
    roller = Roller(timeframe, 3)
    parts = []
    for low, high in zip([0, *sorted(cuts)], [*sorted(cuts), len(bars)], strict=True):
        piece = bars.take(slice(low, high))
        parts.append(roller.add(piece, sessions))
        until = np.full(3, -1)
        np.maximum.at(until, piece.rows, piece.end)
        parts.append(roller.due(until, sessions))
    parts.append(roller.forming(np.arange(3), sessions))
    whole, cut = Bars.joined([closed, forming]), Bars.joined(parts)
    for bars_ in (whole, cut):
        order = np.lexsort((bars_.start, bars_.rows))
        bars_.rows[:], bars_.start[:], bars_.values[:] = bars_.rows[order], bars_.start[order], bars_.values[order]
    np.testing.assert_array_equal(whole.start, cut.start)
    np.testing.assert_array_equal(whole.values, cut.values)


def naive_seconds(
    ticks: list[tuple[int, int, float, float]], sessions: Sessions, width: int
) -> dict[tuple[int, int], list[float]]:
    """Bars of seconds by definition: prices by (time, arrival), volume by largest cumulative before the end."""
    out: dict[tuple[int, int], list[float]] = {}
    rows = {row for row, *_ in ticks}
    for row in rows:
        mine = [(t, n, price, volume) for n, (r, t, price, volume) in enumerate(ticks) if r == row]
        opened = int(sessions.opens[sessions.find(np.array([row]), np.array([mine[0][0]]))[0]])
        base = None
        for start in sorted({opened + (t - opened) // width * width for t, *_ in mine}):
            inside = sorted(one for one in mine if start <= one[0] < start + width)
            largest = max(volume for *_, volume in inside)
            first = min(mine, key=lambda one: one[1])
            if base is None:
                base = first[3] if first[0] - opened > 60 * SECOND else 0.0
            prices = [price for _, _, price, _ in inside]
            out[row, start] = [prices[0], max(prices), min(prices), prices[-1], max(0.0, largest - base), len(inside)]
            base = max(base, largest)
    return out


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1), st.integers(0, 900), st.integers(-2_000, 0), st.integers(1, 30), st.integers(0, 9)
        ),
        min_size=1, max_size=80,
    ),
    st.sampled_from(["1s", "3s", "15s"]),
    st.lists(st.integers(0, 80), max_size=4),
)  # fmt: skip
def test_bars_of_seconds_hold_their_own_late_ticks(spots: list[tuple[int, ...]], text: str, cuts: list[int]) -> None:
    table = CALENDARS.sessions("24/7")
    sessions = Sessions.of([table] * 2)
    opened = int(table.open[12_345])
    timeframe, late = Timeframe.parse(text), 2 * SECOND
    newest, largest = [opened] * 2, [0.0] * 2
    ticks, ordered, amounts = [], [], []
    clock = opened
    for row, step, back, price, more in spots:
        clock += step * SECOND // 100
        t = max(clock + back * SECOND // 1000, newest[row] - late, opened)
        volume = max(0.0, largest[row] + more - (3 if back < -1_000 else 0))
        ordered.append(t >= newest[row])
        newest[row] = max(newest[row], t)
        amounts.append(max(0.0, volume - largest[row]))
        largest[row] = max(largest[row], volume)
        ticks.append((row, t, float(price), volume))
    columns = [np.array(column) for column in zip(*ticks, strict=True)]
    rows, times, prices, volumes = columns[0], columns[1], columns[2].astype(float), columns[3].astype(float)
    roller = TickRoller(timeframe, late, 2)
    parts = []
    for low, high in zip([0, *sorted(cuts)], [*sorted(cuts), len(rows)], strict=True):
        at = slice(low, high)
        parts.append(
            roller.add(
                rows[at], times[at], prices[at], volumes[at], np.array(amounts)[at], np.array(ordered)[at], sessions
            )
        )
    parts.append(roller.due(np.full(2, opened + DAY), sessions))
    found = Bars.joined(parts)
    got = {
        (int(r), int(s)): [*v[:5].tolist(), int(n)]
        for r, s, v, n in zip(found.rows, found.start, found.values, found.trades, strict=True)
    }
    assert len(got) == len(found)
    assert got == naive_seconds(ticks, sessions, roller.width)
    for row in (0, 1):
        starts = found.start[found.rows == row]
        assert (np.diff(starts) > 0).all()
