"""Recorded NSE ticks as the definitions read them, in plain loops and pandas.

Nothing of the engine is used here: neither its kernels nor its calendar.
"""

import functools
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
YEAR_2000 = pd.Timestamp("2000-01-01", tz="UTC").value
DAYS = ("2021-04-28", "2021-06-11")


@dataclass
class Expected:
    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    accepted: dict[str, list[tuple[int, int, float, float, float, bool]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """(event_time, arrival, price, cumulative volume, size, in order)"""
    rows: int = 0


def source_rows(folder: Path) -> list[tuple[int, int, int, str, float, float]]:
    """Rows of all files, merged by running maximum of event_time, file name, row."""
    rows = []
    for number, path in enumerate(sorted(folder.glob("*.csv.gz"))):
        table = pd.read_csv(path)
        times = pd.to_datetime(table.timestamp).dt.tz_localize("Asia/Kolkata").dt.tz_convert("UTC")
        symbol = "NSE:" + path.name.removesuffix(".csv.gz")
        running = 0
        first = next(t.value for t in times if t.value >= YEAR_2000)
        for row, (moment, price, volume) in enumerate(zip(times, table.ltp, table.volume, strict=True)):
            if moment.value >= YEAR_2000:
                running = max(running, moment.value)
            rows.append((running or first, number, row, moment.value, symbol, float(price), float(volume)))
    rows.sort(key=lambda one: one[:3])
    return [one[0:1] + one[3:] for one in rows]


@functools.cache
def expect(folder: Path) -> Expected:  # noqa: C901, PLR0912, PLR0915 — the checks in their order, told once
    """What the definitions say about the folder (§1)."""
    day = folder.name
    opens = pd.Timestamp(f"{day} 09:15", tz="Asia/Kolkata").value
    closes = pd.Timestamp(f"{day} 15:30", tz="Asia/Kolkata").value
    out = Expected()
    newest: dict[str, int] = {}
    largest: dict[str, float] = {}
    begun: set[str] = set()
    clock = None
    rows = source_rows(folder)
    for arrival, (_, t, key, price, volume) in enumerate(rows):
        out.rows += 1
        count = out.counts[key]
        if t < YEAR_2000:
            count["epoch_timestamp"] += 1
            continue
        if not (price > 0 and math.isfinite(price)):
            count["bad_price"] += 1
            continue
        if not opens <= t < closes:
            count["out_of_session"] += 1
            continue
        if clock is not None and t > clock + 60 * SECOND:
            count["future_timestamp"] += 1
            continue
        clock = t if clock is None else max(clock, t)
        before = out.accepted[key]
        last = newest.get(key)
        if last is not None:
            repeated = False
            for seen in reversed(before):
                if seen[0] < last - 4 * SECOND:  # what came before it is not newer than 2 s behind the newest
                    break
                if seen[0] >= last - 2 * SECOND and seen[0] == t and seen[2] == price and seen[3] == volume:
                    repeated = True
                    break
            if repeated:
                count["duplicate"] += 1
                continue
            if t < last - 2 * SECOND:
                count["late"] += 1
                continue
        in_order = last is None or t >= last
        if not in_order:
            count["out_of_order"] += 1
        top = largest.get(key, 0.0)
        if volume < top:
            count["volume_regression"] += 1
            size = 0.0
        elif key not in begun and t - opens > 60 * SECOND and volume > 0:
            count["volume_start_unknown"] += 1
            size = 0.0
        else:
            size = volume - top
        begun.add(key)
        largest[key] = max(top, volume)
        newest[key] = max(last or t, t)
        before.append((t, arrival, price, volume, size, in_order))
    return out


def bars(expected: Expected, opens: int, width: int) -> pd.DataFrame:
    """Bars of `width` from the session's open (§1.7, §2.1-2.3)."""
    parts = []
    for key, ticks in expected.accepted.items():
        table = pd.DataFrame(ticks, columns=["t", "arrival", "price", "cum", "size", "ordered"])
        table["start"] = opens + (table.t - opens) // width * width
        table["money"] = table.price * table["size"]
        ordered = table.sort_values(["t", "arrival"])
        grouped = ordered.groupby("start")
        bar = pd.DataFrame(
            {
                "open": grouped.price.first(),
                "high": grouped.price.max(),
                "low": grouped.price.min(),
                "close": grouped.price.last(),
                "trades": grouped.size(),
            }
        )
        top = grouped.cum.max().cummax()
        bar["volume"] = top - top.shift(fill_value=0.0)
        bar["vwap"] = grouped.money.sum() / grouped["size"].sum().where(lambda n: n > 0)
        bar.insert(0, "instrument", key)
        parts.append(bar.reset_index())
    return pd.concat(parts).sort_values(["instrument", "start"], ignore_index=True)
