"""`marketbell eval` over recorded files: against published values, and against pandas."""

import gzip
import io
import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from marketbell.processes.cli.main import run
from marketbell.wiring.replay import fields_of

IST = "Asia/Kolkata"


def table(sources: list[Path], *expressions: str, calendar: str | None = None) -> pd.DataFrame:
    wanted = [tuple(part.strip() for part in text.split("=", 1)) for text in expressions]
    found = fields_of([str(source) for source in sources], wanted, calendar=calendar)  # type: ignore[arg-type]
    return found.to_pandas()


def one(found: pd.DataFrame, name: str, instrument: str | None = None) -> pd.Series:
    mine = found[found.name == name]
    if instrument is not None:
        mine = mine[mine.instrument == instrument]
    return pd.Series(mine.value.to_numpy(), index=pd.DatetimeIndex(mine.time))


@pytest.fixture(scope="module")
def skender(shared_data: Path) -> Path:
    return shared_data / "indicators/skender"


def test_rsi_and_macd_equal_the_published_values(skender: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = skender / "quotes/spy_daily_2017_2018.csv"
    arguments = ["r = rsi(close, 14)@1d", "m = macd(close, 12, 26, 9)@1d.hist", "s = macd(12, 26, 9).signal"]
    assert run(["eval", *arguments, "--data", str(source), "--out", "-"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    found = pd.read_csv(io.StringIO(out))
    assert list(found.columns) == ["instrument", "time", "name", "value"]
    assert set(found.instrument) == {"US:SPY"}
    assert found.time.iloc[0].startswith("2017-01-03 14:30:00")
    rsi = pd.read_csv(skender / "results/rsi.csv.gz")
    macd = pd.read_csv(skender / "results/macd.csv.gz")
    assert len(found) == 3 * len(rsi)
    for name, published in (("r", rsi.rsi), ("m", macd.histogram), ("s", macd.signal)):
        values = found[found.name == name].value.to_numpy()
        assert (np.isnan(values) == np.isnan(published.to_numpy())).all()
        # MACD begins its fast mean where TA-Lib does, 14 bars later than the published one: a seed that fades.
        later = slice(None) if name == "r" else slice(200, None)
        np.testing.assert_allclose(values[later], published.to_numpy()[later], rtol=0, atol=1e-6)


def judged(prices: pd.DataFrame) -> pd.DataFrame:
    """Without days that a daily file repeats or has no price for (definitions.md, 3)."""
    same = (prices == prices.shift()).drop(columns="date").all(axis=1)
    return prices[(prices.close > 0) & ~same]


def test_hundreds_of_symbols_equal_the_published_rsi(shared_data: Path) -> None:
    found = table([shared_data / "daily_ohlcv/nse_close_delivery_2025_2026.parquet"], "r = rsi(close, 14)@1d")
    published = pd.read_csv(shared_data / "indicators/nse_published_rsi_sma_20260803.csv").set_index("Symbol").RSI_14
    newest = found[found.time.dt.date.astype(str) <= "2026-08-03"].dropna().groupby("instrument").value.last()
    newest.index = newest.index.str.removeprefix("NSE:")
    off = (newest - published).abs().dropna()
    assert len(off) > 200
    assert off.median() < 0.001


def test_daily_and_weekly_values_of_stocks(shared_data: Path, tmp_path: Path) -> None:
    prices = pd.read_parquet(shared_data / "daily_ohlcv/us_sp500_daily_2013_2018.parquet")
    prices = prices[prices.symbol.isin(["AAPL", "MSFT", "XOM", "IBM", "GE"])]
    source = tmp_path / "us_daily.parquet"
    prices.to_parquet(source)
    found = table(
        [source], "m = sma(close, 50)", "w = close@1w", "h = highest(high, 4)@1w", "x = close[1d]@1d",
        "up = close > sma(20) and close is known", "n = high / low - 1", "held = if(close > close@1w, 1, 0)",
    )  # fmt: skip
    for symbol in ("AAPL", "MSFT", "XOM"):
        own = judged(prices[prices.symbol.eq(symbol)])
        own = own.set_index(pd.DatetimeIndex(own.date))
        close, key = own.close, f"US:{symbol}"
        assert len(one(found, "m", key)) == len(own)
        np.testing.assert_allclose(one(found, "m", key), close.rolling(50).mean(), rtol=1e-12)
        np.testing.assert_array_equal(one(found, "x", key), close.shift())
        np.testing.assert_allclose(one(found, "n", key), own.high / own.low - 1, rtol=1e-12, atol=1e-15)
        mean = close.rolling(20).mean()
        np.testing.assert_array_equal(one(found, "up", key), np.where(mean.isna(), np.nan, close > mean))
        weekly = own.resample("W-SUN").agg({"close": "last", "high": "max"}).dropna()
        np.testing.assert_array_equal(one(found, "w", key), weekly.close[: len(one(found, "w", key))])
        assert len(weekly) - 1 <= len(one(found, "w", key)) <= len(weekly)  # the last week has not ended
        highest = weekly.high.rolling(4).max()
        np.testing.assert_array_equal(one(found, "h", key), highest[: len(one(found, "h", key))])
        # On a week's last day the week has closed: its own close is the one that is held.
        week = close.index.to_period("W-SUN")
        ends = pd.Series(week, close.index) != pd.Series(week, close.index).shift(-1)
        last = close[ends.to_numpy()].reindex(close.index).ffill()
        expected = np.where(last.isna(), np.nan, np.where(close > last, 1.0, 0.0))
        np.testing.assert_array_equal(one(found, "held", key)[:-6], expected[:-6])


@pytest.fixture(scope="module")
def days(shared_data: Path) -> list[Path]:
    return [shared_data / f"intraday/nse_ticks/{day}/TCS.csv.gz" for day in ("2021-04-28", "2021-06-11")]


@pytest.fixture(scope="module")
def minutes(days: list[Path]) -> pd.DataFrame:
    """One-minute bars of TCS by the replay, indexed by their start in Indian time."""
    found = table(days, "o = open@1m", "h = high@1m", "l = low@1m", "c = close@1m", "v = volume@1m")
    wide = found.pivot_table(index="time", columns="name", values="value")
    wide.index = wide.index.tz_convert(IST)
    return wide


def test_bars_of_ticks_and_what_is_held_between_them(days: list[Path], minutes: pd.DataFrame) -> None:
    found = table(
        days, "c = close@15m", "s = sma(close, 3)@15m", "held = close@15m + 0 * close@5m", "x = close[1d]@15m",
        "top = orb(15m).high@15m", "d = close@1d", "live = live(high@1d)@5m", "odd = volume@7m",
    )  # fmt: skip
    bars = minutes.resample("15min", origin="start").agg({"c": "last", "h": "max", "v": "sum"}).dropna()
    by_day = [part for _, part in minutes.groupby(minutes.index.date)]
    np.testing.assert_array_equal(one(found, "c"), bars.c)
    assert (one(found, "c").index.tz_convert(IST) == bars.index).all()
    np.testing.assert_allclose(one(found, "s"), bars.c.rolling(3).mean(), rtol=1e-12)
    # A quarter of an hour is held until the next one has closed: its own last five minutes see it.
    held = bars.c.copy()
    held.index = held.index + pd.Timedelta(minutes=15)
    fives = one(found, "held").index.tz_convert(IST) + pd.Timedelta(minutes=5)
    np.testing.assert_array_equal(one(found, "held"), held.reindex(fives, method="ffill"))
    first, second = (int((bars.index.date == part.index[0].date()).sum()) for part in by_day)
    close = by_day[0].c.iloc[-1]
    np.testing.assert_array_equal(one(found, "x"), [np.nan] * first + [close] * second)
    tops = [part.h[part.index < part.index[0].normalize() + pd.Timedelta(hours=9.5)].max() for part in by_day]
    np.testing.assert_array_equal(one(found, "top"), np.repeat(tops, [first, second]))
    np.testing.assert_array_equal(one(found, "d"), [part.c.iloc[-1] for part in by_day])
    # The forming day as each five minutes end: the highest so far; the day's own when it has closed.
    so_far = minutes.h.groupby(minutes.index.date).cummax().resample("5min", origin="start").last().dropna()
    np.testing.assert_array_equal(one(found, "live"), so_far)
    odd = pd.concat([part.v.resample("7min", origin="start").sum() for part in by_day])
    np.testing.assert_array_equal(one(found, "odd"), odd[odd > 0])


def test_ticks_one_by_one(days: list[Path]) -> None:
    found = table(
        days, "c = close", "day = day.high", "x = close crosses above 3200", "s = close@30s",
        "above = close > sma(close, 20)@1m",
    )  # fmt: skip
    ticks = one(found, "c")
    assert len(one(found, "day")) == len(ticks) > 10_000
    in_order = one(found, "x")
    assert len(ticks) > len(in_order) == len(one(found, "above")) > 0.98 * len(ticks)
    above = ticks.to_numpy() > 3200
    assert in_order.sum() == (above[1:] & ~above[:-1]).sum() > 0
    # A tick out of order raises the day's high, and is no price.
    highest = ticks.groupby(ticks.index.date).cummax()
    assert (one(found, "day").to_numpy() >= highest.to_numpy()).all()
    assert (one(found, "day").to_numpy() == highest.to_numpy()).mean() > 0.999
    halves = ticks.resample("30s").last().dropna()
    np.testing.assert_array_equal(one(found, "s"), halves)
    values = one(found, "above")
    assert values.iloc[0] != values.iloc[0]
    assert set(values.dropna()) == {0.0, 1.0}


def test_a_tick_out_of_order_is_no_evaluation(tmp_path: Path) -> None:
    rows = [("01", 10, 5), ("02", 12, 7), ("04", 14, 8), ("03", 99, 9), ("05", 8, 11), ("05", 16, 13)]
    lines = [f"2021-04-28T09:16:{second},{price},{volume}" for second, price, volume in rows]
    (tmp_path / "ABC.csv").write_text("time,price,volume\n" + "\n".join(lines) + "\n")
    found = table(
        [tmp_path / "ABC.csv"], "c = close", "m = sma(close, 2)@tick", "x = close crosses above 13", "top = day.high",
        "v = volume@1m", "h = high@1m", "w = vwap()@tick", "s = close@2s", calendar="XNSE",
    )  # fmt: skip
    # In order of time; the one out of order shows what was known when it came.
    assert one(found, "c").tolist() == [10, 12, 14, 14, 8, 16]
    assert one(found, "top").tolist() == [10, 12, 99, 14, 99, 99]
    np.testing.assert_array_equal(one(found, "m"), [np.nan, 11, 13, 11, 12])
    np.testing.assert_array_equal(one(found, "x"), [np.nan, 0, 1, 0, 1])
    assert (one(found, "v").item(), one(found, "h").item()) == (8, 99)
    assert one(found, "s").tolist() == [10, 99, 16]
    assert one(found, "w").iloc[1] == 12  # the first tick comes too late for its volume to count


def test_other_instruments_and_the_whole_universe(shared_data: Path) -> None:
    folder = shared_data / "intraday/nse_ticks/2021-06-11"
    found = table(
        [folder], "c = close@15m", "n = $NIFTY.close@15m", "r = rank(close, ALL)@15m",
        "share = pct_of(ALL, close > 5000)@15m", "mean = avg_of(ALL, close)@15m",
    )  # fmt: skip
    close = found[found.name == "c"].pivot_table(index="time", columns="instrument", values="value")
    assert close.shape[1] == 5
    known = close.ffill()  # the index ends half an hour before the others: its last value stands
    wide = {
        name: found[found.name == name].pivot_table(index="time", columns="instrument", values="value")
        for name in ("n", "r", "share", "mean")
    }
    for key in close:
        np.testing.assert_array_equal(wide["n"][key], known["NSE:NIFTY"].where(wide["n"][key].notna()))
        np.testing.assert_array_equal(
            wide["share"][key].dropna(), ((known > 5000).mean(axis=1) * 100)[close[key].notna()]
        )
        np.testing.assert_allclose(wide["mean"][key].dropna(), known.mean(axis=1)[close[key].notna()], rtol=1e-15)
        assert (wide["n"][key].notna() == close[key].notna()).all()
    np.testing.assert_array_equal(wide["r"], known.rank(axis=1, ascending=False).where(close.notna()))


def test_books_beside_trades(shared_data: Path, tmp_path: Path) -> None:
    source = tmp_path / "btcusdt.jsonl"
    with gzip.open(shared_data / "orderbook/binance_spot_btcusdt_20240808.jsonl.gz", "rt") as lines:
        source.write_text("".join(itertools.islice(lines, 3_000)))
    found = table([source], "b = book.imbalance", "c = close", 's = book.state = "ready"', "last = book.imbalance@1s")
    at_trades = one(found, "b")
    assert len(at_trades) == len(one(found, "c")) > 100
    assert at_trades.dropna().between(-1, 1).all()
    assert (one(found, "s").eq(1.0).to_numpy() == at_trades[-len(one(found, "s")) :].notna().to_numpy()).mean() > 0.99
    last = at_trades.groupby(at_trades.index.floor("1s")).last()
    assert (one(found, "last").dropna() == last.reindex(one(found, "last").dropna().index)).mean() > 0.99


def test_fields_that_the_source_does_not_tell_are_unknown_or_refused(
    days: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    found = table(days[:1], "b = book.imbalance", "pe = fund.pe@1m", "known = fund.pe is known")
    assert one(found, "b").isna().all()
    assert one(found, "pe").isna().all()
    assert set(one(found, "known")) == {0.0}
    assert run(["eval", "x = abnormal.pump_and_dump_score", "--data", str(days[0])]) == 2
    assert "not yet supported in an evaluation: the field `abnormal." in capsys.readouterr().err


def test_minute_files_have_their_own_bars(shared_data: Path) -> None:
    source = shared_data / "intraday/us_spy_minute_202012.csv.gz"
    found = table([source], "r = rsi(14)", "v = day.volume", "d = close@1d", "h = high@1h")
    assert len(one(found, "r")) == len(one(found, "v"))
    bars = pd.read_csv(source)
    bars = bars[bars.timestamp.str[11:] < "16:00:00"]
    time = pd.DatetimeIndex(bars.timestamp)
    days = bars.groupby(time.date)
    np.testing.assert_array_equal(one(found, "d"), days.close.last())
    np.testing.assert_allclose(one(found, "v"), days.volume.cumsum(), rtol=1e-12)
    hours = bars.high.groupby([time.date, ((time - time.normalize()) - pd.Timedelta(hours=9.5)) // pd.Timedelta("1h")])
    np.testing.assert_array_equal(one(found, "h"), hours.max())


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "ABC.csv"
    path.write_text("date,close\n2024-01-02,10\n2024-01-03,11\n2024-01-04,12.5\n")
    return path


def test_json_and_files(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = ["eval", "change(close, 1)", "up = close >= 11", "--data", str(small)]
    assert run([*text, "--json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [(item["name"], item["value"]) for item in items] == [
        ("change(close, 1)", None), ("up", 0.0), ("change(close, 1)", 1.0), ("up", 1.0), ("change(close, 1)", 1.5),
        ("up", 1.0),
    ]  # fmt: skip
    assert run([*text, "--out", str(tmp_path / "out.csv")]) == 0
    assert pd.read_csv(tmp_path / "out.csv").value.isna().sum() == 1
    capsys.readouterr()
    assert run(text) == 0
    assert ',"change(close, 1)",\n' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["r = rsi(clos, 14)"], "r: 1:9: unknown field `clos`: did you mean `close`?"),
        (["rsi(14) > 5%"], "rsi(14) > 5%: 1:11: `rsi(14)` is a number and `5%` is a percentage"),
        (["m = macd(close, 12, 26, 9)@1d.foo"], "m: 1:5: `macd(…)` has no member `foo`"),
        (["b = bb(close, 20, 2)"], "b: 1:5: `bb(…)` has several values"),
        (["s = sma(close, 0)"], "s: 1:16: `n` of `sma` is a whole number from 1 to 5,000"),
        (["s = sma(close 20)"], "s: 1:15: unexpected `20`"),
        (["s = sma(close,"], "s: 1:15: the expression ends too early"),
        (["x = close@5m"], "x: 1:5: bars of 5m are finer than the data: its own are of 1d"),
        (["x = $NIFTY.close"], "x: 1:5: there is no instrument `NIFTY` in this data"),
        (["x = close moves by 0% within 10m"], "x: 1:20: `moves by` needs more than nothing, not `0%`"),
        (["x = opt.max_pian"], "x: 1:5: unknown field `opt.max_pian`: did you mean `opt.max_pain`?"),
        (["x = rank(close, NIFTY9)"], "there is no index, sector or list `NIFTY9`"),
        (["x ="], "`x =` has no expression"),
        ([" "], "an expression is empty"),
        (["x = close", "x = open"], "`x` names two expressions"),
        (["x = clos", "y = opn"], "(and 1 more)"),
        (["close", "--format", "nonsense"], "nonsense"),
        (["close", "--calendar", "NOWHERE"], "NOWHERE"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    small: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert run(["eval", *arguments, "--data", str(small)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert len(err.splitlines()) == 1
