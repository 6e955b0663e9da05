"""Corporate actions: announcements as the exchange words them, and bars on both sides of an ex-date."""

import csv
import gzip
import itertools
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.market.corporate_action import (
    ActionKind,
    CorporateAction,
    adjust,
    explains,
    factors,
    parse_purpose,
)
from marketbell.core.quality.daily import judge_daily
from marketbell.core.quality.kinds import QualityKind

EX = 20_000


def parsed(text: str, face: float = 10.0) -> list[tuple[str, float, float]]:
    return [(one.kind.value, round(one.ratio, 9), one.amount) for one in parse_purpose(text, EX, face)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Face Value Split (Sub-Division) - From Rs 10/- Per Share To Re 1/- Per Share", [("split", 10, 0)]),
        ("Consolidation Of Shares From Re 1/- Per Share To Rs 10/- Per Share", [("split", 0.1, 0)]),
        ("Bonus 2:1", [("bonus", 3, 0)]),
        ("Bonus 1:4", [("bonus", 1.25, 0)]),
        ("Scheme Of Arrangement - Bonus Ncrps 4:1", [("other", 1, 0)]),
        ("Rights 6:7 @ Premium Rs 105/-", [("rights", round(13 / 7, 9), 115)]),
        ("Dividend - Rs 2 Per Share & Special Dividend Re 1 Per Share", [("dividend", 1, 3)]),
        ("Interim Dividend - Re 0.50 Per Share", [("dividend", 1, 0.5)]),
        ("Dividend - Rs 10 Per Sh", [("dividend", 1, 10)]),
        ("Distribution - Rs 2.40 Per Unit Consists Of Interest Rs 2.38 Per Unit & Other", [("dividend", 1, 2.4)]),
        ("Bonus 1:1/Dividend - Rs 5 Per Share", [("bonus", 2, 0), ("dividend", 1, 5)]),
        ("Buy Back", [("other", 1, 0)]),
    ],
)
def test_the_words_of_an_announcement(text: str, wanted: list[tuple[str, float, float]]) -> None:
    assert parsed(text) == wanted


