"""Undervalued picks: each threshold, unknown values, words and configuration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.fundamentals.valuation import (
    UNKNOWN_SECTOR,
    Thresholds,
    describe,
    sector_medians,
    undervalued_mask,
)
from marketbell.core.primitives.errors import InvalidSettingError
from marketbell.settings import UndervaluedSettings

NAMES = ("fund.pe", "fund.pb", "fund.roe", "fund.debt_to_equity")
GOOD = (8.0, 1.5, 20.0, 0.4)


def table(*rows: tuple[float, float, float, float]) -> dict[str, np.ndarray]:
    return dict(zip(NAMES, np.array(rows, dtype=np.float64).T, strict=True))


def peers(subject: tuple[float, float, float, float]) -> dict[str, np.ndarray]:
    """The subject among three companies of a sector whose P/Es are 20, 30 and 40: median 25 or 30 with it."""
    return table(subject, (20, 9, 5, 9), (30, 9, 5, 9), (40, 9, 5, 9))


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (GOOD, True),
        ((24.0, 1.5, 20.0, 0.4), True),  # the median of 20, 24, 30, 40 is 27
        ((35.0, 1.5, 20.0, 0.4), False),
        ((-3.0, 1.5, 20.0, 0.4), False),
        ((8.0, 3.0, 20.0, 0.4), False),
        ((8.0, -1.0, 20.0, 0.4), False),
        ((8.0, 1.5, 15.0, 0.4), False),
        ((8.0, 1.5, 20.0, 1.0), False),
    ],
)
def test_each_threshold_decides(subject: tuple[float, float, float, float], *, expected: bool) -> None:
    mask = undervalued_mask(peers(subject), np.zeros(4, np.int64), Thresholds())
    assert mask.tolist() == [expected, False, False, False]


@pytest.mark.parametrize("missing", NAMES)
def test_what_is_missing_is_unknown_and_not_listed(missing: str) -> None:
    columns = peers(GOOD)
    columns[missing][0] = np.nan
    assert not undervalued_mask(columns, np.zeros(4, np.int64), Thresholds())[0]


def test_the_sector_of_its_own_is_the_measure() -> None:
    columns = table(GOOD, (7, 9, 5, 9), (6, 9, 5, 9), GOOD, (30, 9, 5, 9), (40, 9, 5, 9))
    codes = np.array([0, 0, 0, 1, 1, 1])
    assert undervalued_mask(columns, codes, Thresholds()).tolist() == [False, False, False, True, False, False]


def test_unknown_and_tiny_sectors_have_no_median() -> None:
    pe = np.array([5.0, 6.0, 7.0, 8.0, np.nan, -4.0])
    codes = np.array([UNKNOWN_SECTOR, UNKNOWN_SECTOR, UNKNOWN_SECTOR, 0, 0, 0])
    assert np.isnan(sector_medians(pe, codes)).all()


@given(st.lists(st.tuples(*[st.one_of(st.just(float("nan")), st.floats(-50, 100))] * 4), min_size=1, max_size=30))
def test_mask_agrees_with_the_plain_reading(rows: list[tuple[float, float, float, float]]) -> None:
    codes = np.arange(len(rows)) % 3
    limits = Thresholds()
    mask = undervalued_mask(table(*rows), codes, limits)
    for place, (pe, pb, roe, debt) in enumerate(rows):
        known = [row[0] for i, row in enumerate(rows) if codes[i] == codes[place] and row[0] > 0]
        median = float(np.median(known)) if len(known) >= 3 else float("nan")
        cheap = 0 < pe < median and 0 < pb < limits.max_pb
        assert mask[place] == (cheap and roe > limits.min_roe and debt < limits.max_debt_to_equity)


def test_the_settings_have_the_same_defaults() -> None:
    assert Thresholds.of(UndervaluedSettings().model_dump()) == Thresholds()


def test_words_and_settings() -> None:
    text = describe(Thresholds.of({"max_pb": 2, "sector_pe": 0.8}))
    assert text.startswith("P/E below 80 % of the median of its sector, P/B below 2, ROE above 15 %")
    assert "P/E below the median of its sector" in describe(Thresholds())
    with pytest.raises(InvalidSettingError, match="did you mean max_pb"):
        Thresholds.of({"max_pd": 2})
    with pytest.raises(InvalidSettingError, match="must be a number"):
        Thresholds.of({"max_pb": float("nan")})
