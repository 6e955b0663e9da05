"""How the engine's rate and memory grow: with instruments, with levels, with processes that share the shards."""

import gc
import json
import subprocess
import sys

from marketbell.processes.cli.bench.engine_parts import make_engine, packed_frames, run
from marketbell.processes.cli.bench.market import BenchMarket, make_market
from marketbell.processes.cli.bench.rows import BenchRow, in_turn, seconds

TICKS = 300_000
RUNS = 3
INSTRUMENTS = (500, 5_000, 50_000)
LEVELS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
_KIB = 1 << 10
CHILD = (sys.executable, "-m", "marketbell.processes.cli.bench.engine_child")


def _rate(market: BenchMarket, packed: list[bytes], *, has_indicators: bool) -> float:
    """ticks/s of a new engine."""
    engine = make_engine(market, has_indicators=has_indicators)
    gc.collect()
    return len(market.row) / seconds(lambda: run(engine, packed, tells_forming=has_indicators))


def _by_instruments() -> list[BenchRow]:
    """Every instrument ticks as often, whatever their number: 0.4 times a second of market time."""
    found = []
    for count in INSTRUMENTS:
        market = make_market(count, max(TICKS, 60 * count), 20 * count, max(1, 2 * count // 5))
        packed = packed_frames(market)
        _rate(market, packed, has_indicators=True)
        rates = sorted(_rate(market, packed, has_indicators=True) for _ in range(RUNS))
        found.append((count, rates[RUNS // 2]))
        del market, packed
        gc.collect()
    base = next(rate for count, rate in found if count == 5_000)
    return [
        BenchRow(
            f"{count:,} instruments, 20 levels each, 10 indicators; 24 ticks a minute each", "ticks/s", rate, base,
            "ours with 5,000 instruments",
        )
        for count, rate in found
    ]  # fmt: skip


def _by_levels() -> list[BenchRow]:
    found = []
    for count in LEVELS:
        market = make_market(5_000, TICKS, count)
        packed = packed_frames(market)
        rates = sorted(_rate(market, packed, has_indicators=False) for _ in range(RUNS))
        found.append((count, rates[RUNS // 2]))
        del market, packed
        gc.collect()
    base = found[0][1]
    return [
        BenchRow(f"{count:,} levels on 5,000 instruments; 300k ticks", "ticks/s", rate, base, "ours with 1,000 levels")
        for count, rate in found
    ]


def _grown(count: int, levels: int) -> float:
    """Bytes that an engine takes in a process of its own."""
    said = subprocess.run(  # noqa: S603 — our own interpreter and module
        [*CHILD, "memory", str(count), str(levels)], check=True, capture_output=True, text=True
    ).stdout
    return float(json.loads(said))


def _memory() -> list[BenchRow]:
    few, many = _grown(5_000, 0), _grown(15_000, 0)
    levels = _grown(5_000, 1_000_000)
    return [
        BenchRow(
            "memory of one more instrument, 10 indicators of minutes", "KiB", (many - few) / 10_000 / _KIB, None, "",
            higher_is_better=False,
        ),
        BenchRow("memory of one more level", "bytes", (levels - few) / 1e6, None, "", higher_is_better=False),
    ]  # fmt: skip


def _shared(ranges: list[str], ticks: int, *, has_partitions: bool = False) -> float:
    """ticks/s of the log while each range of shards has a process of its own.

    All of them read the whole log; with `has_partitions` each a partition that holds its shards alone.
    """
    children = [
        subprocess.Popen(  # noqa: S603 — our own interpreter and module
            [*CHILD, "share", part, str(ticks), "alone" if has_partitions else "all"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for part in ranges
    ]  # fmt: skip
    try:
        for child in children:
            if child.stdout is None or child.stdin is None or child.stdout.readline().strip() != "ready":
                message = "a process of the benchmark did not start"
                raise RuntimeError(message)
        for child in children:
            if child.stdin is not None:
                child.stdin.write("go\n")
                child.stdin.flush()
        slowest = max(float(child.stdout.readline()) for child in children if child.stdout is not None)
    finally:
        for child in children:
            child.kill()
            child.wait()
    return ticks / slowest


def _by_processes() -> list[BenchRow]:
    ticks = 1_000_000
    halves = ["0-31/64", "32-63/64"]
    one, two, apart = in_turn(
        RUNS,
        lambda: _shared(["0-63/64"], ticks),
        lambda: _shared(halves, ticks),
        lambda: _shared(halves, ticks, has_partitions=True),
    )
    case = "the shards in 2 processes; 5,000 instruments, 100k levels, 10 indicators"
    return [
        BenchRow(f"{case}; each reads the whole log", "ticks/s", two, one, "ours in 1 process"),
        BenchRow(f"{case}; a partition of the log each", "ticks/s", apart, one, "ours in 1 process"),
    ]


def rows() -> list[BenchRow]:
    """By instruments, by levels, memory, by processes."""
    return [*_by_instruments(), *_by_levels(), *_memory(), *_by_processes()]
