"""Rules that read other instruments: what stands across instruments waits until everybody has told its part.

Each instrument's own series run in the engine's program as always; their values at each bar are collected here, and a
second program combines them in the order of time, whenever the log's clock moves: all that lies at or before it by
the allowed lateness, and everything when the source ends. So the result does not depend on which instrument's bar
closed first. An instrument that is quiet closes its bar with its next tick: until then its bar before stands.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine.across_history import AcrossHistory
from marketbell.core.engine.aligned import Sessions
from marketbell.core.engine.bars import Bars, Floats, Ints
from marketbell.core.engine.expected import Lack, lack
from marketbell.core.engine.needs import seen_needed
from marketbell.core.engine.program import Program
from marketbell.core.engine.universes import Universes
from marketbell.core.language.plan import Input, Op, Plan
from marketbell.core.market.timeframe import Timeframe

_PLAIN = ("rows", "start", "end", "session", "session_open", "trades", "values", "per_year")


class Far:
    """The second program, and the bars that wait for it. `row_of` gives the row of an instrument's key."""

    def __init__(self, row_of: Callable[[str], int | None]) -> None:
        self._row_of = row_of
        self.program = Program(foreign=row_of)
        self._columns: dict[Timeframe, dict[str, Input]] = {}
        self.waiting: dict[Timeframe, list[Bars]] = {}
        self._universes: Universes | None = None

    def use(self, rows: int, universes: Universes) -> None:
        """There are so many rows, in these universes."""
        self.program.grow(rows)
        self.program.cross = AcrossHistory(universes)
        self._universes = universes

    def add(self, plan: Plan, near: Plan, place_of: Mapping[str, Input]) -> dict[str, Input]:
        """Take the far part of a plan; gives the places of its results.

        `near` and `place_of` tell where its columns come from.
        """
        results = self.program.extend(plan)
        timeframe_of = {name: near.nodes[item.node].timeframe for name, item in near.results}
        for name, timeframe in timeframe_of.items():
            self._columns.setdefault(timeframe, {})[name] = place_of[name]
        return results

    def adopt(self, other: "Far") -> None:
        """Take over the state of the series that both have, and the bars that wait."""
        self.program.adopt(other.program, np.arange(other.program.rows))
        self.waiting = {timeframe: parts for timeframe, parts in other.waiting.items() if timeframe in self._columns}

    @property
    def is_used(self) -> bool:
        """True where a rule reads other instruments."""
        return len(self.program) > 0

    def take(self, bars: Mapping[Timeframe, Bars], values: Mapping[int, Floats]) -> None:
        """Bars that closed, and the values of the engine's program at them."""
        for timeframe, wanted in self._columns.items():
            own = bars.get(timeframe)
            if own is None or not len(own):
                continue
            fields = {
                name: values[item.node][item.output].copy() for name, item in wanted.items() if item.node in values
            }
            kept = own.take(np.arange(len(own)))  # what stands in a kernel's output is written over by its next call
            self.waiting.setdefault(timeframe, []).append(replace(kept, fields=fields))

    def complete(self, limit: int) -> tuple[dict[Timeframe, Bars], dict[int, Floats]]:
        """Combine what lies at or before `limit` (ns UTC): bars in the order of time, values of the far program."""
        ready: dict[Timeframe, Bars] = {}
        for timeframe, parts in self.waiting.items():
            names = {name for part in parts for name in part.fields}
            whole = Bars.joined([_filled(part, names) for part in parts])
            now = whole.sight <= limit
            if not now.any():
                continue
            self.waiting[timeframe] = [whole.take(~now)] if not now.all() else []
            mine = whole.take(now)
            ready[timeframe] = mine.take(np.lexsort((mine.rows, mine.sight)))
        self.waiting = {timeframe: parts for timeframe, parts in self.waiting.items() if parts}
        if not ready:
            return {}, {}
        return ready, self.program.commit(ready)

    def prime(self, plan: Plan, bars: Mapping[Timeframe, Bars], rows: Ints) -> bool:
        """Let a plan go through bars of the past (its columns as their fields) before what comes next.

        `rows` are all that these bars tell of. False, and nothing is done, where the plan reads others beside them:
        half of a past is none. What waits gets its columns, and is no past yet.
        """
        if not self._reads_only(plan, bars, rows):
            return False
        fresh = Program(rows=self.program.rows, foreign=self._row_of, cross=self.program.cross)
        fresh.extend(plan)
        past = {timeframe: self._behind(timeframe, some) for timeframe, some in bars.items()}
        fresh.commit({one: some.take(np.lexsort((some.rows, some.sight))) for one, some in past.items()})
        needed = seen_needed(fresh.nodes)
        self.program.adopt_better(fresh, rows, rows, fresh.numbers, needed)
        return True

    def lack(self, plan: Plan, names: Collection[str], row: int, sessions: Sessions, now: int) -> Lack | None:
        """What results of a plan that is here still lack on a row at `now`, ns UTC."""
        results = self.program.extend(plan)
        found = lack(self.program, [item for name, item in results.items() if name in names], row, sessions, now)
        self.program.drop(results.values())
        return found

    def _reads_only(self, plan: Plan, bars: Mapping[Timeframe, Bars], rows: Ints) -> bool:
        """True where everybody that a plan reads is among these rows."""
        known = np.zeros(self.program.rows, np.bool_)
        known[rows] = True
        for node in plan.nodes:
            if node.op is Op.FOREIGN:
                row = self._row_of(node.name)
                if row is None or not known[row]:
                    return False
            elif node.op is Op.CROSS:
                ends = [int(some.end.max()) for some in bars.values() if len(some)]
                if self._universes is None or not ends:
                    return False
                if (self._universes.mask(node.universe, max(ends)) & ~known).any():
                    return False
        return True

    def _behind(self, timeframe: Timeframe, bars: Bars) -> Bars:
        """The bars that do not wait; those that do get the fields of these."""
        parts = self.waiting.get(timeframe)
        if not parts:
            return bars
        place = {pair: at for at, pair in enumerate(zip(bars.rows.tolist(), bars.end.tolist(), strict=True))}
        is_past = np.ones(len(bars), np.bool_)
        for number, part in enumerate(parts):
            pairs = zip(part.rows.tolist(), part.end.tolist(), strict=True)
            at = np.array([place.get(pair, -1) for pair in pairs], np.int64)
            is_past[at[at >= 0]] = False
            told = {
                name: np.where(at >= 0, values[np.maximum(at, 0)], np.nan)
                for name, values in bars.fields.items()
                if name not in part.fields and len(bars)
            }
            parts[number] = replace(part, fields={**part.fields, **told}, seen=part.sight)
        return bars.take(is_past)

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        """The program and the bars that wait, as arrays that share nothing with them."""
        arrays = {f"program.{name}": array for name, array in self.program.checkpoint(count).items()}
        texts: list[str] = []
        for timeframe, parts in sorted(self.waiting.items(), key=lambda one: one[0].rank):
            names = sorted({name for part in parts for name in part.fields})
            whole = Bars.joined([_filled(part, names) for part in parts])
            prefix = f"waiting.{len(texts)}."
            texts.append(str(timeframe))
            for name in (*_PLAIN, "sight"):
                arrays[prefix + name] = getattr(whole, name).copy()
            for name in names:
                arrays[f"{prefix}field {name}"] = whole.fields[name].copy()
        arrays["timeframes"] = np.frombuffer(json.dumps(texts).encode(), np.uint8)
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """The inverse, where the same plans are there. What the arrays do not hold is unknown."""
        known = {name.removeprefix("program."): array for name, array in arrays.items() if name.startswith("program.")}
        if known:
            other = Program(rows=self.program.rows, foreign=self._row_of)
            other.restore(known)
            self.program.adopt(other, np.arange(other.rows))
        kept = json.loads(np.asarray(arrays["timeframes"], np.uint8).tobytes()) if "timeframes" in arrays else []
        for at, text in enumerate(kept):
            prefix = f"waiting.{at}."
            own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
            fields = {name.removeprefix("field "): array for name, array in own.items() if name.startswith("field ")}
            plain = {name: own[name] for name in _PLAIN}
            bars = Bars(**plain, fields=fields, seen=own["sight"])
            self.waiting[Timeframe.parse(text)] = [bars]


def reads_others(plan: Plan) -> bool:
    """True where a plan reads other instruments."""
    return any(node.op in {Op.FOREIGN, Op.CROSS} for node in plan.nodes)


def _filled(bars: Bars, names: Iterable[str]) -> Bars:
    """Bars with all of these fields; what was not told is unknown."""
    missing = {name: np.full(len(bars), np.nan) for name in names if name not in bars.fields}
    return replace(bars, fields={**bars.fields, **missing}, seen=bars.sight)
