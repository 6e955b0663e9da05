"""`marketbell screen` on recorded files, against pandas."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from marketbell.processes.cli.main import run


def _screen(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["screen", *arguments])
    told = capsys.readouterr()
    return code, told.out, told.err


def _symbols(text: str) -> list[str]:
    return [line.partition(",")[0] for line in text.splitlines()[1:]]


@pytest.fixture(scope="module")
def daily(shared_data: Path) -> tuple[str, pd.DataFrame]:
    """Sixty companies of the S&P 500, days by symbol."""
    path = shared_data / "daily_ohlcv" / "us_sp500_daily_2013_2018.parquet"
    table = pd.read_parquet(path)
    kept = sorted(table["symbol"].unique())[:60]
    return str(path), table[table["symbol"].isin(kept)].sort_values(["symbol", "date"])


@pytest.fixture(scope="module")
def daily_file(daily: tuple[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same as a file."""
    path = tmp_path_factory.mktemp("screen") / "us_sp500_daily.parquet"
    daily[1].to_parquet(path)
    return str(path)


@pytest.mark.parametrize("as_of", [None, "2017-06-30"])
def test_days_agree_with_pandas(
    daily: tuple[str, pd.DataFrame], daily_file: str, as_of: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    days = daily[1] if as_of is None else daily[1][pd.to_datetime(daily[1]["date"]) <= as_of]
    newest = days["date"].max()
    expected = {}
    for symbol, own in days.groupby("symbol"):
        close, volume = own["close"].dropna(), own["volume"]
        mean = close.rolling(50).mean().iloc[-1]
        busy = volume.iloc[-1] > 0.9 * volume.rolling(20).mean().iloc[-1]
        if own["date"].iloc[-1] == newest and close.iloc[-1] > mean and busy:
            expected[str(symbol)] = close.iloc[-1] / mean
    text = (
        'screen "x" on ALL when close > sma(close, 50) and volume > 0.9 * sma(volume, 20) '
        "order by close / sma(close, 50) desc columns symbol, close / sma(close, 50)"
    )
    more = [] if as_of is None else ["--as-of", as_of]
    code, out, _ = _screen(capsys, text, "--data", daily_file, "--format", "json", *more)
    assert code == 0
    answer = json.loads(out)
    found = {item["symbol"]: item["close / sma(close, 50)"] for item in answer["items"]}
    assert list(found) == sorted(expected, key=lambda one: (-expected[one], one))
    assert np.allclose(list(found.values()), [expected[one] for one in found], rtol=1e-12)
    assert 5 < answer["count"] == len(expected)


def test_fundamentals_agree_with_pandas(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shared_data / "fundamentals" / "us_sp500_financials.csv"
    table = pd.read_csv(path)
    yields = table["Dividend Yield"] * 100
    # a book value below zero gives no ratio to the price
    kept = table[(table["Price/Earnings"] < 15) & (table["Price/Book"] > 0) & (table["Price/Book"] < 3) & (yields > 2)]
    code, out, _ = _screen(capsys, "pe < 15 and pb < 3 and dividend_yield > 2", "--data", str(path), "--format", "csv")
    assert code == 0
    assert out.splitlines()[0] == "symbol,close,fund.pe,fund.pb,fund.dividend_yield"
    assert _symbols(out) == sorted(kept["Symbol"])


def test_data_older_than_asked_is_unknown(daily_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _screen(capsys, "close > 0", "--data", daily_file, "--as-of", "2018-06-29", "--format", "json")
    answer = json.loads(out)
    assert (code, answer["count"], answer["unknown"]["count"]) == (0, 0, 60)
    assert answer["unknown"]["fields"] == [{"field": "event_time", "count": 60}]


def test_errors_are_one_line_and_exit_2(daily_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (("closse > 5",), "1:1: unknown field `closse`: did you mean `close`?"),
        (("close > ",), "1:"),
        (("close > 5", "--as-of", "yesterday"), "--as-of"),
        (('screen "x" on NIFTY99 when close > 5',), "NIFTY99"),
        (("close > $NSE:X.close",), "NSE:X"),
    ):
        code, out, err = _screen(capsys, *arguments, "--data", daily_file)
        assert (code, out) == (2, "")
        assert words in err
        assert len(err.splitlines()) == 1
