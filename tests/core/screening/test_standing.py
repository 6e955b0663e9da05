"""Standing screens: who enters and leaves follows from the log, wherever it is cut, split or begun again."""

import itertools
import json
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.rules import market as m

from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.series import Series
from marketbell.core.language.json_form import to_json
from marketbell.core.language.reader import parse_screen
from marketbell.core.screening.standing import Delta, StandingScreens
from marketbell.core.screening.templates import TEMPLATES

TEXTS = {
    "high": "close > 101",
    "ranked": "rank(close, ALL) <= 1",
    "pair": "close > $NSE:B.close",
    "mean": "close > sma(close@1m, 3)",
    "busy": 'screen "busy" on TEN when day.trades > 5 or fund.pe < 10 order by day.trades desc columns close',
    "cross": "close crosses above 100",
    "share": "pct_of(ALL, change_pct > 0) > 50",
}


def _few(series: Series) -> StandingScreens:
    return StandingScreens(series, [TEMPLATES["top-gainers"], TEMPLATES["volume-shockers"]])


def _new() -> Engine:
    engine = Engine(EngineConfig(), m.table, (_few,))
    engine.define(m.INSTRUMENTS)
    return engine


def _screens(engine: Engine) -> StandingScreens:
    return next(one for one in engine.operators if isinstance(one, StandingScreens))


def _stand(screen_id: str, text: str, **options: Any) -> Frame:
    definition = to_json(parse_screen(text))
    command = {"type": "screen", "screen_id": screen_id, "owner_id": "me", "definition": definition, "options": options}
    return m.frame(FrameKind.COMMAND, command)


def _trade(rows: list[tuple[str, float, float]]) -> Frame:
    columns = m.ticks(rows)
    columns["ingest_time"] = columns["event_time"]
    columns["flags"] = np.zeros(len(rows), np.uint16)
    columns["volume"] = np.full(len(rows), np.nan)
    times = columns["event_time"]
    return Frame(FrameKind.TRADE, 0, 0, 0, 0, int(times[0]), int(times[-1]), len(rows), columns, b"")


def _members(engine: Engine) -> dict[str, list[str]]:
    keys = engine.keys()
    screens = _screens(engine)
    return {screen_id: [keys[row] for row in screens.members(screen_id).tolist()] for screen_id in screens.screens}


def _moves(deltas: list[Delta]) -> list[tuple[Any, ...]]:
    """Entries and leaves alone: an update says that something was told anew."""
    return [(one.screen_id, one.seq, one.at, one.count, one.events) for one in deltas if one.events]


