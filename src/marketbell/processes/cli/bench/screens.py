"""Screens: the first 50 of 10,000 instruments beside polars, DuckDB and PostgreSQL; many that stand, and changes."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import duckdb
import numpy as np
import polars as pl
import psutil
import psycopg
from numpy.typing import NDArray

from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.predicates import Batch
from marketbell.core.language.fields import BY_NAME
from marketbell.core.language.plan import Op, Plan
from marketbell.core.language.reader import parse_screen
from marketbell.core.market.instrument import Instrument
from marketbell.core.screening.compiled import Compiled, compiled
from marketbell.core.screening.member_kernel import ENTER, LEAVE
from marketbell.core.screening.members import FRESH, Members
from marketbell.core.screening.newest import Who
from marketbell.core.screening.table import Screener, read, ready
from marketbell.processes.cli.bench.peer_postgres import postgres
from marketbell.processes.cli.bench.rows import BenchRow, in_turn, seconds
from marketbell.wiring.calendars import calendars

INSTRUMENTS = 10_000
COLUMNS = 60
TOP = 50
RUNS = 201
CPU_RUNS, CPU_CALLS = 5, 300
SEED = 20_260_804
SCREENS = (1_000, 10_000)
CHANGES = 2_001
STEP = 0.002
"""How far a value moves at a change, relative."""

Floats = NDArray[np.float64]

_CONDITIONS = "fund.pe < 20 and fund.roe > 12 and change_pct > -2 and volume > 50000"
_TEXT = f'screen "x" when {_CONDITIONS} order by change_pct desc limit {TOP} columns close'
_WHERE = '"fund.pe" < 20 and "fund.roe" > 12 and change_pct > -2 and volume > 50000'
_SQL = f"select key, close from market where {_WHERE} order by change_pct desc, key limit {TOP}"  # noqa: S608 — ours
_INDEX = 'create index on market (change_pct desc, key) include ("fund.pe", "fund.roe", volume, close)'
_TARGETS = {"polars": 3.6, "PostgreSQL": 2.9, "DuckDB": 12.0}
"""What the peers needed where the design was written, over its 0.1 ms."""


def run() -> list[BenchRow]:
    """All rows. RuntimeError where ours and the peers do not agree."""
    return [*_first(), *_standing()]


def _market() -> tuple[list[Instrument], dict[str, Floats]]:
    """Instruments and 60 columns of them; one value in twenty is unknown."""
    rng = np.random.default_rng(SEED)
    instruments = [Instrument(f"NONE:S{n:05d}", calendar="NONE") for n in range(INSTRUMENTS)]
    names = ["close", "volume", "change_pct", "fund.pe", "fund.roe"]
    names += [name for name in BY_NAME if name not in names][: COLUMNS - len(names)]
    columns = {name: rng.uniform(1, 100, INSTRUMENTS) for name in names}
    columns["change_pct"] = rng.normal(0, 3, INSTRUMENTS)
    columns["volume"] = rng.uniform(0, 1e6, INSTRUMENTS)
    for column in columns.values():
        column[rng.random(INSTRUMENTS) < 0.05] = np.nan
    return instruments, columns


# --- on demand -----------------------------------------------------------------------------------------------


def _first() -> list[BenchRow]:
    instruments, columns = _market()
    who = Who(instruments)
    prepared = ready(compiled(parse_screen(_TEXT)))
    values = [columns[prepared.compiled.whole.nodes[item.node].name] for item in prepared.items]
    everybody = np.ones(INSTRUMENTS, np.bool_)

    def ours() -> Any:
        return read(prepared, values, everybody, who, None, limit=TOP, offset=0, as_of=0)

    frame = pl.DataFrame(
        {"key": who.universe.keys} | {name: pl.Series(one).fill_nan(None) for name, one in columns.items()}
    )
    wanted = (
        (pl.col("fund.pe") < 20) & (pl.col("fund.roe") > 12) & (pl.col("change_pct") > -2) & (pl.col("volume") > 50_000)
    )

    def by_polars() -> Any:
        return (
            frame.filter(wanted)
            .select("key", "close", "change_pct")
            .top_k(TOP, by=["change_pct", "key"], reverse=[False, True])
            .sort(["change_pct", "key"], descending=[True, False])
        )

    database = duckdb.connect()
    database.execute("create table market as select * from frame")
    statement = database.cursor()

    def by_duckdb() -> Any:
        return statement.execute(_SQL).fetchall()

    screener, screen = _screener(instruments)

    def from_engine() -> Any:
        return screener.find(screen, limit=TOP)

    with _postgres(who.universe.keys, columns) as by_postgres:
        expected = list(ours().keys)
        for name, found in (
            ("polars", by_polars()["key"].to_list()),
            ("DuckDB", [row[0] for row in by_duckdb()]),
            ("PostgreSQL", [row[0] for row in by_postgres()]),
        ):
            if found != expected:
                message = f"{name} finds others than ours"
                raise RuntimeError(message)
        if len(from_engine().keys) != TOP:
            message = "the engine's market has too few that meet the screen"
            raise RuntimeError(message)
        works: list[Callable[[], Any]] = [ours, by_polars, by_postgres, by_duckdb, from_engine]
        mine, *theirs, asked = in_turn(RUNS, *(lambda one=one: 1e3 * seconds(one) for one in works))
        servers = (None, None, by_postgres.server, None)
        spent, *they_spent = in_turn(
            CPU_RUNS, *(partial(_cpu, one, server) for one, server in zip(works[:4], servers, strict=True))
        )
    case = f"first {TOP} of {INSTRUMENTS:,} × {COLUMNS}, four conditions; ours with chips and unknown counted"
    rows = [
        BenchRow(case, "ms", mine, found, name, _TARGETS[name], higher_is_better=False)
        for name, found in zip(("polars", "PostgreSQL", "DuckDB"), theirs, strict=True)
    ]
    rows.append(BenchRow(case, "ms", mine, 0.1, "the design's 0.1 ms", 1.0, higher_is_better=False))
    rows += [
        BenchRow(
            "the same, CPU time of one question, all threads", "ms CPU", spent, found, name, higher_is_better=False
        )
        for name, found in zip(("polars", "PostgreSQL with its client", "DuckDB"), they_spent, strict=True)
    ]
    case = f"the same asked of a running engine of {INSTRUMENTS:,}: columns made from its rows first"
    rows.append(BenchRow(case, "ms", asked, theirs[0], "polars, columns ready", None, higher_is_better=False))
    return rows


def _cpu(work: Callable[[], Any], server: psutil.Process | None) -> float:
    """CPU time of one call in ms, of this process's threads and of a server's."""
    before = time.process_time() + _spent(server)
    for _ in range(CPU_CALLS):
        work()
    return 1e3 * (time.process_time() + _spent(server) - before) / CPU_CALLS


def _spent(server: psutil.Process | None) -> float:
    if server is None:
        return 0.0
    times = server.cpu_times()
    return float(times.user + times.system)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A prepared statement: calling it gives the rows. `server` is the process that works for us."""

    cursor: Any
    server: psutil.Process

    def __call__(self) -> Any:
        return self.cursor.execute(_SQL, prepare=True).fetchall()


