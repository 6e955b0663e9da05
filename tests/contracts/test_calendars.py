"""The calendars: our own NSE days against recorded files and, with its known misses, against XBOM."""

import json
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from marketbell.adapters.calendars.dated import CalendarCatalogue
from marketbell.core.market.session import SessionTable
from marketbell.core.primitives.errors import InvalidSettingError

INDIA = ZoneInfo("Asia/Kolkata")


@pytest.fixture(scope="module")
def catalogue() -> CalendarCatalogue:
    return CalendarCatalogue()


@pytest.fixture(scope="module")
def nse(catalogue: CalendarCatalogue) -> SessionTable:
    return catalogue.sessions("XNSE")


def days(table: SessionTable) -> set[date]:
    return set(table.date.astype("datetime64[D]").tolist())


def hours(table: SessionTable, day: str) -> tuple[str, str]:
    at = int(np.flatnonzero(table.date == np.datetime64(day).astype("datetime64[D]").astype(np.int64))[0])
    return tuple(
        datetime.fromtimestamp(int(moment[at]) // 1_000_000_000, INDIA).strftime("%H:%M")
        for moment in (table.open, table.close)
    )


@pytest.mark.parametrize("name", ["XNSE", "XNSE_FO", "XNSE_CAS", "SIM", "NONE", "24/7", "XNYS"])
def test_sessions_are_ascending_and_disjoint(catalogue: CalendarCatalogue, name: str) -> None:
    table = catalogue.sessions(name)
    assert (table.close > table.open).all()
    assert (table.open[1:] >= table.close[:-1]).all()
    assert (np.diff(table.date) > 0).all()
    assert len(table.open) == len(table.close) == len(table.date) == len(table.kind)


def test_hours_are_dated(catalogue: CalendarCatalogue, nse: SessionTable) -> None:
    assert hours(nse, "2021-04-28") == ("09:15", "15:30")
    assert hours(nse, "2010-03-03") == ("09:00", "15:30")
    assert hours(nse, "2026-08-03") == ("09:15", "15:30")
    assert hours(catalogue.sessions("XNSE_FO"), "2026-07-31") == ("09:15", "15:30")
    assert hours(catalogue.sessions("XNSE_FO"), "2026-08-03") == ("09:15", "15:40")
    assert hours(catalogue.sessions("XNSE_CAS"), "2026-08-03") == ("09:15", "15:35")


def test_special_days(nse: SessionTable) -> None:
    known = days(nse)
    assert hours(nse, "2015-02-28") == ("09:15", "15:30")
    assert hours(nse, "2017-10-19") == ("18:30", "19:30")
    assert hours(nse, "2024-03-02") == ("09:15", "12:30")
    assert hours(nse, "2021-02-24") == ("09:15", "17:00")
    assert date(2026, 2, 1) in known
    assert date(2021, 6, 12) not in known
    assert nse.kind[nse.date == np.datetime64("2017-10-19").astype("datetime64[D]").astype(np.int64)] == 2


def test_every_traded_day_of_2015_to_2019_is_a_session(nse: SessionTable, shared_data: Path) -> None:
    table = pd.read_parquet(shared_data / "daily_ohlcv/nse_daily_2015_2019.parquet")
    counts = table[table.close > 0].groupby("date").size()
    traded = {day.date() for day in counts.index[counts > 20]}
    known = days(nse)
    assert traded <= known
    # Open days that the file lacks: the exchange traded on them.
    in_span = {day for day in known if min(traded) <= day <= max(traded)}
    weekends_and_evenings = {date(2015, 2, 28), date(2015, 11, 11), date(2016, 10, 30)}
    assert in_span - traded - weekends_and_evenings == {date(2019, 2, 13), date(2019, 3, 29)}


def test_the_days_of_2025_and_2026(nse: SessionTable, shared_data: Path) -> None:
    table = pd.read_parquet(shared_data / "daily_ohlcv/nse_close_delivery_2025_2026.parquet")
    fields = [name for name in table.columns if name not in {"date", "symbol"}]
    ordered = table.sort_values(["symbol", "date"], kind="stable").reset_index(drop=True)
    before = ordered.shift()
    copied = (ordered[["symbol", *fields]] == before[["symbol", *fields]]).all(axis=1)
    fresh = {day.date() for day in ordered[~copied].groupby("date").size().loc[lambda n: n > 100].index}
    known = {day for day in days(nse) if min(fresh) <= day <= max(fresh)}
    # The Sunday of the budget is not in the file, but on the next day every previous close is another one.
    assert known - fresh == {date(2026, 2, 1)}
    assert fresh - known == set()
    assert date(2025, 10, 21) in known


def test_holidays_agree_with_another_list(nse: SessionTable, shared_data: Path) -> None:
    listed = json.loads((shared_data / "calendars/market_hours.json").read_text())["Equity-india-[*]"]["holidays"]
    evenings = {d for d, kind in zip(nse.date.astype("datetime64[D]").tolist(), nse.kind, strict=True) if kind == 2}
    for text in listed:
        month, day, year = (int(part) for part in text.split("/"))
        if 2011 <= year <= 2026:
            assert date(year, month, day) not in days(nse) - evenings


def test_xbom_agrees_but_for_its_known_misses(catalogue: CalendarCatalogue, nse: SessionTable) -> None:
    start, end = date(2011, 1, 1), date(2026, 10, 31)
    ours = {day for day in days(nse) if start <= day <= end}
    theirs = {day for day in days(catalogue.sessions("XBOM")) if start <= day <= end}
    assert theirs - ours == {date(2013, 11, 15)}  # Moharram was moved by a day
    evenings = {d for d, kind in zip(nse.date.astype("datetime64[D]").tolist(), nse.kind, strict=True) if kind == 2}
    missed = ours - theirs
    assert {date(2017, 10, 19), date(2018, 11, 7), date(2025, 10, 21)} <= missed
    weekdays = {day for day in missed if day.weekday() < 5}
    assert weekdays - evenings == {date(2013, 11, 14)}


def test_an_unknown_calendar_names_the_known_ones(catalogue: CalendarCatalogue) -> None:
    with pytest.raises(InvalidSettingError, match="XNSE"):
        catalogue.sessions("MARS")
    assert {"XNSE", "XNYS", "24/7", "NONE", "SIM"} <= set(catalogue.names())


def test_the_published_holiday_sample(nse: SessionTable, shared_data: Path) -> None:
    for row in json.loads((shared_data / "providers/nse_samples/holidays.json").read_text())["CM"]:
        assert pd.Timestamp(row["tradingDate"]).date() not in days(nse)
