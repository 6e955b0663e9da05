"""A recorded source through the engine, without a bus or a server: everything that came of it, as tables.

The same engine, quality rules and firing ids as in the live stream; the log is the source itself.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.engine import Engine
from marketbell.core.engine.outputs import BAR_COLUMNS, QUALITY_COLUMNS, Fired, Outputs, RuleFiring, joined
from marketbell.core.language.fields import FIELDS
from marketbell.core.quality.kinds import ACTIONS, ENDING, KINDS, QualityKind
from marketbell.core.rules.firing import firing_id, firing_values
from marketbell.core.rules.why import Reasons
from marketbell.ports.clock import Clock
from marketbell.ports.feeds import PacedFeed

CHUNK = 1 << 16
"""Rows a step. Outputs do not depend on it."""

_END = (1 << 63) - 1
_NO_PRODUCER = 0

Progress = Callable[[int, int], None]
"""Called with the rows read so far and the rows in all (0 where the source does not say)."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a result by name: arrays, or lists of text. `times` are ns UTC, of `unknown` ones a 0 is none."""

    columns: Mapping[str, NDArray[Any] | list[str]]
    times: tuple[str, ...]
    unknown: tuple[str, ...] = ()


@dataclass(slots=True)
class ReplayResult:
    """Tables by the name of their file, and the summary (definitions.md §2).

    `levels` and `rules` are the firings as the engine told them, those that were held back too; `rejected` are rules
    that it could not take, by uid, and why.
    """

    tables: dict[str, Table]
    summary: dict[str, Any]
    firings: list[dict[str, Any]] = field(default_factory=list)
    levels: list[Fired] = field(default_factory=list)
    rules: list[RuleFiring] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)


def replay(
    feed: PacedFeed,
    engine: Engine,
    clock: Clock,
    commands: Sequence[Mapping[str, Any]] = (),
    on_progress: Progress | None = None,
    rows: int = 0,
) -> ReplayResult:
    """Run the whole source. `commands` are armed before its first event."""
    began = clock.monotonic()
    engine.define(list(feed.instruments()))
    outputs = [engine.apply([frame_of(batch.kind, batch.columns, 0, 0, batch.payload) for batch in feed.reference()])]
    start = feed.start_time
    outputs.append(
        engine.apply(
            [
                Frame(FrameKind.COMMAND, 0, _NO_PRODUCER, 0, 0, start, start, 0, {}, json.dumps(dict(command)).encode())
                for command in commands
            ]
        )
    )
    feed.seek(0)
    position = 0
    while batches := feed.advance(_END, CHUNK):
        frames = []
        for batch in batches:
            frames.append(frame_of(batch.kind, batch.columns, position, batch.position, batch.payload))
            position = batch.position
        outputs.append(engine.apply(frames))
        if on_progress is not None:
            on_progress(position, rows)
    # What was published up to the source's end is known at its end, also to what had no event since.
    outputs.append(engine.apply([_clock(feed.end_time or 0)]))
    outputs.append(engine.finish())
    return _result(engine, outputs, clock.monotonic() - began, feed)


def _clock(now: int) -> Frame:
    return Frame(FrameKind.HEARTBEAT, 0, _NO_PRODUCER, 0, 0, now, now, 0, {}, b"")


def frame_of(kind: FrameKind, columns: Columns, first: int, last: int, payload: Mapping[str, Any]) -> Frame:
    """An entry of the log without a producer: rows `first` to `last` of the source."""
    raw = json.dumps(payload).encode() if payload else b""
    return Frame(kind, 0, _NO_PRODUCER, first, last, 0, 0, len(columns.get("instrument_id", ())), columns, raw)


def _result(engine: Engine, outputs: Sequence[Outputs], seconds: float, feed: PacedFeed) -> ReplayResult:
    keys = {int(one.instrument_id): one.key for one in engine.instruments}
    reasons = Reasons()
    levels = [one for out in outputs for one in out.fired]
    rules = [one for out in outputs for one in out.rule_firings]
    fired = [_firing(one, feed.card.label) for one in levels]
    fired += [_rule_firing(one, reasons, feed.card.label) for one in rules if not one.suppressed]
    firings = sorted(
        fired,
        key=lambda row: (row["instrument"], row["event_time"], row["firing_id"]),
    )
    minutes = joined([out.bars_1m for out in outputs if len(out.bars_1m["start"])], BAR_COLUMNS)
    days = joined([out.bars_1d for out in outputs if len(out.bars_1d["start"])], BAR_COLUMNS)
    quality = joined([out.quality for out in outputs if len(out.quality["kind"])], QUALITY_COLUMNS)
    tables = {
        "bars_1m": _bars(minutes, keys),
        "bars_1d": _bars(days, keys),
        "snapshot": _snapshot(engine),
        "firings": Table(
            {
                "firing_id": [row["firing_id"] for row in firings],
                "rule": [row["rule"] for row in firings],
                "instrument": [row["instrument"] for row in firings],
                "event_time": np.array([row["event_time"] for row in firings], np.int64),
                "values": [json.dumps(row["values"], sort_keys=True, separators=(",", ":")) for row in firings],
            },
            ("event_time",),
        ),
        "quality": _quality(quality, keys),
    }
    rejected = {uid: reason for out in outputs for uid, reason in out.rejected_rules}
    return ReplayResult(tables, _summary(engine, seconds, feed, tables), firings, levels, rules, rejected)


