"""How often each abnormal pattern shows on recorded days: what one would have to look at on ordinary days.

Nobody has said that anything was wrong on these days, so each count stands for false positives (or for what was
truly unusual, like the last minutes of a session). With `-s` this file prints the table of
docs/reference/patterns.md.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marketbell.adapters.feeds.replay import ReplayFeed
from marketbell.core.columns.frame import Frame
from marketbell.core.engine import kernel as k
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.patterns.catalogue import PATTERNS, Basis
from marketbell.wiring.calendars import calendars

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
SOURCES = (
    ("NSE ticks 2021-04-28", "intraday/nse_ticks/2021-04-28", 60),
    ("NSE ticks 2021-06-11", "intraday/nse_ticks/2021-06-11", 60),
    ("NSE minutes 2019", "intraday/nse_minute_bars_2019.parquet", 60),
    ("SPY minutes 2020-12-15 to 18", "intraday/us_spy_minute_202012.csv.gz", 60),
    ("BTC minutes 2022-01-01 to 17", "intraday/crypto_btc_perp_minute_20220101_17.parquet", 60),
    ("Binance book 2024-08-08", "orderbook/binance_spot_btcusdt_20240808.jsonl.gz", 1),
)
"""What, where, and how many seconds of market time lie between two looks."""
EXPECTED = {
    "NSE ticks 2021-04-28": (10, (4, 17, 0, 0, 0, 0)),
    "NSE ticks 2021-06-11": (5, (2, 6, 0, 0, 0, 0)),
    "NSE minutes 2019": (6, (9, 11, 0, 0, 0, 0)),
    "SPY minutes 2020-12-15 to 18": (4, (3, 3, 0, 0, 0, 0)),
    "BTC minutes 2022-01-01 to 17": (18, (53, 141, 8, 0, 0, 0)),
    "Binance book 2024-08-08": (2, (0, 0, 0, 0, 0, 0)),
}
"""Instrument-days, and episodes in the order of PATTERNS."""


def looks(feed: ReplayFeed, engine: Engine, step: int) -> Iterator[dict[str, Any]]:
    """The engine's fields at the end of every step in which something happened."""
    position = 0
    while (due := feed.next_time()) is not None:
        until = (due // step + 1) * step - 1
        while batches := feed.advance(until, 1 << 16):
            frames = []
            for batch in batches:
                count = len(batch.columns.get("instrument_id", ()))
                raw = json.dumps(batch.payload).encode() if batch.payload else b""
                frames.append(Frame(batch.kind, 0, 1, position, batch.position, 0, 0, count, batch.columns, raw))
                position = batch.position
            engine.apply(frames)
        state = engine.tick_state()
        rows = np.arange(state.count)
        # The fields of the patterns alone: every field of the registry for 24,539 minutes would take half a minute.
        fields = engine.patterns.columns(rows, {"volume_spike": state.F[rows, k.F_SPIKE]}, state, engine.now())
        yield fields | {"event_time": np.maximum(state.I[rows, k.I_NEWEST], 0)}


def counted(path: Path, step: int) -> tuple[int, dict[str, int], set[str]]:
    """Instrument-days, episodes (from not showing to showing) by pattern, and the patterns with evidence."""
    sessions = calendars().sessions
    feed = ReplayFeed([path], sessions)
    engine = Engine(EngineConfig(), sessions)
    engine.define(list(feed.instruments()))
    rows = len(engine.instruments)
    was = {pattern.name: np.zeros(rows, np.bool_) for pattern in PATTERNS}
    found = dict.fromkeys(was, 0)
    days: set[tuple[int, int]] = set()
    for columns in looks(feed, engine, step * SECOND):
        for row, moment in enumerate(columns["event_time"].tolist()):
            if moment:
                days.add((row, (moment - 1) // DAY))
        for pattern in PATTERNS:
            shows = columns[pattern.field] == 1.0
            found[pattern.name] += int((shows & ~was[pattern.name]).sum())
            was[pattern.name] = shows
    told = {str(one["pattern"]) for row in range(rows) for one in engine.evidence(row)}
    return len(days), found, told


def line(label: str, days: int, episodes: list[int]) -> str:
    """A line of the table; a pattern whose basis the source does not have is a dash."""
    is_book = "book" in label
    cells = [
        str(count) if (pattern.basis is Basis.BOOK) == is_book else "–"
        for pattern, count in zip(PATTERNS, episodes, strict=True)
    ]
    return f"| {label} | {days} | {' | '.join(cells)} |"


def test_the_page_shows_these_counts() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/patterns.md").read_text(encoding="utf-8")
    for label, (days, episodes) in EXPECTED.items():
        assert line(label, days, list(episodes)) in page


@pytest.mark.parametrize(("label", "path", "step"), SOURCES, ids=[label for label, _, _ in SOURCES])
def test_counts_on_recorded_days(shared_data: Path, label: str, path: str, step: int) -> None:
    days, found, told = counted(shared_data / path, step)
    sys.stdout.write(f"\n{line(label, days, list(found.values()))}\n")
    assert (days, tuple(found.values())) == EXPECTED[label]
    assert told <= {name for name, count in found.items() if count}
    kept = {name for name, count in found.items() if count and name != "volume_spike"}
    assert kept <= told
