"""What came of a trial, as the preview, the backtest's files and its report tell it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

import numpy as np

from marketbell.core.engine.bars import Bars
from marketbell.core.engine.firings import Fired
from marketbell.core.engine.outputs import RuleFiring
from marketbell.core.engine.timeframes import Sessions
from marketbell.core.language.rule_plan import RulePlan
from marketbell.core.market.session import DAY
from marketbell.core.market.timeframe import TICK
from marketbell.core.rules.firing import firing_id, firing_values
from marketbell.core.rules.outcome import outcomes
from marketbell.core.rules.trial import Shot, figures
from marketbell.core.rules.why import Reasons, compared

MARKERS = 500


@dataclass(frozen=True, slots=True)
class Stretch:
    """The history that a rule was tried on. Times are ns UTC, None where there was none.

    `days` are its trading dates, `gaps` what a reader must know about what was not there.
    """

    start: int | None
    end: int | None
    timeframe: str
    bars: int
    instruments: int
    days: Sequence[int] = ()
    gaps: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Firings:
    """What fired, levels and rules alike, in the order of time, with the rows of its instruments."""

    levels: Sequence[Fired] = ()
    rules: Sequence[RuleFiring] = ()
    rows: Mapping[int, int] = field(default_factory=dict)
    """Row by instrument id."""

    def __len__(self) -> int:
        return len(self.levels) + len(self.rules)

    def shots(self, plan: RulePlan, sessions: Sessions) -> list[Shot]:
        """As figures are made of."""
        prices = _price_places(plan)
        found = [
            (
                one.instrument_id,
                one.event_time,
                "fire",
                False,
                one.value if one.payload.get("field") == "close" else nan,
            )
            for one in self.levels
        ]
        for firing in self.rules:
            price = next((value for place in prices if (value := firing.values.get(place, nan)) > 0), nan)
            found.append(
                (firing.instrument_id, firing.event_time, _event(firing), bool(firing.suppressed), float(price))
            )
        rows = np.array([self.rows[ident] for ident, *_ in found], np.int64)
        times = np.array([time for _, time, *_ in found], np.int64)
        days = trading_days(sessions, rows, times)
        return [
            Shot(int(row), time, int(day), event, is_suppressed, price)
            for row, day, (_, time, event, is_suppressed, price) in zip(rows, days, found, strict=True)
        ]


def _price_places(plan: RulePlan) -> list[str]:
    """Parts that are the price at the moment of the evaluation itself."""
    return [
        part.place
        for part in plan.parts
        if part.text in {"close", f"close@{plan.timing}"} and part.timeframe in {plan.timing, TICK}
    ]


def _event(firing: RuleFiring) -> str:
    fire = (firing.payload.get("definition") or {}).get("fire") or ""
    return firing.event if fire in {"on enter", "on exit", "on change"} else "fire"


def trading_days(sessions: Sessions, rows: np.ndarray[Any, Any], times: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The trading date (days since 1970) that each time belongs to: that of the session that opened last."""
    at = sessions.low[rows] + sessions.begun(rows, times) - 1
    known = at >= sessions.low[rows]
    dates = sessions.dates if len(sessions.dates) else np.zeros(1, np.int64)
    return np.where(known, dates[np.maximum(at, 0)], times // DAY)


def summary(
    plan: RulePlan,
    firings: Firings,
    stretch: Stretch,
    minutes: Bars,
    days: Bars,
    sessions: Sessions,
    notes: Sequence[str],
    seconds: float,
) -> dict[str, Any]:
    """The content of a preview but its markers: figures, outcomes, the history that it rests on, and notes."""
    shots = firings.shots(plan, sessions)
    is_intraday = plan.timing.is_intraday and not plan.timing.is_instant
    return {
        **figures(shots, stretch.days, is_intraday=is_intraday),
        "outcomes": outcomes(shots, minutes, days),
        "history": {
            "from": stretch.start,
            "to": stretch.end,
            "timeframe": stretch.timeframe,
            "bars": stretch.bars,
            "instruments": stretch.instruments,
            "gaps": list(stretch.gaps),
        },
        "may_repaint": plan.may_repaint,
        "notes": list(notes),
        "seconds": round(seconds, 4),
    }


def markers(firings: Firings, plan: RulePlan) -> list[dict[str, Any]]:
    """The newest firings that were told, oldest first: `{firing_id, instrument, time, value, event}`.

    `value` is what a rule compared that compares a single thing.
    """
    place = compared(plan)
    told = [one for one in firings.rules if not one.suppressed]
    both: list[Fired | RuleFiring] = [*firings.levels, *told]
    newest = sorted(both, key=_order)[-MARKERS:]
    return [
        {
            "firing_id": ident(one),
            "instrument": one.key,
            "time": one.event_time,
            "value": one.value if isinstance(one, Fired) else one.values.get(place),
            "event": "fire" if isinstance(one, Fired) else _event(one),
        }
        for one in newest
    ]


def table(firings: Firings, source: str) -> dict[str, Any]:
    """All firings that were told, as the columns of firings.parquet, sorted by instrument, time and id."""
    reasons = Reasons()
    rows = [
        (one.key, one.event_time, ident(one), one.rule, "fire", level_values(one, source)) for one in firings.levels
    ]
    rows += [
        (one.key, one.event_time, ident(one), one.rule, _event(one), reasons.of(one, source))
        for one in firings.rules
        if not one.suppressed
    ]
    rows.sort(key=lambda row: row[:3])
    return {
        "firing_id": [row[2] for row in rows],
        "rule": [row[3] for row in rows],
        "instrument": [row[0] for row in rows],
        "event_time": np.array([row[1] for row in rows], np.int64),
        "event": [row[4] for row in rows],
        "values": [row[5] for row in rows],
    }


def level_values(fired: Fired, source: str) -> dict[str, Any]:
    """Why a level fired."""
    return firing_values(
        fired.payload, value=fired.value, previous=fired.previous, event_time=fired.event_time, source=source
    )


def ident(one: Fired | RuleFiring) -> str:
    """The firing's permanent id: the same as live."""
    return firing_id(one.rule_uid, one.definition_hash, one.instrument_id, one.event_time, one.nth)


def _order(one: Fired | RuleFiring) -> tuple[int, str, int]:
    return one.event_time, one.key, one.nth
