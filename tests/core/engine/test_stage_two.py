"""Stage two: the market at a time does not depend on how shards are split, messages cut, mixed or repeated."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.columns.frame import Columns, Frame, FrameKind, decode, encode
from marketbell.core.columns.rows import ChangedRows, changed_rows, rows_frame
from marketbell.core.engine.cross_section import evaluate
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.lists import READ, Universe, market_lists
from marketbell.core.engine.merge import NEVER
from marketbell.core.engine.stage_two import Moment, StageTwo
from marketbell.core.engine.telling import Teller
from marketbell.core.engine.universes import Membership
from marketbell.core.engine.view import BAR_FIELDS
from marketbell.core.language.fields import FIELDS
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, MINUTE, SECOND, SessionTable
from marketbell.core.primitives.errors import CheckpointError, UserError
from marketbell.core.primitives.identity import SHARDS

INSTRUMENTS = [
    Instrument(
        f"NSE:S{number:02d}",
        sector=("IT", "Energy", "Metals")[number % 3],
        indices=("NIFTY50",) if number % 4 else (),
        kind="index" if number == 11 else "equity",
    )
    for number in range(24)
]
NAMES = ("above", *READ)
CROSS = {
    "rank": ("rank", "change_pct", "NIFTY50"),
    "pct": ("pct_of", "above", "ALL"),
    "avg": ("avg_of", "turnover", "IT"),
    "dated": ("avg_of", "close", "FNO"),
}
DATED = (
    Membership("FNO", "NSE:S01", until=30),
    Membership("FNO", "NSE:S02", since=20),
    Membership("FNO", "NSE:S03", 10, 40),
)


@dataclass(frozen=True)
class Change:
    """One entry of the whole market's log: the state of some rows at a time."""

    at: int
    rows: tuple[int, ...]
    seed: int


