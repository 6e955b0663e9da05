"""The fault matrix as a table in docs/reference/faults.md, filled in by `./dev faults --full` row by row."""

import datetime as dt
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).with_name("results.json")
PAGE = ROOT / "docs" / "reference" / "faults.md"
BEGIN, END = "<!-- results: written by ./dev faults --full -->", "<!-- end of results -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the matrix: its number, what is done, how often in the full form, and whether that is a kill."""

    number: int
    fault: str
    wanted: int
    is_kill: bool = True
    without: str = "not run yet"
    """What stands there before the first run."""


ROWS = {
    "stream": Row(1, "`stream` killed (SIGKILL)", 200),
    "stream in two": Row(1, "one of two `stream` processes killed; its shards are handed over", 40),
    "sender": Row(2, "`sender` killed while it delivers to webhooks and Slack", 200),
    "live": Row(3, "`live` killed under 200 clients", 50),
    "ingest": Row(4, "`ingest` killed", 50),
    "worker": Row(5, "`worker` and `beat` killed, two `beat` at once", 50),
    "broker": Row(6, "both Valkeys killed, emptied, away for 60 s", 50),
    "postgres": Row(7, "PostgreSQL killed, stopped at once, away for 60 s", 50),
    "mongodb": Row(8, "MongoDB down", 20),
    "lines": Row(6, "the line to PostgreSQL and Valkey cut, slow, swallowing, half-open", 12, is_kill=False),
    "500": Row(9, "provider answers 500", 500, is_kill=False),
    "429": Row(9, "provider answers 429", 500, is_kill=False),
    "silent": Row(9, "provider does not answer", 500, is_kill=False),
    "drop": Row(9, "provider accepts and drops the connection", 500, is_kill=False),
    "network": Row(10, "a browser's network: away, half-open, slow", 100, is_kill=False),
    "machine": Row(11, "disk full, clock an hour off, summer time, log folder read-only", 10, is_kill=False),
    "order": Row(13, "duplicate, reordered, late ticks; the log cut anywhere (generated cases)", 10_000, is_kill=False),
    "rules": Row(14, "rule edited, disabled, delisted while it fires (generated cases)", 1_000, is_kill=False),
    "api": Row(15, "requests made up from the OpenAPI document", 20_000, is_kill=False),
    "key": Row(16, "the same Idempotency-Key again, at once, with another body, after a crash", 200, is_kill=False),
    "storm": Row(0, "10,000 firings; `sender`, `stream`, PostgreSQL and Valkey killed at random", 100),
    "simulation": Row(0, "worlds of the simulation (one seed each, some nine kills in each)", 10_000, is_kill=False),
}  # fmt: skip


@dataclass
class Tally:
    """What one kind of fault did: a row of the table."""

    fault: str
    times: int = 0
    lost: int = 0
    doubled: int = 0
    recoveries: list[float] = field(default_factory=list)
    remark: str = ""

    def line(self) -> str:
        """For the terminal."""
        p50, p95 = np.percentile(self.recoveries, [50, 95]) if self.recoveries else (np.nan, np.nan)
        worst = max(self.recoveries, default=np.nan)
        return (
            f"{self.fault:<16}{self.times:>8,}{self.lost:>7}{self.doubled:>9}"
            f"{p50:>9.2f} s{p95:>8.2f} s{worst:>8.2f} s  {self.remark}"
        )


@dataclass(frozen=True, slots=True)
class Result:
    """A row as it is kept; `recoveries` in seconds, none where nothing had to come back."""

    times: int
    lost: int
    doubled: int
    recoveries: list[float]
    remark: str
    has_passed: bool
    date: str


def keep(tally: Tally, *, has_passed: bool, is_added: bool) -> None:
    """Note a row, or add it to what is known of it, and write the table anew."""
    known = {name: Result(**found) for name, found in _known().items()}
    today = dt.datetime.now(dt.UTC).date().isoformat()
    recoveries = [round(seconds, 2) for seconds in tally.recoveries]
    found = Result(tally.times, tally.lost, tally.doubled, recoveries, tally.remark, has_passed, today)
    before = known.get(tally.fault)
    if is_added and before is not None:
        found = Result(
            before.times + found.times,
            before.lost + found.lost,
            before.doubled + found.doubled,
            before.recoveries + found.recoveries,
            found.remark,
            before.has_passed and has_passed,
            today,
        )
    known[tally.fault] = found
    RESULTS.write_text(json.dumps({name: asdict(one) for name, one in sorted(known.items())}) + "\n")
    write(known)


def _known() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return found


def write(results: dict[str, Result]) -> None:
    """Put the table between its two marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{table(results)}\n\n{END}{after}")


def table(results: dict[str, Result]) -> str:
    """The matrix with what came of it; rows without a run say so."""
    lines = [
        "| # | fault | wanted | done | lost | doubled | back p50 | p95 | worst | run on | |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in sorted(ROWS.items(), key=lambda item: (item[1].number or 99, item[1].fault)):
        number = str(row.number) if row.number else "–"
        found = results.get(name)
        if found is None:
            lines.append(f"| {number} | {row.fault} | {row.wanted:,} | {row.without} | | | | | | | |")
            continue
        times = _times(found.recoveries)
        remark = found.remark if found.has_passed else f"**failed** {found.remark}".strip()
        counts = [found.lost, found.doubled] if found.has_passed or found.lost or found.doubled else ["?", "?"]
        cells = [number, row.fault, f"{row.wanted:,}", f"{found.times:,}", *counts, *times]
        lines.append("| " + " | ".join(map(str, [*cells, found.date, remark])) + " |")
    done = {name: found for name, found in results.items() if name in ROWS and found.has_passed}
    kills = sum(found.times for name, found in done.items() if ROWS[name].is_kill)
    lost, doubled = sum(found.lost for found in done.values()), sum(found.doubled for found in done.values())
    lines += [
        "",
        f"In the runs that passed: {kills:,} kills and outages of servers, {lost:,} lost, {doubled:,} doubled.",
    ]
    return "\n".join(lines)


def _times(recoveries: list[float]) -> list[str]:
    if not recoveries:
        return ["", "", ""]
    return [f"{value:.2f} s" for value in (*np.percentile(recoveries, [50, 95]).tolist(), max(recoveries))]
