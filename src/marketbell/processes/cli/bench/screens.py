"""Screens: the first 50 of 10,000 instruments beside polars and DuckDB; many standing screens when one row changes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from marketbell.core.language.fields import BY_NAME
from marketbell.core.language.reader import parse_screen
from marketbell.core.market.instrument import Instrument
from marketbell.core.screening.compiled import compiled
from marketbell.core.screening.members import FRESH, Members
from marketbell.core.screening.newest import Who
from marketbell.core.screening.table import read, ready
from marketbell.processes.cli.bench.rows import BenchRow, in_turn, seconds

INSTRUMENTS = 10_000
COLUMNS = 60
TOP = 50
RUNS = 201
SEED = 20_260_804
SCREENS = (1_000, 10_000)

Floats = NDArray[np.float64]

_TEXT = (
    "when fund.pe < 20 and fund.roe > 12 and change_pct > -2 and volume > 50000 "
    f"order by change_pct desc limit {TOP} columns close"
)
_SQL = (
    'select key, close from market where "fund.pe" < 20 and "fund.roe" > 12 and change_pct > -2 and volume > 50000 '
    "order by change_pct desc, key limit 50"
)


def run() -> list[BenchRow]:
    """All rows. RuntimeError where ours and the peers do not agree."""
    return [*_first(), *_standing()]


def _market() -> tuple[list[Instrument], dict[str, Floats]]:
    """Instruments and 60 columns of them; one value in twenty is unknown."""
    rng = np.random.default_rng(SEED)
    instruments = [Instrument(f"NSE:S{n:05d}") for n in range(INSTRUMENTS)]
    names = ["close", "volume", "change_pct", "fund.pe", "fund.roe"]
    names += [name for name in BY_NAME if name not in names][: COLUMNS - len(names)]
    columns = {name: rng.uniform(1, 100, INSTRUMENTS) for name in names}
    columns["change_pct"] = rng.normal(0, 3, INSTRUMENTS)
    columns["volume"] = rng.uniform(0, 1e6, INSTRUMENTS)
    for column in columns.values():
        column[rng.random(INSTRUMENTS) < 0.05] = np.nan
    return instruments, columns


def _first() -> list[BenchRow]:
    instruments, columns = _market()
    who = Who(instruments)
    prepared = ready(compiled(parse_screen(f'screen "x" {_TEXT}')))
    x = np.stack([columns[prepared.compiled.whole.nodes[item.node].name] for item in prepared.items])
    rows = np.arange(INSTRUMENTS)

    def ours() -> Any:
        return read(prepared, x, rows, who, None, limit=TOP, offset=0, as_of=0)

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

    expected = list(ours().keys)
    for name, found in (("polars", by_polars()["key"].to_list()), ("DuckDB", [row[0] for row in by_duckdb()])):
        if found != expected:
            message = f"{name} finds others than ours"
            raise RuntimeError(message)
    mine, *theirs = in_turn(RUNS, *(lambda one=one: 1e3 * seconds(one) for one in (ours, by_polars, by_duckdb)))
    case = f"first {TOP} of {INSTRUMENTS:,} × {COLUMNS}, four conditions, chips and unknown counted"
    return [
        BenchRow(case, "ms", mine, found, name, None, higher_is_better=False)
        for name, found in zip(("polars", "DuckDB"), theirs, strict=True)
    ] + [BenchRow("the same, beside the budget of 0.1 ms", "ms", mine, 0.1, "budget", 1.0, higher_is_better=False)]


def _standing() -> list[BenchRow]:
    rows = []
    before: float | None = None
    for count in SCREENS:
        members, x = _many(count)
        row = np.array([0])
        values = x[:, :1].copy()

        def change(members: Members = members, row: NDArray[np.int64] = row, values: Floats = values) -> None:
            values *= 1.0001
            members.take(row, values)

        (found,) = in_turn(RUNS, partial(_microseconds, change))
        rows.append(BenchRow(f"{count:,} standing screens, one row changed", "us", found, before, "a tenth of them"))
        before = found
    return rows


def _microseconds(work: Callable[[], object]) -> float:
    return 1e6 * seconds(work)


def _many(count: int) -> tuple[Members, Floats]:
    """So many screens with numbers of their own over the market."""
    rng = np.random.default_rng(SEED)
    instruments, columns = _market()
    del instruments
    members = Members(INSTRUMENTS)
    everybody = np.ones(INSTRUMENTS, np.bool_)
    for n in range(count):
        pe, roe, change = rng.uniform(5, 60), rng.uniform(5, 40), rng.normal(0, 2)
        text = f"fund.pe < {pe:.2f} and fund.roe > {roe:.2f} and change_pct > {change:.2f}"
        members.add(f"s{n}", compiled(parse_screen(text)), everybody)
    members.lay_out()
    x = np.ones((len(members.names), INSTRUMENTS))
    for at, name in enumerate(members.names):
        source = members.source(name)
        if name != FRESH and source is not None:
            screen, item = source
            x[at] = columns[screen.whole.nodes[item.node].name]
    members.take(np.arange(INSTRUMENTS), x, is_all=True)
    return members, x
