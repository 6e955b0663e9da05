"""Published values: nothing before its publication, restatements in their place, against a naive oracle."""

import math
from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.fundamentals.point_in_time import NEAREST_DAYS, PERIODS, VERSIONS, FactBook
from marketbell.core.fundamentals.published import PublishedFact, facts_in, months_before, period_day
from marketbell.core.primitives.errors import CheckpointError, InvalidSourceError

NAMES = ("fund.eps", "fund.pb")
Row = tuple[int, PublishedFact]


def fact(period: str, value: float, at: int, version: int = 1, name: str = "fund.eps") -> PublishedFact:
    return PublishedFact(name, value, at, period, version, "filings")


def book(facts: Sequence[Row], rows: int = 1, clock: int | None = None) -> FactBook:
    made = FactBook(NAMES)
    made.grow(rows)
    for row, one in facts:
        made.add(row, [one])
    if clock is not None:
        made.advance(np.full(rows, clock, np.int64))
    return made


def value(made: FactBook, quarters: int = 0, name: str = "fund.eps", row: int = 0) -> float:
    return float(made.values(name, quarters=quarters)[row])


def test_nothing_is_visible_before_its_publication() -> None:
    made = book([(0, fact("2025-12-31", 5.0, at=100))], clock=99)
    assert math.isnan(value(made))
    assert made.evidence("fund.eps", 0) is None
    assert made.next_publication == 100
    assert made.advance(np.array([100])).tolist() == [0]
    assert value(made) == 5
    assert made.next_publication is None


def test_a_restatement_of_an_older_period_is_not_the_newest() -> None:
    facts = [
        (0, fact("2025-09-30", 4.0, at=10)),
        (0, fact("2025-12-31", 5.0, at=20)),
        (0, fact("2025-09-30", 3.0, at=30, version=2)),
    ]
    made = book(facts, clock=25)
    assert (value(made), value(made, 1)) == (5, 4)
    made.advance(np.array([30]))
    assert (value(made), value(made, 1)) == (5, 3)
    found = made.evidence("fund.eps", 0, 1)
    assert found is not None
    assert (found.period_end, found.version, found.published_at, found.source) == ("2025-09-30", 2, 30, "filings")
    rows = np.zeros(3, np.int64)
    times = np.array([9, 29, 30])
    np.testing.assert_array_equal(made.values_at("fund.eps", rows, times), [math.nan, 5, 5])
    np.testing.assert_array_equal(made.values_at("fund.eps", rows, times, 1), [math.nan, 4, 3])


def test_an_older_version_that_is_told_later_changes_nothing() -> None:
    made = book([(0, fact("2025-12-31", 6.0, 20, version=2)), (0, fact("2025-12-31", 5.0, 30))], clock=40)
    assert value(made) == 6


def test_a_quarter_back_is_the_period_before_and_never_another() -> None:
    facts = [(0, fact(period, float(at), at)) for at, period in enumerate(("2025-03-31", "2025-09-30", "2025-12-31"))]
    made = book(facts, clock=9)
    assert [value(made, quarters) for quarters in (0, 1, 3)] == [2, 1, 0]
    assert math.isnan(value(made, 2)), "the half-year's quarter was never published"
    assert math.isnan(value(made, 4))


def test_fiscal_quarters_of_thirteen_weeks_find_each_other() -> None:
    ends = [date(2024, 9, 28) - timedelta(weeks=13 * back) for back in range(5)]
    made = book([(0, fact(end.isoformat(), float(back), 1)) for back, end in enumerate(ends)], clock=1)
    assert [value(made, quarters) for quarters in range(5)] == [0, 1, 2, 3, 4]


def test_of_two_equally_near_periods_the_earlier_one_is_taken() -> None:
    facts = [(0, fact(p, v, 1)) for p, v in (("2025-09-29", 1.0), ("2025-10-01", 2.0), ("2025-12-31", 3.0))]
    assert value(book(facts, clock=1), 1) == 1


