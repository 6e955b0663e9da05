"""Rules over recorded bars: fields at the ends of longer bars are what they were then, wherever the source is cut."""

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.rules import market as m

from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.market.session import MINUTE

ROLE = b'{"role": "source"}'
RULES = (
    'alert "five" on ALL when day.volume > 0 at 5m close fire every time',
    'alert "day" on ALL when day.volume > 0 at 1d close fire every time',
    'alert "tick" on ALL when day.volume > 0 at tick fire every time',
)


def bars(minutes: list[tuple[int, int]]) -> dict[str, Any]:
    """(instrument, minute of both sessions) of each bar; the volume is 1 more than the minute."""
    rows = sorted({(minute, who) for who, minute in minutes})
    start = [m.OPENS[minute // 120] + minute % 120 * MINUTE for minute, _ in rows]
    count = len(rows)
    return {
        "instrument_id": np.array([m.IDS[m.KEYS[who]] for _, who in rows], np.int64),
        "timeframe_s": np.full(count, 60, np.int32),
        "start": np.array(start, np.int64),
        **{name: np.full(count, 100.0) for name in ("open", "high", "low", "close")},
        "volume": np.array([minute % 120 + 1.0 for minute, _ in rows]),
    }


def source(columns: dict[str, Any]) -> Frame:
    return Frame(FrameKind.BAR, 0, 0, 0, 0, 0, 0, len(columns["start"]), columns, ROLE)


def run(columns: dict[str, Any], cuts: list[int]) -> list[tuple[str, str, int, float]]:
    engine = m.new()
    outputs = [engine.apply(m.arm(*RULES))]
    count = len(columns["start"])
    edges = sorted({0, count, *(cut % (count + 1) for cut in cuts)})
    for low, high in pairwise(edges):
        outputs.append(engine.apply([source({name: column[low:high] for name, column in columns.items()})]))
    outputs.append(engine.finish())
    return sorted((one.rule, one.key, one.event_time, one.values["p1"]) for one in m.fired(*outputs))


def naive(columns: dict[str, Any]) -> list[tuple[str, str, int, float]]:
    """The volume of the session up to the end of each bar, from the bars themselves."""
    found = set()
    for key, ident in m.IDS.items():
        mine = columns["instrument_id"] == ident
        starts, volumes = columns["start"][mine], columns["volume"][mine]
        for begin in starts.tolist():
            opened = max(one for one in m.OPENS if one <= begin)
            ends = {"tick": begin + MINUTE, "day": opened + 120 * MINUTE}
            ends["five"] = opened + ((begin - opened) // (5 * MINUTE) + 1) * 5 * MINUTE
            for rule, end in ends.items():
                total = volumes[(starts >= opened) & (starts < end)].sum()
                found.add((rule, key, end, float(total)))
    return sorted(found)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 239)), min_size=1, max_size=80),
    st.lists(st.integers(0, 10_000), max_size=6),
)
def test_fields_at_the_ends_of_bars_are_what_they_were_then(minutes: list[tuple[int, int]], cuts: list[int]) -> None:
    columns = bars(minutes)
    assert run(columns, cuts) == naive(columns)


def test_daily_files_have_their_fields_too() -> None:
    count = 5
    columns = {
        "instrument_id": np.full(count, m.IDS["NSE:A"], np.int64),
        "timeframe_s": np.full(count, 86_400, np.int32),
        "start": np.array(m.OPENS[:count], np.int64),
        **{name: np.array([10.0, 11.0, 12.0, 11.0, 13.0]) for name in ("open", "high", "low", "close")},
        "volume": np.array([100.0, 200.0, 300.0, 400.0, 500.0]),
    }
    text = 'alert "busy" on $NSE:A when turnover > 3k and change_pct > 0 at 1d close fire every time'
    for size in (1, count):
        engine = m.new()
        outputs = [engine.apply(m.arm(text))]
        outputs += [
            engine.apply([source({name: one[at : at + size] for name, one in columns.items()})])
            for at in range(0, count, size)
        ]
        outputs.append(engine.finish())
        closes = [open_ + 120 * MINUTE for open_ in m.OPENS[:count]]
        assert [one.event_time for one in m.fired(*outputs)] == [closes[2], closes[4]]
