"""Files of published values and of descriptions: ratios, results, shareholding, members of an index.

A row is a symbol and its values under a provider's names (fundamentals_columns.py); when they became
public is said by the row, the file's name or the caller, else estimated (fundamentals_dates.py). What a
file implies is filled in: shares from market cap and price, book value and dividends per share from their
ratios to the price, EPS from the P/E. So the ratios move with the live price afterwards.
"""

import csv
import gzip
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from marketbell.adapters.feeds.replay import fundamentals_columns as names
from marketbell.adapters.feeds.replay.fundamentals_dates import (
    Moment,
    after_period,
    date_in_name,
    day_of,
    end_of_day,
    modified,
    moment_of,
)
from marketbell.core.fundamentals.published import PublishedFact
from marketbell.core.primitives.errors import InvalidSourceError

FORMAT = "fundamentals"

_HINTS = (("XNSE", {"nse", "nifty", "nifty500", "india"}), ("XNYS", {"us", "sp500", "nyse", "nasdaq", "edgar"}))
_ZONES = {"XNSE": "Asia/Kolkata", "XNYS": "America/New_York"}
_INDICES = {"nifty500": "NIFTY500", "nifty50": "NIFTY", "nifty200": "NIFTY200", "sp500": "SP500"}
_HOLDINGS = {"promoter_holding", "pledged_pct", "fii_holding", "dii_holding", "public_holding"}
_LARGEST_FRACTION = 0.25
_ESTIMATED = "published_at_estimated"


@dataclass(slots=True)
class Profile:
    """What a file says about an instrument beside its values; '' where it says nothing."""

    name: str = ""
    sector: str = ""
    industry: str = ""
    isin: str = ""
    indices: tuple[str, ...] = ()


@dataclass(slots=True)
class FactsFile:
    """Facts and profiles by symbol as the file spells it. `calendar` is '' where nothing hints at a venue.

    `notes` say what was decided: which of two columns counts, which dates are estimated.
    """

    path: Path
    calendar: str
    facts: dict[str, list[PublishedFact]] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def is_facts_file(path: Path, forced: str | None = None) -> bool:
    """Whether a file holds published values, by its columns. A file that cannot be opened is somebody else's."""
    if forced is not None:
        return forced == FORMAT
    try:
        return names.is_facts({names.plain(name) for name in header(path)})
    except (OSError, EOFError, UnicodeDecodeError, ValueError, pa.ArrowException):
        return False


def read_facts(path: Path, calendar: str | None = None, stated: date | None = None) -> FactsFile:
    """Read a file. `stated` is its date where the caller knows it. InvalidSourceError where no row is usable."""
    try:
        rows = text_rows(path)
    except (OSError, EOFError, UnicodeDecodeError, ValueError, csv.Error, pa.ArrowException) as error:
        raise InvalidSourceError(f"{path}: cannot be read ({error})") from error
    if not rows:
        raise InvalidSourceError(f"{path}: the file has no rows")
    made = FactsFile(path, calendar or calendar_hint(path, rows[0].keys()))
    reader = _Reader(path, made, list(rows[0]), stated)
    reader.judge_yields(rows)
    for row in rows:
        reader.take(row)
    if not made.facts and not made.profiles:
        raise InvalidSourceError(f"{path}: no row has a symbol and a value under a known name")
    reader.tell()
    return made


def calendar_hint(path: Path, columns: Sequence[str] | Any) -> str:
    """The calendar that a file's path or columns hint at, '' where they do not."""
    if {"nse_code", "promoter_%", "series", "pr_and_prgrp"} & {str(name) for name in columns}:
        return "XNSE"
    words = {word for part in path.parts[-3:] for word in re.split(r"[_\-. ]+", part.lower())}
    return next((calendar for calendar, hints in _HINTS if words & hints), "XNYS" if "peratio" in columns else "")