@contextmanager
def _postgres(keys: tuple[str, ...], columns: dict[str, Floats]) -> Iterator[_Asked]:
    """The market as a table with an index that has the order and everything asked; a prepared statement."""
    with postgres() as url, psycopg.connect(url, autocommit=True) as connection:
        names = ", ".join(f'"{name}" double precision' for name in columns)
        connection.execute(f'create table market (key text collate "C", {names})')
        with connection.cursor() as cursor, cursor.copy("copy market from stdin") as copy:
            for key, *values in zip(keys, *(column.tolist() for column in columns.values()), strict=True):
                copy.write_row((key, *(None if np.isnan(value) else value for value in values)))
        connection.execute(_INDEX)
        connection.execute("vacuum analyze market")
        ask = _Asked(connection.cursor(binary=True), psutil.Process(connection.info.backend_pid))
        ask()
        yield ask


def _screener(instruments: list[Instrument]) -> tuple[Screener, Any]:
    """An engine with a price, a volume, and published earnings of everybody, and the screen for it."""
    rng = np.random.default_rng(SEED)
    engine = Engine(EngineConfig(), calendars().sessions)
    engine.define(instruments)
    start = 20_000 * 86_400_000_000_000
    names = ("fund.eps", "fund.roe")
    items = [
        {
            "instrument_id": int(one.instrument_id),
            "facts": [
                {"name": name, "value": float(rng.uniform(1, 40)), "published_at": 1, "period_end": "2024-03-31"}
                for name in names
            ],
        }
        for one in instruments
    ]
    facts = json.dumps({"type": "fundamentals", "items": items}).encode()
    engine.apply([Frame(FrameKind.REFERENCE, 0, 0, 0, 0, start, start, 0, {}, facts)])
    ids = np.array([int(one.instrument_id) for one in instruments], np.int64)
    count = 3 * INSTRUMENTS
    times = start + np.arange(count) * 200_000
    engine.apply_trades(
        {
            "instrument_id": np.tile(ids, 3),
            "event_time": times,
            "ingest_time": times,
            "price": np.round(100 + rng.normal(0, 3, count), 2),
            "volume": np.tile(rng.uniform(0, 1e6, INSTRUMENTS), 3) + np.repeat([0, 1, 2], INSTRUMENTS),
        }
    )
    return Screener(engine), parse_screen(_TEXT)


