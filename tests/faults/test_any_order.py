"""Duplicated, reordered and late ticks, and a log cut anywhere: the fault matrix's row 13.

Bars of a disturbed feed are those of the ordered one, as far as it stays inside the allowed lateness. Rules at
ticks follow the log as it stands: they fire alike however often an engine was stopped and restored on the way.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.outputs import Outputs
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, SessionTable

pytestmark = pytest.mark.faults

SHORT, FULL = 100, 10_000
SECOND = 1_000_000_000
OPEN = 11_000 * DAY
INSTRUMENTS = [Instrument(key=f"NONE:T{n}", calendar="NONE") for n in range(3)]
EXACT = ("instrument_id", "start", "open", "high", "low", "close", "volume", "trades")
"""What does not depend on the order of arrival; the sizes behind a bar's vwap do."""


def _day(name: str) -> SessionTable:
    opens = np.array([OPEN], np.int64)
    return SessionTable(name, "UTC", opens, opens + DAY // 4, opens // DAY, np.zeros(1, np.uint8))


def ordered(chance: np.random.Generator, count: int) -> Columns:
    """A feed in order: every instrument's ticks have times and volumes of their own."""
    which = chance.integers(0, len(INSTRUMENTS), count)
    time = OPEN + SECOND + np.cumsum(chance.integers(1, 4 * SECOND, count))
    volume, price = np.empty(count), np.empty(count)
    for n in range(len(INSTRUMENTS)):
        mine = which == n
        volume[mine] = np.cumsum(chance.integers(1, 50, int(mine.sum())))
        price[mine] = np.round(100 + np.cumsum(chance.normal(0, 0.4, int(mine.sum()))), 2)
    ids = np.array([int(one.instrument_id) for one in INSTRUMENTS])[which]
    return {"instrument_id": ids, "event_time": time, "ingest_time": time.copy(), "price": price, "volume": volume}


def disturbed(chance: np.random.Generator, feed: Columns) -> Columns:
    """The same ticks with delays below two seconds, some twice, and some strange ones that are too late."""
    count = len(feed["price"])
    time = np.asarray(feed["event_time"], np.int64)
    arrival = time + chance.integers(0, 2 * SECOND, count)
    twice = np.flatnonzero(chance.random(count) < 0.2)
    again = arrival[twice] + chance.integers(0, 1 + np.maximum(0, time[twice] + 2 * SECOND - arrival[twice]))
    late = np.flatnonzero(chance.random(count) < 0.1)
    rows = np.concatenate([np.arange(count), twice, late])
    # one nanosecond behind the tick that shows that the copy is late
    order = np.argsort(np.concatenate([arrival, again, arrival[late] + 1]), kind="stable")
    found: Columns = {name: column[rows].copy() for name, column in feed.items()}
    end = count + len(twice)
    found["event_time"][end:] = time[late] - 2 * SECOND - 1  # type: ignore[index]
    found["price"][end:] = 1.0
    found = {name: column[order] for name, column in found.items()}
    found["ingest_time"] = np.maximum(found["event_time"], np.sort(arrival)[0])
    return found


def engine() -> Engine:
    one = Engine(EngineConfig(), _day)
    one.define(INSTRUMENTS)
    return one


def whole(outputs: list[Outputs]) -> dict[str, Any]:
    """Bars by instrument and time, and the firings."""
    minutes = {name: np.concatenate([out.bars_1m[name] for out in outputs]) for name in outputs[0].bars_1m}
    days = {name: np.concatenate([out.bars_1d[name] for out in outputs]) for name in outputs[0].bars_1d}
    found: dict[str, Any] = {}
    for timeframe, bars in (("1m", minutes), ("1d", days)):
        order = np.lexsort((bars["start"], bars["instrument_id"]))
        found[timeframe] = {name: bars[name][order].tolist() for name in bars}
    found["fired"] = [(one.rule_uid, one.event_time, one.nth, one.value) for out in outputs for one in out.fired]
    return found


def run(feed: Columns, cuts: list[int], *, restores: bool) -> dict[str, Any]:
    """Apply a feed in pieces; with `restores` each piece meets an engine from the checkpoint of the last one."""
    one = engine()
    outputs = [one.apply([_arm(at, instrument) for at, instrument in enumerate(INSTRUMENTS)])]
    for low, high in zip([0, *cuts], [*cuts, len(feed["price"])], strict=True):
        outputs.append(one.apply_trades({name: column[low:high] for name, column in feed.items()}))
        if restores:
            arrays = {name: array.copy() for name, array in one.checkpoint().items()}
            one = Engine.restore(arrays, EngineConfig(), _day)
    outputs.append(one.finish())
    return whole(outputs)


def _arm(at: int, instrument: Instrument) -> Frame:
    import json

    command = {
        "type": "batch",
        "items": [
            {
                "type": "arm_level",
                "rule_uid": f"{at}-{direction}-{level}",
                "version": 1,
                "rule": "r",
                "owner_id": "owner",
                "instrument_id": int(instrument.instrument_id),
                "field": "close",
                "direction": direction,
                "level": level,
                "definition_hash": "00" * 16,
                "fire": "every time",
                "expires_at": None,
                "notify": [],
            }
            for direction in ("above", "below")
            for level in (99.0, 99.8, 100.0, 100.5)
        ],
    }
    return Frame(FrameKind.COMMAND, 0, 0, 0, 0, OPEN, OPEN, 0, {}, json.dumps(command).encode())


def test_disturbed_ticks_and_a_log_that_is_cut_anywhere(request: pytest.FixtureRequest) -> None:
    is_full = request.config.getoption("full", default=False)
    fired = 0

    @settings(max_examples=FULL if is_full else SHORT, deadline=None, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 150), cuts=st.lists(st.integers(0, 200), max_size=5))
    def holds(seed: int, count: int, cuts: list[int]) -> None:
        nonlocal fired
        chance = np.random.default_rng(seed)
        feed = ordered(chance, count)
        log = disturbed(chance, feed)
        places = sorted(min(cut, len(log["price"])) for cut in cuts)
        in_order, as_it_came = run(feed, [], restores=False), run(log, [], restores=False)
        for timeframe in ("1m", "1d"):
            for name in EXACT:
                assert as_it_came[timeframe][name] == in_order[timeframe][name], (timeframe, name)
        assert repr(run(log, places, restores=True)) == repr(as_it_came)
        fired += len(as_it_came["fired"])

    holds()
    assert fired
