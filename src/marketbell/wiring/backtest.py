"""Joins a file of rules, a recorded source, the replay and the files for `rules backtest` and `rules explain`."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from marketbell.core.language.tree import Rule
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import UserError

_NS = 1_000_000_000


def backtest_to_files(
    file: str,
    sources: Sequence[str],
    out: Path,
    *,
    start: str | None = None,
    end: str | None = None,
    watchlists: Mapping[str, Sequence[str]] | None = None,
    calendar: str | None = None,
    format_: str | None = None,
    late_s: float = 2.0,
    keeps_gaps: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Try the rules of a file on sources, write firings.parquet, summary.json and report.md, return the summary.

    UserError for whatever the caller can mend.
    """
    from marketbell.adapters.clock.system import SystemClock
    from marketbell.adapters.feeds.replay import ReplayFeed
    from marketbell.adapters.files.tables import arrow_table, output_folder, write_json, write_table, write_text
    from marketbell.core.engine.engine import Engine, EngineConfig
    from marketbell.core.engine.warm import warm
    from marketbell.flows.backtest.preview import compiled
    from marketbell.flows.backtest.recorded import Source, Tried, backtest, told
    from marketbell.flows.backtest.report import Firings, table
    from marketbell.flows.stream.line_up import BEHIND
    from marketbell.flows.stream.recorded import timeframe_of
    from marketbell.flows.stream.replay import replay
    from marketbell.wiring.calendars import calendars
    from marketbell.wiring.rules import file_commands, read_file, read_text

    trees = read_file(file, read_text(Path(file)))
    sessions = calendars().sessions
    feed = ReplayFeed(sources, sessions, calendar=calendar, format=format_, keeps_gaps=keeps_gaps)
    commands = file_commands(file, trees, feed.instruments(), watchlists or {})
    if not commands:
        raise UserError(f"{file}: there is no alert in this file")
    zone = sessions(feed.card.calendar).zone
    begin, until = _moment(start, zone, "--from"), _moment(end, zone, "--to", is_end=True)
    folder = output_folder(out)
    finest = timeframe_of(feed)
    warm()
    engine = Engine(EngineConfig(late_s=late_s), sessions, BEHIND)
    result = replay(feed, engine, SystemClock(), commands, on_progress, feed.rows)
    rules = [one for one in trees if isinstance(one, Rule)]
    tried = [
        Tried(rule, compiled(command)[1], result.rejected.get(rule.rule_uid, ""))
        for rule, command in zip(rules, commands, strict=True)
    ]
    notes = tuple((feed.facts or {}).get("notes", ()))
    source = Source(
        feed.card.label,
        finest,
        int(result.summary["accepted"]),
        engine.instruments,
        [sessions(one.calendar) for one in engine.instruments],
        result.tables["bars_1m"].columns,
        result.tables["bars_1d"].columns,
        notes,
    )
    answer = backtest(tried, result.levels, result.rules, source, begin, until, result.summary["seconds"])
    rows = {int(one.instrument_id): row for row, one in enumerate(engine.instruments)}
    inside = Firings(
        [one for one in result.levels if _is_inside(one.event_time, begin, until)],
        [one for one in result.rules if _is_inside(one.event_time, begin, until)],
        rows,
    )
    columns = table(inside, feed.card.label)
    columns["values"] = [json.dumps(one, sort_keys=True, separators=(",", ":")) for one in columns["values"]]
    write_table(arrow_table(columns, ("event_time",)), folder / "firings.parquet")
    summary = {"file": file, "source": feed.card.label, "calendar": feed.card.calendar, **_dated(answer)}
    write_json(summary, folder / "summary.json")
    write_text(told(answer, f"{file} on {feed.card.label}"), folder / "report.md")
    return summary


def _is_inside(time: int, start: int | None, end: int | None) -> bool:
    return (start is None or time > start) and (end is None or time <= end)


def _moment(text: str | None, zone: str, option: str, *, is_end: bool = False) -> int | None:
    """A date of the venue, or a time, as ns UTC; as an end a date is its last moment."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{option} is a date like 2021-04-28, or a time like 2021-04-28T10:00, not `{text}`") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    if is_end and len(text) == len("2021-04-28"):
        moment += timedelta(days=1)
    return int(moment.timestamp()) * _NS


def _dated(value: Any) -> Any:
    """Times of `history` as ISO texts: what a person and any program reads."""
    if isinstance(value, dict):
        return {
            name: {**one, "from": _iso(one["from"]), "to": _iso(one["to"])} if name == "history" else _dated(one)
            for name, one in value.items()
        }
    return [_dated(one) for one in value] if isinstance(value, list) else value


def _iso(moment: int | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment // _NS, UTC).isoformat().replace("+00:00", "Z")


def explained(
    file: str,
    sources: Sequence[str] | None,
    *,
    watchlists: Mapping[str, Sequence[str]] | None = None,
    calendar: str | None = None,
) -> list[dict[str, Any]]:
    """What each rule and screen of a file costs and needs; with sources, about how many of their instruments it is.

    Without sources `symbols` and `evaluations_per_day` are null. UserError where the file, or a name in it, is wrong.
    """
    from marketbell.core.language.printer import print_tree
    from marketbell.core.rules.cost import plan_document
    from marketbell.core.rules.words import sentence
    from marketbell.flows.rules.reading import compiled_tree
    from marketbell.wiring.rules import keys_of, read_file, read_text

    trees = read_file(file, read_text(Path(file)))
    counts: list[int | None] = [None] * len(trees)
    if sources:
        counts = [len(keys) for keys in keys_of(file, trees, _instruments(sources, calendar), watchlists or {})]
    found = []
    for tree, count in zip(trees, counts, strict=True):
        plan = plan_document(tree, compiled_tree(tree), count or 0)
        if count is None:
            plan |= {"symbols": None, "evaluations_per_day": None}
        found.append({"name": tree.name, "text": print_tree(tree), "sentence": sentence(tree), **plan})
    return found


def _instruments(sources: Sequence[str], calendar: str | None) -> Sequence[Instrument]:
    from marketbell.adapters.feeds.replay import ReplayFeed
    from marketbell.wiring.calendars import calendars

    return ReplayFeed(sources, calendars().sessions, calendar=calendar).instruments()