# --- standing ------------------------------------------------------------------------------------------------


def _standing() -> list[BenchRow]:
    rows = []
    before: float | None = None
    for count in SCREENS:
        members = _many(count)
        one = float(np.median(_changes(members))) * 1e6
        case = (
            f"{count:,} standing screens, one row of {INSTRUMENTS:,} changed by {STEP:.1%}: who entered, left, changed"
        )
        if before is None:
            rows.append(BenchRow(case, "us", one, 50.0, "the design's 50 us", 1.0, higher_is_better=False))
        else:
            rows.append(BenchRow(case, "us", one, before, "ours with a tenth of them", None, higher_is_better=False))
        before = one
        everybody = np.arange(INSTRUMENTS)
        took = [1e3 * seconds(partial(members.take, everybody, values)) for values in _steps(members)]
        case = f"{count:,} standing screens, all {INSTRUMENTS:,} rows changed by {STEP:.1%}"
        rows.append(BenchRow(case, "ms", float(np.median(took)), None, ""))
    return rows


def _many(count: int) -> Members:
    """So many screens with numbers of their own over the market."""
    rng = np.random.default_rng(SEED)
    _, columns = _market()
    members = Members(INSTRUMENTS)
    everybody = np.ones(INSTRUMENTS, np.bool_)
    pattern = compiled(parse_screen("fund.pe < 1.25 and fund.roe > 2.5 and change_pct > 3.75"))
    for n in range(count):
        numbers = {1.25: rng.uniform(5, 60), 2.5: rng.uniform(5, 40), 3.75: rng.normal(0, 2)}
        members.add(f"s{n}", _with(pattern, numbers), everybody)
    members.lay_out()
    x = np.ones((len(members.names), INSTRUMENTS))
    for at, name in enumerate(members.names):
        source = members.source(name)
        if name != FRESH and source is not None:
            screen, item = source
            x[at] = columns[screen.whole.nodes[item.node].name]
    members.take(np.arange(INSTRUMENTS), x, is_all=True)
    return members


def _with(pattern: Compiled, numbers: dict[float, float]) -> Compiled:
    """The screen with other numbers: compiling ten thousand texts is not what is measured."""
    nodes = tuple(
        replace(node, parameters=(numbers[node.parameters[0]],)) if node.op is Op.CONSTANT else node
        for node in pattern.whole.nodes
    )
    return replace(pattern, whole=Plan(nodes, pattern.whole.results))


def _steps(members: Members) -> Iterator[Floats]:
    """New values of everybody, five times and one to begin with."""
    rng = np.random.default_rng(SEED)
    fresh = members.names.index(FRESH)
    for _ in range(6):
        found = members.x * (1 + rng.normal(0, STEP, members.x.shape))
        found[fresh] = 1.0
        yield found


def _changes(members: Members) -> list[float]:
    """Seconds of each change of one row; what is told is held to an evaluation of every screen."""
    rng = np.random.default_rng(SEED)
    fresh = members.names.index(FRESH)
    everything = members.table.batch([one.truth for _, one in members.screens])
    took, moved = [], 0
    for n in range(CHANGES):
        row = rng.integers(0, INSTRUMENTS, 1)
        values = members.x[:, row] * (1 + rng.normal(0, STEP, (len(members.x), 1)))
        values[fresh] = 1.0
        held = _holders(everything, members.x[:, row]) if n % 20 == 0 else None
        began = time.perf_counter()
        changes = members.take(row, values)
        took.append(time.perf_counter() - began)
        entered = changes.screens[changes.what == ENTER]
        left = changes.screens[changes.what == LEAVE]
        moved += len(entered) + len(left)
        if held is not None:
            now = _holders(everything, values)
            expected = [np.flatnonzero(one).tolist() for one in (now & ~held, held & ~now)]
            if [entered.tolist(), left.tolist()] != expected:
                message = "others entered and left than a plain evaluation says"
                raise RuntimeError(message)
    if not moved:
        message = "nobody entered and nobody left: the benchmark measures nothing"
        raise RuntimeError(message)
    return took


def _holders(everything: Batch, values: Floats) -> NDArray[np.bool_]:
    """Which screens a row with these values is in, by all operations of all screens."""
    found: NDArray[np.bool_] = everything.run(values)[:, 0] == 1.0
    return found
