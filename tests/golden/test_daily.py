"""Recorded daily and minute bar files against pandas."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from marketbell.core.primitives.errors import InvalidSettingError, InvalidSourceError
from marketbell.wiring.replay import replay_to_files

HOLIDAYS_IN_FILE = (
    *("2025-10-22", "2025-11-05", "2025-12-25", "2026-01-15", "2026-01-26", "2026-03-03", "2026-03-26"),
    *("2026-03-31", "2026-04-03", "2026-04-14", "2026-05-01", "2026-05-28", "2026-06-26"),
)


def counts(out: Path) -> dict[str, int]:
    return pd.read_parquet(out / "quality.parquet").groupby("kind")["count"].sum().to_dict()


def judged(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """bad_price and stale_day by the definitions (§3)."""
    prices = [name for name in ("open", "high", "low", "close") if name in table]
    bad = (~np.isfinite(table[prices]) | (table[prices] <= 0)).any(axis=1)
    fields = [name for name in table.columns if name != "date"]
    same = (table[fields] == table[fields].shift()).all(axis=1)
    return bad, same & ~bad


def test_stale_holidays(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "daily_ohlcv/nse_close_delivery_2025_2026.parquet"
    summary = replay_to_files([str(source)], tmp_path)
    table = pd.read_parquet(source)
    bad, stale = judged(table)
    assert stale[table.date.isin(pd.to_datetime(HOLIDAYS_IN_FILE))].sum() > 3_000
    assert summary["calendar"] == "XNSE"
    assert summary["ticks_read"] == len(table)
    assert summary["dropped"] == {"stale_day": int(stale.sum())}
    assert int(bad.sum()) == 0
    kept = table[~stale].assign(instrument="NSE:" + table.symbol).sort_values(["instrument", "date"])
    found = pd.read_parquet(tmp_path / "bars_1d.parquet")
    assert found.instrument.tolist() == kept.instrument.tolist()
    assert (
        found.start.dt.tz_convert("Asia/Kolkata").dt.strftime("%Y-%m-%d").tolist()
        == kept.date.dt.strftime("%Y-%m-%d").tolist()
    )
    assert found.close.tolist() == kept.close.tolist()
    assert found.volume.tolist() == kept.volume.tolist()
    assert found.open.isna().all()
    # Muhurat began at 13:45, every other day at 09:15.
    local = found.start.dt.tz_convert("Asia/Kolkata").dt
    assert set(local.strftime("%H:%M")) == {"09:15", "13:45"}
    assert set(local.strftime("%Y-%m-%d")[local.strftime("%H:%M") == "13:45"]) == {"2025-10-21"}
    snapshot = pd.read_parquet(tmp_path / "snapshot.parquet").set_index("instrument")
    newest = kept.groupby("instrument").last()
    assert snapshot["close"].tolist() == newest.close.tolist()
    change = (newest.close / newest.prev_close - 1) * 100
    assert snapshot["change_pct"].to_numpy() == pytest.approx(change.to_numpy(), abs=1e-9)


def test_zero_rows_and_repairs_of_2015_to_2019(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "daily_ohlcv/nse_daily_2015_2019.parquet"
    summary = replay_to_files([str(source)], tmp_path)
    table = pd.read_parquet(source)
    bad, stale = judged(table)
    assert int(bad.sum()) == 1_680
    kept = table[~(bad | stale)]
    top, bottom = kept[["open", "high", "low", "close"]].max(axis=1), kept[["open", "high", "low", "close"]].min(axis=1)
    repaired = (top != kept.high) | (bottom != kept.low)
    found = counts(tmp_path)
    assert found["bad_price"] == int(bad.sum())
    assert found["stale_day"] == int(stale.sum())
    assert found.get("bad_bar", 0) == int(repaired.sum())
    assert summary["accepted"] == len(kept)
    days = pd.read_parquet(tmp_path / "bars_1d.parquet")
    order = kept.assign(instrument="NSE:" + kept.symbol, top=top, bottom=bottom).sort_values(["instrument", "date"])
    assert days.high.tolist() == order.top.tolist()
    assert days.low.tolist() == order.bottom.tolist()
    snapshot = pd.read_parquet(tmp_path / "snapshot.parquet").set_index("instrument")
    assert (snapshot["low_52w"].dropna() > 0).all()
    newest = order.groupby("instrument").date.max()
    for key in ("NSE:ABB", "NSE:RELIANCE"):
        if key not in newest.index:
            continue
        year = order[(order.instrument == key) & (order.date >= newest[key] - pd.Timedelta(days=364))]
        assert snapshot.loc[key, "high_52w"] == year.top.max()
        assert snapshot.loc[key, "low_52w"] == year.bottom.min()


def test_the_american_file(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "daily_ohlcv/us_sp500_daily_2013_2018.parquet"
    summary = replay_to_files([str(source)], tmp_path)
    table = pd.read_parquet(source)
    bad, stale = judged(table)
    kept = table[~(bad | stale)]
    prices = kept[["open", "high", "low", "close"]]
    repaired = (prices.max(axis=1) != kept.high) | (prices.min(axis=1) != kept.low)
    assert summary["calendar"] == "XNYS"
    assert summary["dropped"] == {"bad_price": int(bad.sum()), "stale_day": int(stale.sum())}
    assert counts(tmp_path)["bad_bar"] == int(repaired.sum())
    days = pd.read_parquet(tmp_path / "bars_1d.parquet")
    assert set(days.instrument.str.partition(":")[0]) == {"US"}
    assert set(days.start.dt.tz_convert("America/New_York").dt.strftime("%H:%M")) == {"09:30"}
    assert len(days) == len(kept)


def test_minute_bars_become_days(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "intraday/nse_minute_bars_2019.parquet"
    summary = replay_to_files([str(source)], tmp_path)
    table = pd.read_parquet(source)
    clock = table.timestamp.dt.strftime("%H:%M")
    inside = (clock >= "09:15") & (clock < "15:30")
    assert summary["dropped"] == {"out_of_session": int((~inside).sum())}
    kept = table[inside].assign(instrument="NSE:" + table.symbol, day=table.timestamp.dt.strftime("%Y-%m-%d"))
    grouped = kept.groupby(["instrument", "day"])
    days = pd.read_parquet(tmp_path / "bars_1d.parquet")
    assert days.high.tolist() == grouped.high.max().tolist()
    assert days.low.tolist() == grouped.low.min().tolist()
    assert days.open.tolist() == grouped.open.first().tolist()
    assert days.close.tolist() == grouped.close.last().tolist()
    assert days.volume.tolist() == grouped.volume.sum().tolist()
    assert len(pd.read_parquet(tmp_path / "bars_1m.parquet")) == len(kept)


def test_round_the_clock(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "intraday/crypto_btc_perp_minute_20220101_17.parquet"
    summary = replay_to_files([str(source)], tmp_path)
    table = pd.read_parquet(source)
    assert (summary["accepted"], summary["dropped"], summary["calendar"]) == (len(table), {}, "24/7")
    days = pd.read_parquet(tmp_path / "bars_1d.parquet")
    assert days.instrument.unique().tolist() == ["NONE:BTC"]
    assert days.close.tolist() == table.groupby(table.timestamp.dt.floor("D")).close.last().tolist()


def test_trades_with_ids(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "intraday/crypto_btcusdt_binance_trades_20210108.parquet"
    summary = replay_to_files([str(source)], tmp_path)
    table = pd.read_parquet(source)
    assert summary["accepted"] == len(table)
    bar = pd.read_parquet(tmp_path / "bars_1m.parquet").iloc[0]
    assert bar.volume == pytest.approx(table.quantity.sum(), rel=1e-12)
    assert bar.vwap == pytest.approx((table.price * table.quantity).sum() / table.quantity.sum(), rel=1e-12)
    assert (bar.open, bar.close, bar.trades) == (table.price.iloc[0], table.price.iloc[-1], len(table))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.csv", "a,b\n1,2\n", "not market data"),
        ("x.csv", "timestamp,ltp,volume\n", "no rows"),
        ("x.csv", "", "cannot be read"),
        ("x.csv", "timestamp,ltp,volume\nsoon,much,1\n", "not one row"),
        ("x.parquet", "no parquet", "cannot be read"),
        ("x.xlsx", "?", "unknown kind of file"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidSourceError, match=said):
        replay_to_files([str(tmp_path / name)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_options_are_checked(shared_data: Path, tmp_path: Path) -> None:
    source = str(shared_data / "intraday/us_spy_minute_202012.csv.gz")
    with pytest.raises(InvalidSettingError, match="calendar"):
        replay_to_files([source], tmp_path / "out", calendar="MARS")
    with pytest.raises(InvalidSettingError, match="known are ticks"):
        replay_to_files([source], tmp_path / "out", format_="mars")
    with pytest.raises(InvalidSourceError, match="no such file"):
        replay_to_files([str(tmp_path / "nowhere")], tmp_path / "out")
    with pytest.raises(InvalidSettingError, match="cannot be"):
        replay_to_files([source], Path("/proc/nowhere"))


def test_nan_and_infinite_prices_are_events(tmp_path: Path) -> None:
    rows = [
        "timestamp,ltp,volume",
        "2021-04-28 09:15:01,100,1",
        "2021-04-28 09:15:02,nan,2",
        "2021-04-28 09:15:03,inf,3",
    ]
    rows += ["2021-04-28 09:15:04,-5,4", "2021-04-28 09:15:05,,5", "2021-04-28 09:15:06,101,6"]
    (tmp_path / "TCS.csv").write_text("\n".join(rows) + "\n")
    summary = replay_to_files([str(tmp_path / "TCS.csv")], tmp_path / "out")
    assert summary["dropped"] == {"bad_price": 4}
    assert summary["accepted"] == 2
    assert json.loads((tmp_path / "out/summary.json").read_text())["calendar"] == "XNSE"


def test_a_file_of_bad_rows_only_is_counted(tmp_path: Path) -> None:
    (tmp_path / "ABC.csv").write_text("date,open,high,low,close\n2021-04-28,0,0,0,0\n2021-04-29,0,0,0,0\n")
    summary = replay_to_files([str(tmp_path / "ABC.csv")], tmp_path / "out", calendar="XNSE")
    assert (summary["ticks_read"], summary["accepted"], summary["dropped"]) == (2, 0, {"bad_price": 2})