def test_a_fact_without_a_period_is_of_the_day_of_its_publication() -> None:
    day = 86_400_000_000_000
    made = book([(0, PublishedFact("fund.eps", 7.0, 3 * day + 5))], clock=4 * day)
    assert made.periods("fund.eps").tolist() == [3]
    later = book([(0, fact("", 8.0, 2 * day)), (0, fact("", 7.0, 3 * day))], clock=4 * day)
    assert value(later) == 7


def test_a_value_can_be_published_as_unknown() -> None:
    made = book([(0, fact("2025-12-31", 5.0, 1)), (0, fact("2025-12-31", math.nan, 2, version=2))], clock=2)
    assert math.isnan(value(made))


def test_the_last_day_of_a_month_stays_one() -> None:
    days = [date(2024, 2, 29), date(2025, 5, 31), date(2025, 5, 30), date(2025, 3, 15)]
    numbers = np.array([(one - date(1970, 1, 1)).days for one in days])
    found = [date(1970, 1, 1) + timedelta(days=int(n)) for n in months_before(numbers, 3)]
    assert found == [date(2023, 11, 30), date(2025, 2, 28), date(2025, 2, 28), date(2024, 12, 15)]


def test_each_row_has_its_own_clock() -> None:
    facts = [(row, fact("2025-12-31", 5.0 + row, at=100)) for row in range(2)]
    made = book(facts, rows=2)
    assert made.advance(np.array([99, 100])).tolist() == [1]
    np.testing.assert_array_equal(made.values("fund.eps"), [math.nan, 6])


def test_only_so_many_periods_and_versions_are_kept() -> None:
    ends = [date(2000 + n, 12, 31) for n in range(PERIODS + 5)]
    made = book([(0, fact(end.isoformat(), float(end.year), 1)) for end in ends], clock=1)
    assert len(made) == PERIODS
    assert value(made) == ends[-1].year
    again = book([(0, fact("2025-12-31", float(n), n, version=n)) for n in range(1, VERSIONS + 4)], clock=99)
    assert len(again) == VERSIONS
    assert value(again) == VERSIONS + 3


def test_both_forms_of_an_item_are_read() -> None:
    old = {"values": {"fund.eps": 5, "fund.pb": None}, "published_at": 7, "period_end": "2025-12-31", "source": "s"}
    first, second = facts_in(old)
    assert (first.name, first.value, first.published_at, first.period_end, first.version) == (
        "fund.eps", 5.0, 7, "2025-12-31", 1,
    )  # fmt: skip
    assert math.isnan(second.value)
    assert list(facts_in({"facts": [first.as_dict(), second.as_dict()]})) == [first, second] or math.isnan(second.value)
    (third,) = facts_in({"facts": [{"name": "fund.eps", "value": 1, "published_at": 3}]}, "feed")
    assert (third.source, third.is_estimated) == ("feed", False)
    with pytest.raises(InvalidSourceError, match="no name, number or time"):
        list(facts_in({"facts": [{"name": "fund.eps", "value": "much"}]}))
    with pytest.raises(InvalidSourceError, match="no date"):
        period_day(PublishedFact("fund.eps", 1.0, 0, "last year"))


# --- against the oracle ------------------------------------------------------------------------

BASE = date(2020, 3, 31)


def quarter(number: int, off: int) -> str:
    month = 2 + 3 * number
    year, month = BASE.year + month // 12, month % 12 + 1
    return (date(year, month, monthrange(year, month)[1]) + timedelta(days=off)).isoformat()


FACTS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.builds(
            lambda name, number, off, value, at, version: PublishedFact(
                name, value, at, quarter(number, off), version, "x"
            ),
            st.sampled_from(NAMES),
            st.integers(0, 6),
            st.sampled_from([0, 0, 0, -3, 2, 40]),
            st.integers(-9, 9).map(float),
            st.integers(0, 20),
            st.integers(1, 3),
        ),
    ),
    max_size=25,
)


def shifted(day: int, quarters: int) -> int:
    now = date(1970, 1, 1) + timedelta(days=day)
    months = now.year * 12 + now.month - 1 - 3 * quarters
    year, month = months // 12, months % 12 + 1
    last = monthrange(year, month)[1]
    is_last = now.day == monthrange(now.year, now.month)[1]
    return (date(year, month, last if is_last else min(now.day, last)) - date(1970, 1, 1)).days