def test_every_announcement_of_the_recorded_month_is_understood(shared_data: Path) -> None:
    with (shared_data / "fundamentals" / "nse_corporate_actions_202608.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    kinds = dict.fromkeys(ActionKind, 0)
    for row in rows:
        for action in parse_purpose(row["PURPOSE"], EX, float(row["FACE_VALUE"] or 0)):
            kinds[action.kind] += 1
            if action.kind is ActionKind.OTHER:
                assert row["PURPOSE"].startswith(("Buy Back", "Interest", "Scheme")), row["PURPOSE"]
            if action.kind is ActionKind.DIVIDEND:
                assert action.amount > 0
    assert (kinds[ActionKind.SPLIT], kinds[ActionKind.BONUS], kinds[ActionKind.RIGHTS]) == (3, 1, 2)
    assert kinds[ActionKind.DIVIDEND] >= 225


def test_bars_before_the_ex_date_are_divided_and_volumes_multiplied() -> None:
    dates = np.array([EX - 2, EX - 1, EX, EX + 1])
    bars = {"close": np.array([100.0, 110, 56, 57]), "volume": np.array([10.0, 20, 30, 40]), "oi": np.arange(4.0)}
    made = adjust(dates, bars, [CorporateAction(EX, ActionKind.SPLIT, 2.0)])
    assert made["close"].tolist() == [50, 55, 56, 57]
    assert made["volume"].tolist() == [20, 40, 30, 40]
    assert made["oi"].tolist() == [0, 1, 2, 3]
    assert bars["close"].tolist() == [100, 110, 56, 57]


def test_what_has_not_happened_yet_changes_nothing() -> None:
    dates, bars = np.array([EX - 2, EX - 1]), {"close": np.array([100.0, 110])}
    assert adjust(dates, bars, [CorporateAction(EX, ActionKind.SPLIT, 2.0)])["close"].tolist() == [100, 110]
    early = [CorporateAction(EX - 2, ActionKind.SPLIT, 2.0)]
    assert adjust(dates, bars, early)["close"].tolist() == [100, 110], "every bar is behind it"


def test_rights_and_dividends_use_the_close_before() -> None:
    dates, close = np.array([EX - 1, EX]), np.array([140.0, 130.0])
    rights = CorporateAction(EX, ActionKind.RIGHTS, 13 / 7, 115.0)
    theoretical = (7 * 140 + 6 * 115) / 13
    assert adjust(dates, {"close": close}, [rights])["close"][0] == pytest.approx(theoretical)
    dividend = CorporateAction(EX, ActionKind.DIVIDEND, amount=7.0)
    assert adjust(dates, {"close": close}, [dividend])["close"].tolist() == [140, 130]
    total = adjust(dates, {"close": close, "volume": close}, [dividend], with_dividends=True)
    assert total["close"][0] == pytest.approx(133)
    assert total["volume"].tolist() == [140, 130]


@settings(max_examples=50, deadline=None)
@given(
    cuts=st.lists(st.tuples(st.integers(-2, 12), st.sampled_from([2.0, 3.0, 5.0, 0.5])), max_size=4),
    start=st.floats(10, 1000),
)
def test_returns_are_those_without_any_action(cuts: list[tuple[int, float]], start: float) -> None:
    """A series that never moves, split as announced, is flat again when adjusted; turnover is kept."""
    dates = np.arange(10)
    close, volume = np.full(10, start), np.full(10, 1000.0)
    for at, ratio in cuts:
        if 0 < at < 10:
            close[at:] /= ratio
            volume[at:] *= ratio
    actions = [CorporateAction(at, ActionKind.SPLIT, ratio) for at, ratio in cuts]
    made = adjust(dates, {"close": close, "volume": volume}, actions)
    np.testing.assert_allclose(made["close"], made["close"][-1])
    np.testing.assert_allclose(made["close"] * made["volume"], close * volume)


def recorded(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        rows = sorted(csv.DictReader(stream), key=lambda row: row["Date"])
    epoch = date(1970, 1, 1)
    dates = np.array([(date.fromisoformat(row["Date"][:10]) - epoch).days for row in rows])
    names = ("Open", "High", "Low", "Close", "Volume")
    return dates, {name.lower(): np.array([float(row[name]) for row in rows]) for name in names}


def test_a_recorded_split_is_found_and_mended(shared_data: Path) -> None:
    """Shin-Etsu 5:1 in 2023: the recorded table was left unadjusted up to 28 March; its mended twin is known."""
    folder = shared_data / "corporate_actions" / "yahoo_repair_pairs"
    dates, bad = recorded(folder / "4063-T-1d-bad-stock-split.csv.gz")
    _, fixed = recorded(folder / "4063-T-1d-bad-stock-split-fixed.csv.gz")
    boundary = (date(2023, 3, 29) - date(1970, 1, 1)).days
    action = CorporateAction(boundary, ActionKind.SPLIT, 5.0)
    made = adjust(dates, bad, [action])
    for name, column in fixed.items():
        np.testing.assert_allclose(made[name], column, rtol=1e-9, err_msg=name)
    symbol = np.zeros(len(dates), np.int64)

    def suspects(bars: dict[str, np.ndarray], mask: np.ndarray | None = None) -> list[int]:
        prices = {name: bars[name] for name in ("open", "high", "low", "close")}
        kinds = judge_daily(symbol, prices, {"volume": bars["volume"]}, has_action=mask).kinds
        found = kinds.get(QualityKind.SUSPECT_SPLIT)
        return [] if found is None else np.flatnonzero(found).tolist()

    assert suspects(bad) == [int(np.searchsorted(dates, boundary))]
    assert suspects(bad, explains(dates, [action])) == []
    assert suspects(made) == []


def test_a_split_on_the_exchange_is_no_crash(shared_data: Path) -> None:
    """KIRLPNU from Rs 2 to Re 1 on 2026-08-18: halved overnight in the recorded bars, less than a percent in truth."""
    parquet = pytest.importorskip("pyarrow.parquet")
    path = shared_data / "daily_ohlcv" / "nse_full_market_days_202608.parquet"
    table = parquet.read_table(path, filters=[("symbol", "=", "KIRLPNU")]).sort_by("date")
    epoch = date(1970, 1, 1)
    dates = table["date"].cast("date32").cast("int32").to_numpy().astype(np.int64)
    bars = {name: np.array(table[name].to_pylist(), np.float64) for name in ("close", "prev_close", "volume")}
    purpose = "Face Value Split (Sub-Division) - From Rs 2/- Per Share To Re 1/- Per Share"
    actions = parse_purpose(purpose, (date(2026, 8, 18) - epoch).days, 2)
    made = adjust(dates, bars, actions)
    assert made["close"].tolist() == [767.15, 760.2]
    assert made["prev_close"].tolist() == [1524.7 / 2, 767.15]
    assert made["volume"].tolist() == [224_036, 186_912]


def test_a_previous_close_that_the_source_adjusted_stays() -> None:
    bars = {"close": np.array([100.0, 52]), "prev_close": np.array([99.0, 50])}
    made = adjust(np.array([EX - 1, EX]), bars, [CorporateAction(EX, ActionKind.SPLIT, 2.0)])
    assert made["prev_close"].tolist() == [49.5, 50]


def test_ratios_multiply_over_several_actions() -> None:
    dates = np.array([1, 2, 3, 4])
    actions = [CorporateAction(2, ActionKind.SPLIT, 2.0), CorporateAction(4, ActionKind.BONUS, 3.0)]
    for order in itertools.permutations(actions):
        price, volume = factors(dates, np.ones(4), order)
        assert price.tolist() == volume.tolist() == [6, 3, 3, 1]
