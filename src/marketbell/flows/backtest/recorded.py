"""A file of rules over a recorded source: what each of them did, and all of them together.

The source was run by the same replay that `marketbell replay` uses; here its firings become figures. What lies before
the stretch only warms; it is not counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from marketbell.core.engine.bars import Bars
from marketbell.core.engine.firings import Fired
from marketbell.core.engine.outputs import RuleFiring
from marketbell.core.engine.timeframes import Sessions
from marketbell.core.language.printer import print_rule
from marketbell.core.language.rule_plan import RulePlan
from marketbell.core.language.tree import Rule
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, SessionTable
from marketbell.core.market.timeframe import TICK, Timeframe
from marketbell.core.rules.cost import notes as rule_notes
from marketbell.core.rules.outcome import outcomes
from marketbell.core.rules.trial import Shot, figures
from marketbell.core.rules.words import sentence
from marketbell.flows.backtest.report import Firings, Stretch, summary

BarColumns = Mapping[str, Any]
"""Columns instrument (keys), start, open, high, low, close, volume, trades and vwap, as replay writes them."""


@dataclass(frozen=True, slots=True)
class Source:
    """What was replayed: its own bars (tick, 1m or 1d), how many rows it had, its instruments and their sessions."""

    label: str
    finest: Timeframe
    rows: int
    instruments: Sequence[Instrument]
    tables: Sequence[SessionTable]
    minutes: BarColumns
    days: BarColumns
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule that was tried, and its plan as the engine had it. `problem`: why the engine did not take it."""

    rule: Rule
    plan: RulePlan
    problem: str = ""


def backtest(
    tried: Sequence[Tried],
    levels: Sequence[Fired],
    rules: Sequence[RuleFiring],
    source: Source,
    start: int | None,
    end: int | None,
    seconds: float,
) -> dict[str, Any]:
    """The figures of a backtest: those of all rules together, and under `rules` those of each.

    Firings in [start, end) count (ns UTC; None: no bound). Every entry has the content of a preview, and of a rule its
    name, uid, text and sentence.
    """
    sessions = Sessions.of(source.tables)
    row_of = {one.key: row for row, one in enumerate(source.instruments)}
    rows = {int(one.instrument_id): row for row, one in enumerate(source.instruments)}
    minutes = _bars(source.minutes, row_of, sessions.minute_bars)
    days = _bars(source.days, row_of, sessions.day_bars)
    stretch = _stretch(source, minutes, days, start, end)
    inside = _Inside(start, end)
    each, shots = [], []
    for number, one in enumerate(tried):
        mine = Firings(
            [item for item in levels if item.rule_uid == one.rule.rule_uid and inside.has(item.event_time)],
            [item for item in rules if item.rule_uid == one.rule.rule_uid and inside.has(item.event_time)],
            rows,
        )
        said = [*rule_notes(one.rule, one.plan), *_notes(one.plan, source)]
        if one.problem:
            said.insert(0, f"The engine did not take it: {one.problem}.")
        content = summary(one.plan, mine, stretch, minutes, days, sessions, said, seconds)
        each.append(
            {
                "rule": one.rule.name,
                "rule_uid": one.rule.rule_uid,
                "text": print_rule(one.rule),
                "sentence": sentence(one.rule),
                **content,
            }
        )
        shots += [(number, shot) for shot in mine.shots(one.plan, sessions)]
    return _together(each, shots, stretch, minutes, days, len(source.instruments), seconds) | {"rules": each}


def _together(
    each: Sequence[Mapping[str, Any]],
    shots: Sequence[tuple[int, Shot]],
    stretch: Stretch,
    minutes: Bars,
    days: Bars,
    width: int,
    seconds: float,
) -> dict[str, Any]:
    """All rules as one: a repeat is one of the same rule on the same instrument."""
    if len(each) == 1:
        return {name: value for name, value in each[0].items() if name not in {"rule", "rule_uid", "text", "sentence"}}
    apart = [replace(shot, row=number * width + shot.row) for number, shot in shots]
    plain = [shot for _, shot in shots]
    return {
        **figures(apart, stretch.days, is_intraday=True),
        "symbols_fired": len({shot.row for shot in plain if not shot.is_suppressed}),
        "outcomes": outcomes(plain, minutes, days),
        "history": _history(stretch),
        "may_repaint": any(one["may_repaint"] for one in each),
        "notes": list(dict.fromkeys(note for one in each for note in one["notes"])),
        "seconds": round(seconds, 4),
    }


@dataclass(frozen=True, slots=True)
class _Inside:
    start: int | None
    end: int | None

    def has(self, time: int) -> bool:
        """True for a firing that counts: at its end a stretch still has the close of its last bar."""
        return (self.start is None or time > self.start) and (self.end is None or time <= self.end)