def _firing(fired: Fired, source: str) -> dict[str, Any]:
    return {
        "firing_id": firing_id(fired.rule_uid, fired.definition_hash, fired.instrument_id, fired.event_time, fired.nth),
        "rule": fired.rule,
        "rule_uid": fired.rule_uid,
        "instrument": fired.key,
        "event_time": fired.event_time,
        "values": firing_values(
            fired.payload, value=fired.value, previous=fired.previous, event_time=fired.event_time, source=source
        ),
    }


def _rule_firing(fired: RuleFiring, reasons: Reasons, source: str) -> dict[str, Any]:
    return {
        "firing_id": firing_id(fired.rule_uid, fired.definition_hash, fired.instrument_id, fired.event_time, fired.nth),
        "rule": fired.rule,
        "rule_uid": fired.rule_uid,
        "instrument": fired.key,
        "event_time": fired.event_time,
        "values": reasons.of(fired, source),
    }


def _named(ids: NDArray[Any], keys: Mapping[int, str]) -> list[str]:
    return [keys.get(ident, f"id:{ident}") for ident in ids.tolist()]


def _bars(bars: Columns, keys: Mapping[int, str]) -> Table:
    names = np.array(_named(bars["instrument_id"], keys), np.str_)
    order = np.lexsort((bars["start"], names))
    columns: dict[str, NDArray[Any] | list[str]] = {"instrument": names[order].tolist()}
    for name, _ in BAR_COLUMNS[1:]:
        columns[name] = bars[name][order]
    return Table(columns, ("start",))


def _snapshot(engine: Engine) -> Table:
    values = engine.columns()
    keys = np.array(engine.keys(), np.str_)
    order = np.argsort(keys, kind="stable")
    columns: dict[str, NDArray[Any] | list[str]] = {"instrument": keys[order].tolist()}
    columns["kind"] = [engine.instruments[row].kind for row in order.tolist()]
    for one in FIELDS:
        columns[one.name] = values[one.name][order]
    basis = values["change_basis"][order]
    columns["change_basis"] = ["prev_close" if one else "day_open" for one in basis.tolist()]
    return Table(columns, ("event_time",), ("event_time",))


def _quality(rows: Columns, keys: Mapping[int, str]) -> Table:
    """One row for each (instrument, time, kind), with how many."""
    names = np.array(_named(rows["instrument_id"], keys), np.str_)
    kinds = np.asarray(rows["kind"], np.int64)
    order = np.lexsort((kinds, rows["event_time"], names))
    names, kinds = names[order], kinds[order]
    times, counts = np.asarray(rows["event_time"])[order], np.asarray(rows["count"])[order]
    first = np.ones(len(names), np.bool_)
    if len(names) > 1:
        first[1:] = (names[1:] != names[:-1]) | (times[1:] != times[:-1]) | (kinds[1:] != kinds[:-1])
    at = np.flatnonzero(first)
    summed = np.add.reduceat(counts, at) if len(at) else counts
    return Table(
        {
            "instrument": names[at].tolist(),
            "kind": [KINDS[kind] for kind in kinds[at].tolist()],
            "action": [ACTIONS[QualityKind(kind)] for kind in kinds[at].tolist()],
            "event_time": times[at],
            "count": summed,
        },
        ("event_time",),
    )


def _summary(engine: Engine, seconds: float, feed: PacedFeed, tables: Mapping[str, Table]) -> dict[str, Any]:
    totals, chains = engine.counters(), engine.chains.counts()
    sums = dict.fromkeys(KINDS, 0)
    for counts in engine.quality_counts().values():
        for kind, count in counts.items():
            sums[kind] += count
    dropped = {kind.label: sums[kind.label] for kind in QualityKind if kind in ENDING and sums[kind.label]}
    flagged = {kind.label: sums[kind.label] for kind in QualityKind if kind not in ENDING and sums[kind.label]}
    return {
        "source": feed.card.label,
        "calendar": feed.card.calendar,
        "instruments": len(engine.instruments),
        "ticks_read": totals["ticks_read"],
        "accepted": totals["accepted"],
        "dropped": dropped,
        "flagged": flagged,
        "bars_1m": len(tables["bars_1m"].columns["start"]),
        "bars_1d": len(tables["bars_1d"].columns["start"]),
        "firings": len(tables["firings"].columns["event_time"]),
        **({"chains": chains["chains"], "chains_late": chains["late"]} if "chains" in feed.card.supports else {}),
        "seconds": round(seconds, 6),
        "ticks_per_s": round(totals["ticks_read"] / seconds) if seconds > 0 else None,
    }
