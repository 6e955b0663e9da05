"""Recorded NSE ticks against a computation written from the definitions, in plain loops and pandas.

Nothing of the engine is used for the expected values: neither its kernels nor its calendar.
"""

import itertools
import json
import math
import os
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from tests.golden.tick_files import DAYS, MINUTE, Expected, bars, expect

from marketbell.wiring.replay import replay_to_files

RULES = """
alert "Up" on $NSE:RELIANCE when close crosses above {up} at tick fire once
alert "Down" on $NSE:RELIANCE when close crosses below {down} at tick fire once
"""


@dataclass(frozen=True)
class Day:
    expected: Expected
    out: Path
    opens: int
    levels: tuple[float, float]


@pytest.fixture(scope="module", params=DAYS)
def day(request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = shared_data / "intraday/nse_ticks" / request.param
    expected = expect(folder)
    prices = [tick[2] for tick in expected.accepted["NSE:RELIANCE"] if tick[5]]
    levels = (
        round(prices[0] + 0.6 * (max(prices) - prices[0]), 2),
        round(prices[0] - 0.4 * (prices[0] - min(prices)), 2),
    )
    out = tmp_path_factory.mktemp(request.param)
    rules = out / "rules.bell"
    rules.write_text(RULES.format(up=levels[0], down=levels[1]))
    replay_to_files([str(folder)], out, rules=rules)
    return Day(expected, out, pd.Timestamp(f"{request.param} 09:15", tz="Asia/Kolkata").value, levels)


def test_counts_of_every_kind(day: Day) -> None:
    table = pd.read_parquet(day.out / "quality.parquet")
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in table.itertuples():
        found[row.instrument][row.kind] += row[5]
    wanted = {key: +counter for key, counter in day.expected.counts.items()}
    assert {key: dict(counter) for key, counter in found.items()} == {k: dict(c) for k, c in wanted.items() if c}
    ordered = table.sort_values(["instrument", "event_time"], kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(table, ordered)


def test_summary(day: Day) -> None:
    summary = json.loads((day.out / "summary.json").read_text())
    assert summary["ticks_read"] == day.expected.rows
    assert summary["accepted"] == sum(len(ticks) for ticks in day.expected.accepted.values())
    ending = {"epoch_timestamp", "bad_price", "future_timestamp", "out_of_session", "duplicate", "late"}
    totals = sum(day.expected.counts.values(), Counter())
    assert summary["dropped"] == {kind: n for kind, n in totals.items() if kind in ending}
    assert summary["ticks_read"] == summary["accepted"] + sum(summary["dropped"].values())
    assert summary["seconds"] > 0
    assert summary["ticks_per_s"] > 0


@pytest.mark.parametrize(("name", "width"), [("bars_1m", MINUTE), ("bars_1d", 375 * MINUTE)])
def test_bars(day: Day, name: str, width: int) -> None:
    found = pd.read_parquet(day.out / f"{name}.parquet")
    wanted = bars(day.expected, day.opens, width)
    assert found.instrument.tolist() == wanted.instrument.tolist()
    assert found.start.dt.as_unit("ns").astype("int64").tolist() == wanted.start.tolist()
    for column in ("open", "high", "low", "close", "volume", "trades"):
        assert found[column].tolist() == wanted[column].tolist(), column
    assert found.vwap.isna().tolist() == wanted.vwap.isna().tolist()
    assert found.vwap.dropna().to_numpy() == pytest.approx(wanted.vwap.dropna().to_numpy(), rel=1e-12)


def test_snapshot(day: Day) -> None:
    found = pd.read_parquet(day.out / "snapshot.parquet").set_index("instrument")
    assert sorted(found.index) == list(found.index) == sorted(day.expected.accepted)
    for key, ticks in day.expected.accepted.items():
        ordered = sorted(ticks, key=lambda tick: tick[:2])
        first, close = ordered[0][2], ordered[-1][2]
        money, size = sum(tick[2] * tick[4] for tick in ticks), sum(tick[4] for tick in ticks)
        row = found.loc[key]
        assert row["close"] == close
        assert row["day.open"] == first
        assert row["day.high"] == max(tick[2] for tick in ticks)
        assert row["day.low"] == min(tick[2] for tick in ticks)
        assert row["day.volume"] == max(tick[3] for tick in ticks)
        assert row["day.trades"] == len(ticks)
        assert row["change_basis"] == "day_open"
        assert row["change_pct"] == pytest.approx((close / first - 1) * 100, rel=1e-9)
        assert row["event_time"].value == ordered[-1][0]
        assert row["kind"] == ("equity" if size else "index")
        if size:
            assert row["vwap"] == pytest.approx(money / size, rel=1e-12)
            assert row["turnover"] == pytest.approx(money, rel=1e-12)
        else:
            assert math.isnan(row["vwap"])


def test_volatility_and_spike_of_the_last_minute(day: Day) -> None:
    found = pd.read_parquet(day.out / "snapshot.parquet").set_index("instrument")
    minutes = bars(day.expected, day.opens, MINUTE)
    for key, table in minutes.groupby("instrument"):
        returns = [math.log(b / a) for a, b in zip(table.close, table.close[1:], strict=False)][-20:]
        mean = sum(returns) / len(returns)
        deviation = math.sqrt(sum((r - mean) ** 2 for r in returns) / len(returns))
        assert found.loc[key, "volatility"] == pytest.approx(100 * deviation * math.sqrt(375 * 252), rel=1e-9)
        volumes = table.volume.tolist()
        before = volumes[-21:-1]
        mean = sum(before) / len(before)
        deviation = math.sqrt(sum((v - mean) ** 2 for v in before) / len(before))
        if deviation:
            assert found.loc[key, "volume_spike"] == pytest.approx((volumes[-1] - mean) / deviation, rel=1e-9)


def test_a_level_fires_at_the_tick_where_the_price_crosses_it(day: Day) -> None:
    found = pd.read_parquet(day.out / "firings.parquet")
    ticks = [tick for tick in day.expected.accepted["NSE:RELIANCE"] if tick[5]]
    wanted = {}
    for before, now in itertools.pairwise(ticks):
        if "Up" not in wanted and before[2] <= day.levels[0] < now[2]:
            wanted["Up"] = (now[0], before[2], now[2])
        if "Down" not in wanted and before[2] >= day.levels[1] > now[2]:
            wanted["Down"] = (now[0], before[2], now[2])
    assert wanted, "the day crosses at least one of the levels"
    fired = {
        row.rule: (row.event_time.value, json.loads(row.values_)["previous"], json.loads(row.values_)["value"])
        for row in found.rename(columns={"values": "values_"}).itertuples()
    }
    assert fired == wanted
    assert found.firing_id.is_unique
    assert set(found.instrument) == {"NSE:RELIANCE"}


def test_twice_is_the_same_through_the_command_line(day: Day, shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "intraday/nse_ticks" / pd.Timestamp(day.opens, tz="UTC").strftime("%Y-%m-%d")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "marketbell", "replay", str(source), "--out", str(tmp_path / "again")),
            *("--rules", str(day.out / "rules.bell"), "--json"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    again, first = json.loads(done.stdout), json.loads((day.out / "summary.json").read_text())
    for summary in (again, first):
        del summary["seconds"], summary["ticks_per_s"]
    assert again == first
    for name in ("bars_1m", "bars_1d", "snapshot", "firings", "quality"):
        file = f"{name}.parquet"
        assert (tmp_path / "again" / file).read_bytes() == (day.out / file).read_bytes(), name