def _bars(columns: BarColumns, row_of: Mapping[str, int], make: Any) -> Bars:
    keys, inverse = np.unique(np.array(columns["instrument"], np.str_), return_inverse=True)
    if not len(keys):
        return Bars.empty()
    at = np.array([row_of[key] for key in keys.tolist()], np.int64)[inverse]
    values = [np.asarray(columns[name], np.float64) for name in ("open", "high", "low", "close", "volume", "vwap")]
    found: Bars = make(at, columns["start"], np.ascontiguousarray(np.column_stack(values)), columns["trades"])
    return found


def _stretch(source: Source, minutes: Bars, days: Bars, start: int | None, end: int | None) -> Stretch:
    bars = minutes if source.finest.is_intraday and len(minutes) else days
    known = bars.start[(bars.end > (start or 0)) & (bars.start < (end or np.iinfo(np.int64).max))]
    table = _usual(source)
    first, last = (int(known.min()), int(known.max())) if len(known) else (None, None)
    dates: Sequence[int] = ()
    gaps: list[str] = []
    if first is not None and last is not None:
        opens, closes = np.asarray(table.open), np.asarray(table.close)
        is_inside = (closes > first) & (opens <= last)
        dates = np.asarray(table.date)[is_inside].tolist()
        seen = np.unique(np.searchsorted(opens, known, side="right") - 1)
        holes = int((~np.isin(np.flatnonzero(is_inside), seen)).sum())
        if holes:
            gaps.append(f"{holes:,} of {len(dates):,} trading days are missing in the data.")
    is_tick = source.finest == TICK
    return Stretch(
        start=first,
        end=last,
        timeframe=str(source.finest),
        bars=source.rows if is_tick and start is None and end is None else len(known),
        instruments=len(source.instruments),
        days=dates or np.unique(known // DAY).tolist(),
        gaps=tuple(gaps),
    )


def _usual(source: Source) -> SessionTable:
    """The sessions of most instruments."""
    names = [table.name for table in source.tables]
    usual = max(sorted(set(names)), key=names.count)
    return next(table for table in source.tables if table.name == usual)


def _history(stretch: Stretch) -> dict[str, Any]:
    return {
        "from": stretch.start,
        "to": stretch.end,
        "timeframe": stretch.timeframe,
        "bars": stretch.bars,
        "instruments": stretch.instruments,
        "gaps": list(stretch.gaps),
    }


def _notes(plan: RulePlan, source: Source) -> list[str]:
    found = []
    if plan.timing == TICK and source.finest != TICK:
        found.append(
            f"The data have bars of {source.finest}: it was tried at their closes; what happened inside was not seen."
        )
    fine = [one for one in plan.plan.timeframes if one.rank < source.finest.rank and not one.is_instant and one != TICK]
    if fine:
        found.append(
            f"The data have bars of {source.finest}: what it reads of {fine[0]} is unknown, and it never fires."
        )
    return [*found, *source.notes]


def told(answer: Mapping[str, Any], title: str) -> str:
    """The report of a backtest, Markdown."""
    lines = [f"# {title}", "", _about(answer["history"]), ""]
    for one in answer["rules"]:
        lines += [f"## {one['rule']}", "", one["sentence"], "", f"    {one['text']}", "", *_figures(one), ""]
    return "\n".join(lines)


def _about(history: Mapping[str, Any]) -> str:
    first, last = (np.datetime64(history[name] or 0, "ns").astype("datetime64[D]") for name in ("from", "to"))
    span = f", {first} to {last}" if history["from"] else ""
    gaps = "".join(f" {gap}" for gap in history["gaps"])
    return (
        f"{history['bars']:,} rows of {history['timeframe']} of {history['instruments']:,} instruments{span}, by the "
        f"evaluator that watches live, with what was known at each moment.{gaps}"
    )


def _figures(one: Mapping[str, Any]) -> list[str]:
    busiest = one["busiest_day"]
    quiet = f"{one['longest_quiet_days']:,} trading days"
    lines = [
        f"- Fired {one['fires']:,} times on {one['symbols_fired']:,} instruments, {one['per_day']:.2f} a trading day"
        + (": more than ten a day are noise." if one["is_noisy"] else "."),
        f"- Noise score {one['noise_score']:.0f} of 100; longest quiet stretch {quiet}"
        + (f"; busiest day {busiest['date']} with {busiest['count']:,}." if busiest else "."),
    ]
    if one["suppressed"]:
        lines.append(f"- {one['suppressed']:,} more were held back by its own clauses.")
    lines += [
        f"- After {item['after']}: {item['count']:,} seen, mean {item['mean_pct']:+.2f} %, median "
        f"{item['median_pct']:+.2f} %, higher in {item['up_pct']:.0f} %."
        for item in one["outcomes"]
        if item["count"]
    ]
    lines += [
        f"- cooldown {item['cooldown']} would remove {item['removed']:,}."
        for item in one["cooldowns"]
        if item["removed"]
    ]
    lines += [f"- {note}" for note in one["notes"]]
    return lines
