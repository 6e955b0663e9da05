"""What the stream keeps beside bars: firings, late ticks, the sessions' last rows and quality totals."""

from collections.abc import Callable
from typing import Any

import numpy as np

from marketbell.core.columns.frame import Columns, Frame, FrameKind, encode
from marketbell.core.engine.outputs import Fired, RuleFiring
from marketbell.core.quality.kinds import KINDS
from marketbell.core.rules.firing import firing_id, firing_values
from marketbell.core.rules.why import Reasons
from marketbell.flows.stream.documents import cached_rows, row_values
from marketbell.flows.stream.partition import Partition
from marketbell.ports.calendars import SessionTable
from marketbell.ports.ledger import Firing


def snapshot_rows(
    partition: Partition, sessions: Callable[[str], SessionTable]
) -> dict[str, dict[int, dict[str, Any]]]:
    """The newest row of each instrument under the date of the session that its last tick lies in."""
    engine = partition.engine
    columns = engine.columns()
    values = cached_rows(engine.keys(), row_values(columns), columns["change_basis"])
    by_date: dict[str, dict[int, dict[str, Any]]] = {}
    for instrument, event_time in zip(engine.instruments, columns["event_time"].tolist(), strict=True):
        table = sessions(instrument.calendar)
        at = int(np.searchsorted(table.open, event_time, side="right")) - 1
        if event_time and at >= 0:
            day = by_date.setdefault(_day(int(table.date[at])), {})
            day[int(instrument.instrument_id)] = values[instrument.key]
    return by_date


def quality_totals(partition: Partition) -> dict[str, dict[int, dict[str, int]]]:
    """Quality events by session date, instrument and kind."""
    found: dict[str, dict[int, dict[str, int]]] = {}
    for (date, ident, kind), count in partition.quality.items():
        found.setdefault(_day(date), {}).setdefault(ident, {})[KINDS[kind]] = count
    return found


def firing_of(fired: Fired, source: str, now: int) -> Firing:
    """A firing as the ledger keeps it."""
    return Firing(
        firing_id=firing_id(fired.rule_uid, fired.definition_hash, fired.instrument_id, fired.event_time, fired.nth),
        rule_uid=fired.rule_uid,
        rule=fired.rule,
        owner_id=fired.owner_id,
        instrument_id=fired.instrument_id,
        instrument=fired.key,
        event_time=fired.event_time,
        values=firing_values(
            fired.payload, value=fired.value, previous=fired.previous, event_time=fired.event_time, source=source
        ),
        notify=fired.notify,
        recorded_at=now,
        severity=str(fired.payload.get("severity") or "normal"),
        version=fired.version,
    )


def rule_firing_of(fired: RuleFiring, reasons: Reasons, source: str, now: int) -> Firing:
    """A firing of a rule as the ledger keeps it: its values say why."""
    return Firing(
        firing_id=firing_id(fired.rule_uid, fired.definition_hash, fired.instrument_id, fired.event_time, fired.nth),
        rule_uid=fired.rule_uid,
        rule=fired.rule,
        owner_id=fired.owner_id,
        instrument_id=fired.instrument_id,
        instrument=fired.key,
        event_time=fired.event_time,
        values=reasons.of(fired, source),
        notify=fired.notify,
        recorded_at=now,
        severity=str(fired.payload.get("severity") or "normal"),
        version=fired.version,
        event=fired.event,
        suppressed=fired.suppressed,
    )


def is_spent(fired: RuleFiring) -> bool:
    """True for a rule on one instrument that fires once, and did."""
    definition = fired.payload["definition"]
    scopes = definition["on"]
    return definition["fire"] == "once" and len(scopes) == 1 and scopes[0]["kind"] == "symbol" and not fired.suppressed


def late_frame(partition: int, columns: Columns) -> bytes:
    """Late ticks for the topic `late`."""
    times = columns["event_time"]
    count = len(times)
    return encode(Frame(FrameKind.TRADE, partition, 0, 0, 0, int(times.min()), int(times.max()), count, columns))


def _day(days: int) -> str:
    return str(np.datetime64(days, "D"))