def values_of(seed: int, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    random = np.random.default_rng(seed)
    values = np.round(random.normal(1, 3, (len(NAMES), count)), 1) * 10.0 ** random.integers(-3, 9, (len(NAMES), count))
    values[0] = random.integers(0, 2, count)
    values[random.random(values.shape) < 0.15] = np.nan
    return values


@st.composite
def logs(draw: st.DrawFn) -> list[Change]:
    at, log = 0, []
    for _ in range(draw(st.integers(1, 12))):
        at += draw(st.integers(0, 7))
        rows = draw(st.sets(st.integers(0, len(INSTRUMENTS) - 1), min_size=1, max_size=8))
        log.append(Change(at, tuple(sorted(rows)), draw(st.integers(0, 2**32 - 1))))
    return log


def told_by(log: Sequence[Change], mine: Sequence[int], group: str, cuts: set[int], *, end: int) -> list[ChangedRows]:
    """One group's messages: its rows of the log; a message ends after each entry in `cuts`."""
    every = np.array([int(INSTRUMENTS[row].instrument_id) for row in mine], np.int64)
    messages = [
        ChangedRows(
            group,
            first=0,
            last=0,
            heartbeat=-1,
            at=np.full(len(mine), -1),
            instrument_id=every,
            event_time=np.zeros(len(mine), np.int64),
            names=("close",),
            values=np.full((1, len(mine)), np.nan),
            epoch="e",
            instruments=tuple(INSTRUMENTS[row].as_dict() for row in mine),
            is_full=True,
        )
    ]
    begun, rows, parts = 0, [], []
    for place, change in enumerate(log):
        values = values_of(change.seed, len(change.rows))
        for n, row in enumerate(change.rows):
            if row in mine:
                rows.append((change.at, row))
                parts.append(values[:, n])
        # a message must not end between two changes of one time
        is_last = place == len(log) - 1 or log[place + 1].at > change.at
        if is_last and (place in cuts or place == len(log) - 1):
            at = np.array([time for time, _ in rows], np.int64)
            ids = np.array([int(INSTRUMENTS[row].instrument_id) for _, row in rows], np.int64)
            found = np.array(parts).T.reshape(len(NAMES), len(rows))
            heartbeat = end if place == len(log) - 1 else change.at
            messages.append(ChangedRows(group, begun, place + 1, heartbeat, at, ids, at + 5, NAMES, found, epoch="e"))
            begun, rows, parts = place + 1, [], []
    return messages


def split(size: int, seed: int) -> list[list[int]]:
    """Rows of each of `size` groups, whole shards together."""
    home = np.random.default_rng(seed).integers(0, size, SHARDS)
    return [[row for row, one in enumerate(INSTRUMENTS) if home[one.shard] == group] for group in range(size)]


def seen(stage: StageTwo, moment: Moment) -> tuple[Any, ...]:
    """Everything that can be read at a moment, in comparable form."""
    table = stage.table
    columns = {name: table.column(name).tobytes() for name in NAMES}
    cross = {name: stage.cross(name).tobytes() for name in CROSS}
    keys = [table.keys[row] for row in moment.rows]
    return moment.time, keys, table.keys, table.event_time.tobytes(), columns, cross, repr(stage.lists(5))


def begin(groups: Sequence[str], every: int) -> StageTwo:
    stage = StageTwo(groups, every=every, dated=DATED)
    for name, (function, column, universe) in CROSS.items():
        stage.watch(name, function, column, universe)
    return stage


def run(stage: StageTwo, messages: Sequence[ChangedRows]) -> list[tuple[Any, ...]]:
    found = []
    for message in messages:
        stage.take(message)
        while (moment := stage.step()) is not None:
            found.append(seen(stage, moment))
    return found


@settings(max_examples=30, deadline=None)
@given(logs(), st.sampled_from([2, 3, 7]), st.integers(0, 2**32 - 1), st.sampled_from([1, 5, 250]))
def test_the_market_does_not_depend_on_the_split(log: list[Change], size: int, seed: int, every: int) -> None:
    whole = list(range(len(INSTRUMENTS)))
    end = 1_000
    expected = run(begin(["all"], every), told_by(log, whole, "all", set(range(len(log))), end=end))
    random = np.random.default_rng(seed)
    queues = [
        told_by(log, rows, f"g{group}", set(random.integers(0, len(log), random.integers(0, 9)).tolist()), end=end)
        for group, rows in enumerate(split(size, seed))
    ]
    stage = begin([f"g{group}" for group in range(size)], every)
    found: list[tuple[Any, ...]] = []
    sent: list[ChangedRows] = []
    while any(queues):
        queue = queues[int(random.choice([at for at, one in enumerate(queues) if one]))]
        message = changed_rows(decode(encode(rows_frame(queue.pop(0)))))
        sent.append(message)
        again = [one for one in sent if random.random() < 0.1]
        found += run(stage, [message, *again])
        if random.random() < 0.2:
            stage = StageTwo.restore({name: array.copy() for name, array in stage.checkpoint().items()})
    assert found == expected
    assert stage.merge.rows_waiting == 0


@settings(max_examples=25, deadline=None)
@given(logs())
def test_a_moment_is_a_function_of_the_table(log: list[Change]) -> None:
    stage = begin(["all"], 1)
    for message in told_by(log, range(len(INSTRUMENTS)), "all", set(), end=1_000):
        stage.take(message)
        while (moment := stage.step()) is not None:
            table = stage.table
            for name, (function, column, universe) in CROSS.items():
                mask = stage.universes.mask(universe, moment.time)
                assert stage.cross(name).tobytes() == evaluate(function, table.column(column), mask).tobytes()
            columns = {name: table.column(name) for name in READ}
            assert stage.lists(4) == market_lists(Universe.of(table.instruments), columns, 4, {})


def message(group: str, first: int, last: int, heartbeat: int, **more: Any) -> ChangedRows:
    """A message with the row 0 at price `price`, if given."""
    price = more.pop("price", None)
    row = more.pop("row", 0)
    count = 0 if price is None else 1
    at = np.full(count, more.pop("at", heartbeat), np.int64)
    ids = np.full(count, int(INSTRUMENTS[row].instrument_id), np.int64)
    return ChangedRows(
        group, first, last, heartbeat, at, ids, at, ("close",), np.full((1, count), price, np.float64), **more
    )


def full(group: str, row: int, last: int, heartbeat: int, **more: Any) -> ChangedRows:
    found = message(group, last, last, heartbeat, price=1.0, row=row, is_full=True, **more)
    return replace(found, instruments=(INSTRUMENTS[row].as_dict(),))


def times(stage: StageTwo) -> list[int]:
    found = []
    while (moment := stage.step()) is not None:
        found.append(moment.time)
    return found


def test_a_silent_group_holds_back_visibly() -> None:
    stage = StageTwo(["a", "b"])
    assert [(one.group, one.since, one.reason) for one in stage.merge.waiting()] == [
        ("a", NEVER, "never heard"),
        ("b", NEVER, "never heard"),
    ]
    stage.take(full("a", 0, 1, 100))
    stage.take(message("b", 5, 6, 100))
    assert stage.merge.waiting()[0].reason == "full rows asked for"
    assert stage.merge.asks_for_full() == ("b",)
    assert times(stage) == []
    stage.take(full("b", 1, 7, 90))
    assert times(stage) == [90]
    stage.take(message("a", 1, 2, 350, price=3.0))
    (waiting,) = stage.merge.waiting()
    assert (waiting.group, waiting.since, waiting.behind, waiting.reason) == ("b", 90, 260, "silent")
    assert times(stage) == []
    assert stage.merge.rows_waiting == 2
    stage.take(message("b", 7, 8, 350))
    assert times(stage) == [100, 350]
    assert stage.merge.waiting() == ()
    assert stage.table.column("close").tolist() == [3, 1]


def test_a_returning_group_repeats_and_overlaps() -> None:
    stage = StageTwo(["a"])
    stage.take(full("a", 0, 1, 100))
    assert stage.take(message("a", 1, 2, 200, price=2.0))
    assert times(stage) == [100, 200]
    assert not stage.take(message("a", 1, 2, 200, price=9.0))
    assert not stage.take(full("a", 0, 1, 100))
    both = message("a", 1, 3, 300, price=3.0)
    twice = replace(
        both,
        at=np.array([200, 300]),
        instrument_id=both.instrument_id.repeat(2),
        event_time=np.array([200, 300]),
        values=np.array([[9.0, 3.0]]),
    )
    assert stage.take(twice)
    assert times(stage) == [300]
    assert stage.table.column("close").tolist() == [3]
    counts = stage.merge.counts()["a"]
    assert (counts["repeats"], counts["gaps"], counts["late_rows"]) == (2, 0, 0)


def test_a_gap_is_counted_and_mended_by_full_rows() -> None:
    stage = StageTwo(["a"])
    stage.take(full("a", 0, 1, 100))
    stage.take(message("a", 4, 5, 200, price=2.0))
    assert stage.merge.asks_for_full() == ("a",)
    assert stage.merge.counts()["a"]["gaps"] == 1
    stage.take(full("a", 0, 5, 201))
    assert stage.merge.asks_for_full() == ()
    assert times(stage) == [100, 200, 201]
    assert stage.merge.position("a") == ("", 5)


def test_an_owner_that_was_overtaken_is_not_heard() -> None:
    stage = StageTwo(["a"])
    stage.take(full("a", 0, 1, 100, fence=4))
    assert not stage.take(message("a", 1, 2, 200, price=9.0, fence=3))
    assert stage.take(message("a", 1, 2, 200, price=2.0, fence=5))
    assert times(stage) == [100, 200]
    assert stage.table.column("close").tolist() == [2]
    assert stage.merge.counts()["a"]["overtaken"] == 1
    assert not stage.take(full("stranger", 1, 1, 100))


def test_a_new_log_needs_full_rows_and_time_never_falls() -> None:
    stage = StageTwo(["a"])
    stage.take(full("a", 0, 7, 100, epoch="one"))
    assert times(stage) == [100]
    assert not stage.take(message("a", 0, 1, 50, price=5.0, epoch="two"))
    assert stage.merge.waiting()[0].reason == "full rows asked for"
    assert stage.take(full("a", 0, 1, 60, epoch="two"))
    assert stage.take(message("a", 1, 2, 70, price=6.0, epoch="two"))
    assert stage.take(message("a", 2, 3, 300, price=7.0, epoch="two"))
    assert times(stage) == [101, 300]
    assert stage.table.column("close").tolist() == [7]


def test_full_rows_take_away_what_is_gone() -> None:
    stage = StageTwo(["a", "b"])
    both = full("a", 0, 1, 100)
    stage.take(replace(both, instruments=(INSTRUMENTS[0].as_dict(), INSTRUMENTS[2].as_dict())))
    stage.take(full("b", 1, 1, 100))
    assert times(stage) == [100]
    assert stage.table.keys == ("NSE:S00", "NSE:S01", "NSE:S02")
    stage.watch("r", "rank", "close", "Energy")
    stage.take(full("a", 0, 2, 200))
    stage.take(message("b", 1, 2, 200))
    moment = stage.step()
    assert moment is not None
    assert moment.has_moved
    assert stage.table.keys == ("NSE:S00", "NSE:S01")
    assert np.array_equal(stage.cross("r"), [np.nan, 1], equal_nan=True)


def test_shards_may_go_to_other_groups() -> None:
    stage = StageTwo(["0-63"])
    stage.take(replace(full("0-63", 0, 1, 100), instruments=tuple(INSTRUMENTS[row].as_dict() for row in (0, 1))))
    assert times(stage) == [100]
    stage.merge.expect(["0-31", "32-63"])
    stage.take(full("0-31", 0, 9, 200))
    assert times(stage) == []
    stage.take(full("32-63", 1, 9, 200))
    assert times(stage) == [200]
    assert stage.table.keys == ("NSE:S00", "NSE:S01")
    assert not stage.take(message("0-63", 1, 2, 300, price=9.0))
    stage.merge.expect(["0-15", "16-63"])
    stage.take(full("0-15", 3, 9, 300))
    stage.take(full("16-63", 1, 9, 310))
    assert times(stage) == [300]
    assert stage.table.keys == ("NSE:S00", "NSE:S01", "NSE:S03")
    stage.take(message("0-15", 9, 10, 310))
    assert times(stage) == [310]
    assert stage.table.keys == ("NSE:S01", "NSE:S03")  # nobody has S00 any more


def test_rows_behind_their_heartbeat_and_strangers_are_counted() -> None:
    stage = StageTwo(["a"])
    stage.take(full("a", 0, 1, 100))
    stage.take(message("a", 1, 2, 200, price=4.0, at=90))
    stage.take(message("a", 2, 3, 300, price=4.0, row=5))
    assert times(stage) == [100, 101, 300]
    counts = stage.merge.counts()["a"]
    assert (counts["late_rows"], counts["unknown_rows"]) == (1, 1)


def test_watching_what_there_is_not() -> None:
    stage = StageTwo(["a"])
    stage.watch("early", "rank", "close", "NIFTY50")
    stage.take(full("a", 0, 1, 100))
    assert times(stage) == [100]
    assert np.isnan(stage.cross("early")).all()  # nobody is in the index
    assert stage.foreign("NSE:S00", "close") == 1
    assert np.isnan(stage.foreign("NSE:S00", "volume"))
    with pytest.raises(UserError, match="NSE:X"):
        stage.foreign("NSE:X", "close")
    with pytest.raises(UserError, match="NIFTY50"):
        stage.watch("late", "rank", "close", "NIFTY50")
    with pytest.raises(UserError, match="median"):
        stage.watch("odd", "median_of", "close", "ALL")
    stage.unwatch("early")
    with pytest.raises(KeyError):
        stage.cross("early")


def test_a_checkpoint_of_another_kind_is_refused() -> None:
    arrays = StageTwo(["a"]).checkpoint()
    with pytest.raises(CheckpointError):
        StageTwo.restore({name: array for name, array in arrays.items() if name != "table.values"})
    with pytest.raises(CheckpointError, match="version"):
        StageTwo.restore(arrays | {"meta": np.frombuffer(b'{"version": 99}', np.uint8)})


def test_a_teller_follows_the_log_also_where_its_clock_stands() -> None:
    teller = Teller("a", ("close", "change_pct"), epoch="e", position=3)
    stage = StageTwo(["a"])
    rows = np.array([0, 1])
    columns = {"close": np.array([1.0, 2.0]), "event_time": np.array([7, 8]), "day.high": np.array([3.0, 3.0])}
    stage.take(teller.tell(rows, columns, INSTRUMENTS[:2], position=4, now=100, is_full=True))
    one = {name: column[:1] * 5 for name, column in columns.items()}
    later = teller.tell(rows[:1], one, INSTRUMENTS[:2], position=5, now=100)
    assert (later.first, later.last, later.at.tolist(), later.instruments) == (4, 5, [101], ())
    stage.take(later)
    assert times(stage) == [100, 101]
    assert stage.table.column("close").tolist() == [5, 2]
    assert stage.table.event_time.tolist() == [35, 8]
    assert "day.high" not in stage.table.columns
    renewed = [INSTRUMENTS[0], replace(INSTRUMENTS[1], sector="Banks")]
    again = teller.tell(
        np.array([1]), {name: column[1:] for name, column in columns.items()}, renewed, position=6, now=200
    )
    assert [one["key"] for one in again.instruments] == ["NSE:S01"]
    stage.take(again)
    moment = stage.step()
    assert moment is not None
    assert moment.has_moved
    assert stage.table.instruments[1].sector == "Banks"


FIRST = 18_700 * DAY + 4 * 3_600 * SECOND


def sessions(name: str) -> SessionTable:
    days = np.arange(18_700, 18_703, dtype=np.int64)
    opens = days * DAY + 4 * 3_600 * SECOND
    return SessionTable(name, "UTC", opens, opens + 60 * MINUTE, days, np.zeros(3, np.uint8))


def beat(now: int) -> Frame:
    return Frame(FrameKind.HEARTBEAT, 0, 7, 0, 0, now, now, 0)


@settings(max_examples=8, deadline=None)
@given(st.sampled_from([1, 2, 3, 7]), st.integers(0, 2**32 - 1))
def test_engines_over_split_shards_make_the_market_of_one_engine(size: int, seed: int) -> None:
    """Ticks through one engine, and through an engine a group behind stage two: equal lists at every heartbeat."""
    random = np.random.default_rng(seed)
    count = 900
    times = FIRST + np.cumsum(random.integers(0, SECOND, count))
    which = random.integers(0, len(INSTRUMENTS), count)
    trades: Columns = {
        "instrument_id": np.array([int(one.instrument_id) for one in INSTRUMENTS], np.int64)[which],
        "event_time": times - random.integers(0, 3, count) * SECOND,
        "ingest_time": times,
        "price": np.round(100 + random.normal(0, 3, count), 1),
        "volume": np.cumsum(random.integers(0, 50, count)).astype(np.float64),
    }
    groups = {f"g{at}": rows for at, rows in enumerate(split(size, seed))}
    whole = Engine(EngineConfig(), sessions)
    whole.define([INSTRUMENTS[row] for row in random.permutation(len(INSTRUMENTS))])
    engines = {name: Engine(EngineConfig(), sessions) for name in groups}
    for name, rows in groups.items():
        engines[name].define([INSTRUMENTS[row] for row in rows])
    names = (*(field.name for field in FIELDS if field.name not in {"src.age", "event_time"}), *BAR_FIELDS)
    tellers = {name: Teller(name, names, epoch="e") for name in groups}
    stage = StageTwo(groups)
    for position, beats in enumerate(np.array_split(np.arange(count), 25), start=1):
        now = int(times[beats[-1]])
        whole.apply_trades({name: column[beats] for name, column in trades.items()})
        whole.apply([beat(now)])
        for name, rows in groups.items():
            own = beats[np.isin(which[beats], rows)]
            engine = engines[name]
            if len(own):
                engine.apply_trades({column: values[own] for column, values in trades.items()})
            engine.apply([beat(now)])
            changed = np.arange(len(rows)) if position == 1 else engine.take_changed()
            columns = engine.columns(changed)
            stage.take(
                tellers[name].tell(
                    changed, columns, engine.instruments, position=position, now=now, is_full=position == 1
                )
            )
        moment = stage.step()
        assert moment is not None
        assert moment.time == now
        order = np.argsort(whole.keys())
        columns = whole.columns()
        for name in names:
            if name in columns:
                assert stage.table.column(name).tobytes() == columns[name][order].astype(np.float64).tobytes(), name
        assert stage.table.event_time.tolist() == columns["event_time"][order].tolist()
        assert stage.lists(10) == whole.lists(10)
