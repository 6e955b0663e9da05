"""Joins a recorded source, the engine and the files for work without servers: replay and eval."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from marketbell.core.engine.engine import Engine, EngineConfig


def replay_to_files(
    sources: Sequence[str],
    out: Path,
    *,
    rules: Path | None = None,
    watchlists: Mapping[str, Sequence[str]] | None = None,
    calendar: str | None = None,
    format_: str | None = None,
    late_s: float = 2.0,
    keeps_gaps: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Replay sources into `out` and return the summary. UserError for whatever the caller can mend."""
    from marketbell.adapters.clock.system import SystemClock
    from marketbell.adapters.feeds.replay import ReplayFeed
    from marketbell.adapters.files.tables import arrow_table, output_folder, write_json, write_table
    from marketbell.core.engine.warm import warm
    from marketbell.flows.stream.line_up import BEHIND
    from marketbell.flows.stream.replay import replay
    from marketbell.wiring.calendars import calendars
    from marketbell.wiring.rules import file_commands, read_file, read_text

    text = None if rules is None else read_text(rules)
    sessions = calendars().sessions
    feed = ReplayFeed(sources, sessions, calendar=calendar, format=format_, keeps_gaps=keeps_gaps)
    commands = []
    if text is not None:
        trees = read_file(str(rules), text)
        commands = file_commands(str(rules), trees, feed.instruments(), watchlists or {})
    folder = output_folder(out)
    warm()
    engine = Engine(EngineConfig(late_s=late_s), sessions, BEHIND)
    result = replay(feed, engine, SystemClock(), commands, on_progress, feed.rows)
    for name, table in result.tables.items():
        write_table(arrow_table(table.columns, table.times, table.unknown), folder / f"{name}.parquet")
    if feed.facts is not None:
        result.summary["fundamentals"] = feed.facts
    if feed.chain_notes is not None:
        result.summary["chain_notes"] = feed.chain_notes
    write_json(result.summary, folder / "summary.json")
    return result.summary


def fields_of(
    sources: Sequence[str],
    wanted: Sequence[tuple[str, str]],
    *,
    calendar: str | None = None,
    format_: str | None = None,
    late_s: float = 2.0,
) -> Any:
    """A long table (instrument, time, name, value) of named expressions over sources, as an Arrow table.

    UserError where an expression or a source is wrong; expressions are judged before anything is read.
    """
    from marketbell.adapters.feeds.replay import ReplayFeed
    from marketbell.adapters.files.tables import arrow_table
    from marketbell.flows.stream.evaluate import evaluate, read
    from marketbell.wiring.calendars import calendars

    sessions = calendars().sessions
    expressions = read(wanted)
    feed = ReplayFeed(sources, sessions, calendar=calendar, format=format_)
    columns = evaluate(feed, lambda: Engine(EngineConfig(late_s=late_s), sessions), sessions, expressions)
    return arrow_table(columns, ("time",))


def save_table(table: Any, path: Path | None, stream: Any) -> None:
    """To a .parquet or .csv file, else as CSV to a byte stream."""
    from marketbell.adapters.files.tables import output_folder, write_csv, write_table

    if path is None:
        write_csv(table, stream)
        return
    output_folder(path.resolve().parent)
    write_table(table, path)