def test_rows_enter_update_and_leave() -> None:
    engine = _new()
    engine.apply([_stand("x", "close > 101"), _trade([("NSE:A", 1, 102)]), m.heartbeat(2)])
    found = [one for one in _screens(engine).take_deltas() if one.screen_id == "x"]
    at = m.OPEN + 2 * 10**9
    assert found == [Delta("x", "me", at // 1_000_000, at, 1, (("enter", 0),))]
    engine.apply([_trade([("NSE:A", 2.5, 103)]), m.heartbeat(3), m.heartbeat(4)])
    found = [one for one in _screens(engine).take_deltas() if one.screen_id == "x"]
    assert [(one.seq, one.events, one.updated.tolist()) for one in found] == [(at // 1_000_000, (), [0])]
    engine.apply([_trade([("NSE:A", 4.5, 100)]), m.heartbeat(5)])
    found = [one for one in _screens(engine).take_deltas() if one.screen_id == "x"]
    assert [(one.seq, one.count, one.events) for one in found] == [((at + 3 * 10**9) // 1_000_000, 0, (("leave", 0),))]


def test_a_member_stays_until_it_may_leave() -> None:
    engine = _new()
    engine.apply([_stand("x", "close > 101", leave_when="close < 99")])
    seen = []
    for second, price in enumerate((100, 102, 100, 98, 100, 102), start=1):
        engine.apply([_trade([("NSE:A", second, price)]), m.heartbeat(second + 0.5)])
        seen.append(_members(engine)["x"])
    assert seen == [[], ["NSE:A"], ["NSE:A"], [], [], ["NSE:A"]]


def test_what_becomes_unknown_leaves() -> None:
    engine = _new()
    engine.apply([_stand("x", "close > 101", leave_when="close < 99")])
    engine.apply([_trade([("NSE:A", 1, 102)]), m.heartbeat(2)])
    assert _members(engine)["x"] == ["NSE:A"]
    next_day = (m.OPENS[1] - m.OPEN) / 10**9
    engine.apply([m.heartbeat(next_day - 1)])
    assert _members(engine)["x"] == ["NSE:A"]  # it is still the newest session
    engine.apply([m.heartbeat(next_day + 1)])
    assert _members(engine)["x"] == []


def test_a_screen_that_goes_lets_its_members_go() -> None:
    engine = _new()
    engine.apply([_stand("x", "close > 101"), _trade([("NSE:A", 1, 102)]), m.heartbeat(2)])
    _screens(engine).take_deltas()
    engine.apply([m.frame(FrameKind.COMMAND, {"type": "unscreen", "screen_id": "x"})])
    (last,) = _screens(engine).take_deltas()
    assert (last.screen_id, last.count, last.events) == ("x", 0, (("leave", 0),))
    assert "x" not in _screens(engine).screens
    engine.apply([m.frame(FrameKind.COMMAND, {"type": "unscreen", "screen_id": "top-gainers"})])
    assert "top-gainers" in _screens(engine).screens


def test_a_screen_that_cannot_stand_is_named() -> None:
    engine = _new()
    engine.apply([_stand("x", "sma(rank(close, ALL), 3)@1d < 2"), _stand("y", "close rises by 2% within 5m")])
    assert sorted(_screens(engine).problems) == ["x", "y"]


def test_members_stand_in_the_order_of_the_screen() -> None:
    engine = _new()
    engine.apply([_stand("x", 'screen "x" when close > 1 order by close desc')])
    engine.apply([_trade([("NSE:A", 1, 5), ("NSE:B", 1, 7), ("NSE:C", 1, 7)]), m.heartbeat(2)])
    assert _members(engine)["x"] == ["NSE:B", "NSE:C", "NSE:A"]


WALK = st.lists(
    st.tuples(st.sampled_from(m.KEYS), st.integers(0, 30), st.integers(-3, 3), st.booleans()), min_size=1, max_size=80
)


def _frames(walk: list[tuple[str, int, int, bool]]) -> list[Frame]:
    """Ticks and heartbeats of prices that wander about 100."""
    prices = dict.fromkeys(m.KEYS, 100.0)
    second, found = 0.0, []
    for key, wait, step, beats in walk:
        second += wait
        prices[key] += step * 0.5
        found.append(_trade([(key, second, prices[key])]))
        if beats:
            found.append(m.heartbeat(second + 0.5))
    return [*found, m.heartbeat(second + 1)]


@settings(max_examples=40, deadline=None)
@given(WALK, st.lists(st.integers(0, 160), max_size=4), st.integers(0, 160))
def test_members_follow_from_the_log_alone(
    walk: list[tuple[str, int, int, bool]], cuts: list[int], restart: int
) -> None:
    frames = [*(_stand(name, text) for name, text in TEXTS.items()), *_frames(walk)]
    fresh = _new()
    fresh.apply(frames)
    expected = _moves(_screens(fresh).take_deltas())

    engine, found = _new(), []
    edges = sorted({0, *(min(cut, len(frames)) for cut in [*cuts, restart]), len(frames)})
    for begin, end in itertools.pairwise(edges):
        if begin == min(restart, len(frames)):
            engine = Engine.restore(engine.checkpoint(), EngineConfig(), m.table, (_few,))
        engine.apply(frames[begin:end])
        found += _moves(_screens(engine).take_deltas())
    assert found == expected
    assert _members(engine) == _members(fresh)

    # what was told, put together, is what there is
    held: dict[str, set[int]] = {name: set() for name in _screens(fresh).screens}
    for screen_id, _, _, count, events in expected:
        for event, row in events:
            (held[screen_id].add if event == "enter" else held[screen_id].remove)(row)
        assert len(held[screen_id]) == count
    keys = fresh.keys()
    assert {name: {keys[row] for row in rows} for name, rows in held.items()} == {
        name: set(rows) for name, rows in _members(fresh).items()
    }


@settings(max_examples=15, deadline=None)
@given(WALK)
def test_parts_put_together_are_the_whole(walk: list[tuple[str, int, int, bool]]) -> None:
    alone = {name: TEXTS[name] for name in ("high", "mean", "busy", "cross")}
    engine = _new()
    engine.apply([*(_stand(name, text) for name, text in alone.items()), *_frames(walk)])
    operator = _screens(engine)
    arrays = operator.checkpoint(3)
    for rows in ([0, 2], [1]):
        part = operator.split(arrays, np.array(rows), 3)
        assert set(part["row"].tolist()) <= set(range(len(rows)))
    parts = [operator.split(arrays, np.array(rows), 3) for rows in ([0, 2], [1])]
    joined = operator.merge(parts, np.array([0, 2, 1]), [2, 1])
    meta, again = (json.loads(one["meta"].tobytes()) for one in (arrays, joined))
    pairs = {(meta["order"][s], r) for s, r in zip(arrays["screen"].tolist(), arrays["row"].tolist(), strict=True)}
    assert pairs == {
        (again["order"][s], r) for s, r in zip(joined["screen"].tolist(), joined["row"].tolist(), strict=True)
    }
    assert meta["screens"] == again["screens"]
    for name in meta["past"]:
        assert np.array_equal(arrays[f"past.{name}"], joined[f"past.{name}"], equal_nan=True)