def oracle(facts: Sequence[Row], row: int, name: str, when: int, quarters: int) -> float:
    """One fact after the other, as the definition reads."""
    known = [
        (period_day(one), one.version, one.published_at, arrival, one.value)
        for arrival, (of, one) in enumerate(facts)
        if of == row and one.name == name and one.published_at <= when
    ]
    if not known:
        return math.nan
    newest = max(known)
    if not quarters:
        return newest[-1]
    target = shifted(newest[0], quarters)
    near = [entry for entry in known if abs(entry[0] - target) <= NEAREST_DAYS]
    if not near:
        return math.nan
    period = min({entry[0] for entry in near}, key=lambda day: (abs(day - target), day))
    return max(entry for entry in near if entry[0] == period)[-1]


@settings(max_examples=60, deadline=None)
@given(facts=FACTS, times=st.lists(st.integers(-1, 21), min_size=1, max_size=4).map(sorted))
def test_the_book_is_the_oracle_at_every_moment(facts: list[Row], times: list[int]) -> None:
    made = book(facts, rows=3)
    for now in times:
        made.advance(np.full(3, now, np.int64))
        for name in NAMES:
            for quarters in (0, 1, 2, 4):
                wanted = [oracle(facts, row, name, now, quarters) for row in range(3)]
                np.testing.assert_array_equal(made.values(name, quarters=quarters), wanted)
    pairs = [(row, now) for row in range(3) for now in range(-1, times[-1] + 1)]
    rows, moments = (np.array(column, np.int64) for column in zip(*pairs, strict=True)) if pairs else ([], [])
    for quarters in (0, 1, 4):
        wanted = [oracle(facts, row, "fund.eps", now, quarters) for row, now in pairs]
        if pairs:
            np.testing.assert_array_equal(made.values_at("fund.eps", rows, moments, quarters), wanted)


@settings(max_examples=40, deadline=None)
@given(facts=FACTS, more=FACTS, now=st.integers(0, 20))
def test_later_facts_never_change_what_was_visible_before(facts: list[Row], more: list[Row], now: int) -> None:
    later = [(row, one) for row, one in more if one.published_at > now]
    alone, both = book(facts, 3, now), book(facts + later, 3, now)
    both.advance(np.full(3, 99, np.int64))
    rows = np.arange(3)
    for name in NAMES:
        for quarters in (0, 1, 4):
            seen = alone.values(name, quarters=quarters)
            np.testing.assert_array_equal(both.values_at(name, rows, np.full(3, now), quarters), seen)


@settings(max_examples=30, deadline=None)
@given(facts=FACTS, cut=st.integers(0, 20), parts=st.lists(st.integers(0, 1), min_size=3, max_size=3))
def test_a_book_can_be_kept_cut_and_joined(facts: list[Row], cut: int, parts: list[int]) -> None:
    made = book(facts, 3, cut)
    kept = FactBook.from_arrays(NAMES, made.arrays())
    for one in (made, kept):
        one.advance(np.full(3, 15, np.int64))
    for name, array in made.arrays().items():
        np.testing.assert_array_equal(kept.arrays()[name], array, err_msg=name)
    order = np.array([row for part in (0, 1) for row in range(3) if parts[row] == part])
    halves = [made.select(np.array([row for row in range(3) if parts[row] == part], np.int64)) for part in (0, 1)]
    back = np.empty(3, np.int64)
    back[order] = np.arange(3)
    whole = FactBook.joined(halves, back)
    for one in (made, whole):
        one.advance(np.full(3, 30, np.int64))
    for name in NAMES:
        for quarters in (0, 1):
            np.testing.assert_array_equal(whole.values(name, quarters=quarters), made.values(name, quarters=quarters))
    for name, array in made.arrays().items():
        np.testing.assert_array_equal(whole.arrays()[name], array, err_msg=name)


def test_a_checkpoint_with_other_names_is_refused() -> None:
    with pytest.raises(CheckpointError, match="other names"):
        FactBook.from_arrays(("fund.roe",), book([]).arrays())
    with pytest.raises(CheckpointError, match="no published facts"):
        FactBook.from_arrays(NAMES, {})