class _Reader:
    """One file: which column is what, and when its values became public."""

    def __init__(self, path: Path, into: FactsFile, columns: list[str], stated: date | None) -> None:
        self._path = path
        self._into = into
        self._zone = _ZONES.get(into.calendar, "UTC")
        known = set(columns)
        self._symbol = _first(names.SYMBOL, columns)
        self._price = _first(names.PRICE, columns)
        self._period = _first(names.PERIOD, columns)
        self._published = _first(names.PUBLISHED, columns)
        self._long = "field" if "field" in known else "name" if {"value", "published_at"} <= known else ""
        meanings = names.MEANINGS | names.special_meanings(known)
        self._meanings: dict[str, names.Meaning] = {}
        taken: dict[str, str] = {}
        for column in columns:
            meaning = meanings.get(column)
            if meaning is None or column in {self._symbol, self._published}:
                continue
            if meaning.field in taken:
                into.notes.append(f"{column} and {taken[meaning.field]} both are {meaning.field}: the first counts")
                continue
            taken[meaning.field] = column
            self._meanings[column] = meaning
        words = set(re.split(r"[_\-. ]+", path.name.lower()))
        is_list = bool(known & {"isin_code", "gics_sector"})
        self._indices = tuple(index for word, index in _INDICES.items() if word in words) if is_list else ()
        self._file = end_of_day(stated, self._zone) if stated else self._of_name()
        self._is_stated = stated is not None
        self._estimated = 0
        self._newest = 0

    def _of_name(self) -> Moment | None:
        found = date_in_name(self._path)
        return None if found is None else end_of_day(found[0], self._zone, is_estimated=found[1])

    def judge_yields(self, rows: Sequence[Mapping[str, str]]) -> None:
        """A dividend yield of an unknown provider is a fraction where no row of the file reaches a quarter."""
        column = next((name for name, one in self._meanings.items() if one.field == "dividend_yield"), "")
        if not column or self._meanings[column].scale != 1:
            return
        known = [value for row in rows if math.isfinite(value := number(row.get(column, "")))]
        if known and 0 < max(known) < _LARGEST_FRACTION:
            self._meanings[column] = names.Meaning("dividend_yield", names.PERCENT)
            self._into.notes.append(f"{column} was read as a fraction: no row of it reaches {_LARGEST_FRACTION}")

    def take(self, row: Mapping[str, str]) -> None:
        """Add a row's facts and description."""
        symbol = row.get(self._symbol, "").strip().upper() if self._symbol else ""
        if not symbol:
            return
        values = dict(self._values(row))
        if values:
            self._facts(symbol, row, values)
        self._profile(symbol, row)

    def _values(self, row: Mapping[str, str]) -> Iterator[tuple[str, float]]:
        if self._long:
            meaning = names.MEANINGS.get(names.plain(row.get(self._long, "")))
            value = number(row.get("value", ""))
            if meaning is not None and math.isfinite(value):
                yield meaning.field, value * meaning.scale
            return
        for column, meaning in self._meanings.items():
            value = number(row.get(column, ""))
            if math.isfinite(value):
                yield meaning.field, value * meaning.scale

    def _facts(self, symbol: str, row: Mapping[str, str], values: dict[str, float]) -> None:
        end = day_of(row.get(self._period, "")) if self._period else None
        moment = self._when(row, end, values)
        implied = _implied(values, number(row.get(self._price, "")) if self._price else math.nan)
        self._estimated += moment.is_estimated
        self._newest = max(self._newest, moment.ns)
        version = number(row.get("version", ""))
        source = row.get("source", "").strip() or self._path.name
        if moment.is_estimated:
            source = f"{source} ({_ESTIMATED})"
        self._into.facts.setdefault(symbol, []).extend(
            PublishedFact(
                f"fund.{name}",
                value,
                moment.ns,
                end.isoformat() if end else "",
                int(version) if math.isfinite(version) else 1,
                source if name in values else f"{source}, implied by the price in it",
                moment.is_estimated,
            )
            for name, value in (values | implied).items()
        )

    def _when(self, row: Mapping[str, str], end: date | None, values: Mapping[str, float]) -> Moment:
        said = moment_of(row.get(self._published, ""), self._zone) if self._published else None
        if said is not None:
            return said
        if self._is_stated and self._file is not None:
            return self._file
        age = number(row.get("eps_series_age_days", ""))
        if end is not None and math.isfinite(age):
            # The file tells how old its newest earnings were when it was made.
            return end_of_day(end + timedelta(days=int(age)), self._zone)
        if end is not None and (self._file is None or set(values) <= _HOLDINGS):
            is_us = self._into.calendar == "XNYS"
            return after_period(end, is_holding=set(values) <= _HOLDINGS, is_us=is_us, zone=self._zone)
        return self._file or modified(self._path)

    def _profile(self, symbol: str, row: Mapping[str, str]) -> None:
        found = Profile(
            name="" if self._long == "name" else _text(row, names.NAME),
            sector=_text(row, names.SECTOR),
            industry=_text(row, names.INDUSTRY),
            isin=_text(row, names.ISIN),
            indices=self._indices,
        )
        if found != Profile():
            self._into.profiles[symbol] = found

    def tell(self) -> None:
        """Say what was estimated."""
        if self._estimated:
            day = date.fromordinal(date(1970, 1, 1).toordinal() + self._newest // 86_400_000_000_000)
            self._into.notes.append(
                f"{self._path.name} does not say when its values were published: {_ESTIMATED} for "
                f"{self._estimated} rows, the last on {day}; state it as {self._path.name}@YYYY-MM-DD"
            )


def _implied(values: Mapping[str, float], price: float) -> dict[str, float]:
    """Amounts a share that follow from the ratios and the price of one row, where the row lacks them."""
    found: dict[str, float] = {}
    if not (math.isfinite(price) and price > 0):
        return found
    for name, ratio in (("eps", "pe"), ("book_value_per_share", "pb")):
        if name not in values and values.get(ratio, 0.0) != 0:
            found[name] = price / values[ratio]
    if "dividend_per_share" not in values and "dividend_yield" in values:
        found["dividend_per_share"] = values["dividend_yield"] * price / 100
    if "shares_outstanding" not in values and values.get("market_cap", 0.0) > 0:
        found["shares_outstanding"] = values["market_cap"] / price
    if "sales" not in values and values.get("ps", 0.0) > 0 and values.get("market_cap", 0.0) > 0:
        found["sales"] = values["market_cap"] / values["ps"]
    return found


def number(text: str) -> float:
    """A number as providers write it: thousands commas, a percent sign, 'None' for unknown (NaN)."""
    word = text.strip().replace(",", "").removesuffix("%").strip()
    try:
        return float(word)
    except ValueError:
        return math.nan


def _first(wanted: Sequence[str], columns: Sequence[str]) -> str:
    return next((name for name in wanted if name in columns), "")


def _text(row: Mapping[str, str], wanted: Sequence[str]) -> str:
    found = next((row[name].strip() for name in wanted if row.get(name)), "")
    return "" if found == "-" else found


def header(path: Path) -> list[str]:
    """The names of a file's columns as they stand; of a JSON list those of its first object."""
    if path.name.endswith(".json"):
        return list(next(iter(_json_rows(path)), {}))
    if path.name.endswith(".parquet"):
        return [str(name) for name in pq.read_schema(path).names]
    if not path.name.endswith((".csv", ".csv.gz")):
        return []
    with _opened(path) as stream:
        return next(csv.reader(stream), [])


def _opened(path: Path) -> Any:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def text_rows(path: Path) -> list[dict[str, str]]:
    """Every row as text by plain column name."""
    if path.name.endswith(".json"):
        listed: list[Mapping[str, Any]] = list(_json_rows(path))
    elif path.name.endswith(".parquet"):
        table = pq.read_table(path)
        # As text by Arrow itself: times as Python objects would bring pandas in.
        columns = {name: table[name].cast(pa.string()).to_pylist() for name in table.column_names}
        listed = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    else:
        with _opened(path) as stream:
            listed = list(csv.DictReader(stream))
    return [{names.plain(name): _said(value) for name, value in row.items() if name is not None} for row in listed]


def _said(value: Any) -> str:
    return "" if value is None else str(value)


def _json_rows(path: Path) -> list[dict[str, Any]]:
    """An object, or a list of objects of the same kind. NSE's shareholding calls the period `date`."""
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = [found] if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return []
    return [
        {"period_end" if name == "date" and "pr_and_prgrp" in row else name: value for name, value in row.items()}
        for row in rows
    ]
