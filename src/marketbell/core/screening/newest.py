"""The newest values of everything that screens read, over all rows of an engine at once.

Made for one moment and thrown away: the engine's state is read, never changed. Closed series that nobody watches are
computed from the bars that the engine keeps, and kept by `ClosedSeries` until other bars close.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import elementwise
from marketbell.core.engine import kernel as k
from marketbell.core.engine.across_history import AcrossHistory
from marketbell.core.engine.cross_section import evaluate
from marketbell.core.engine.engine import Engine
from marketbell.core.engine.lists import Universe
from marketbell.core.engine.operators import TickState
from marketbell.core.engine.universes import Universes
from marketbell.core.fundamentals.valuation import sector_medians
from marketbell.core.language.plan import Input, Node, Op, Plan
from marketbell.core.language.rule_plan import NOW
from marketbell.core.market.instrument import Instrument
from marketbell.core.screening.compiled import Compiled
from marketbell.core.screening.fields import Words, stale_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_KEPT = 256


class Closed(Protocol):
    """Gives last closed values of series."""

    def values(self, plan: Plan, universes: Universes) -> Mapping[str, Floats]:
        """By name of result, for all rows. UserError where a function is not known."""


class ClosedSeries:
    """Last closed values of series that nobody watches, until other bars close."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._version = -1
        self._found: dict[str, Floats] = {}

    def values(self, plan: Plan, universes: Universes) -> Mapping[str, Floats]:
        """By name of result, for all rows. UserError where a function is not known."""
        series = self._engine.series
        if series.version != self._version or len(self._found) > _KEPT:
            self._version, self._found = series.version, {}
        if any(name not in self._found for name, _ in plan.results):
            self._found |= series.read(plan, self._engine.tick_state(), AcrossHistory(universes))
        return self._found


class Who:
    """Instruments by row: universes, keys and their order. Made anew when instruments are."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self.instruments = list(instruments)
        self.universe = Universe.of(self.instruments)
        self.universes = Universes(self.instruments)
        self.row_of = {key: row for row, key in enumerate(self.universe.keys)}
        self._places: dict[tuple[str, bool], Ints] = {}
        self._kinds: dict[frozenset[str], Mask] = {}

    def places(self, name: str, *, is_descending: bool) -> Ints:
        """Each row's place in the order of a fact in words; equal words by key."""
        found = self._places.get((name, is_descending))
        if found is None:
            by = np.argsort(self.universe.key_places).tolist()
            by.sort(key=lambda row: word(self.instruments[row], name), reverse=is_descending)
            found = self._places[name, is_descending] = np.empty(len(by), np.int64)
            found[by] = np.arange(len(by))
        return found

    def of_kinds(self, kinds: Collection[str]) -> Mask:
        """Rows of instruments of these kinds."""
        found = self._kinds.get(frozenset(kinds))
        if found is None:
            found = np.array([one.kind in kinds for one in self.instruments], np.bool_)
            self._kinds[frozenset(kinds)] = found
        return found

    def is_of(self, engine: Engine) -> bool:
        """True while nobody came and nobody was renewed."""
        return self.instruments == engine.instruments


def word(instrument: Instrument, name: str) -> str:
    """A fact in words (vocabulary.TEXT_FIELDS)."""
    if name == "instrument":
        return instrument.key
    return str(getattr(instrument, name, "") or "")


Fields = Callable[[str], NDArray[Any] | None]
"""A registry field at every row, None where nobody has it."""


class Newest:
    """Values by name of output (Compiled.name), each made once. `before` tells those of the evaluation before."""

    def __init__(
        self,
        who: Who,
        state: TickState,
        now: int,
        fields: Fields,
        closed: Closed,
        before: Callable[[str], Floats | None] | None = None,
        words: Words | None = None,
    ) -> None:
        self._who = who
        self._state = state
        self._fields = fields
        self._closed = closed
        self._before = before
        self._words = words or Words(state)
        self.now = now
        self.count = len(who.instruments)
        self._stale: Mask | None = None
        self._found: dict[str, Floats] = {}
        self.shifted: dict[str, Floats] = {}
        """What the next evaluation reads as what was before, by name."""

    @property
    def stale(self) -> Mask:
        """See stale_rows."""
        if self._stale is None:
            self._stale = self._old()
        return self._stale

    def _old(self) -> Mask:
        return stale_rows(self._state, self.now, self._words)

    def value(self, screen: Compiled, item: Input) -> Floats:
        """An output of a screen's plan at every row, NaN where unknown."""
        name = screen.name(item)
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = np.ascontiguousarray(self._made(screen, item), np.float64)
        return found

    def _made(self, screen: Compiled, item: Input) -> Floats:
        node = screen.whole.nodes[item.node]
        closed = screen.closed_names.get(item)
        if closed is not None and screen.closed is not None:
            return self._closed.values(screen.closed, self._who.universes)[closed]
        simple = self._alone(screen, node)
        if simple is not None:
            return simple
        inputs = [self.value(screen, one) for one in node.inputs]
        if node.op is Op.MAP:
            return elementwise.apply(node.name, inputs)
        if node.op is Op.CROSS:
            return evaluate(node.name, inputs[0], self._who.universes.mask(node.universe, self.now))
        if node.op is Op.FOREIGN:
            row = self._who.row_of.get(node.name)
            return np.full(self.count, np.nan if row is None else inputs[0][row])
        return inputs[0]

    def _alone(self, screen: Compiled, node: Node) -> Floats | None:
        """Values of a node that reads no other one of this moment."""
        if node.op is Op.BAR:
            return self._bar(node.name)
        if node.op is Op.FIELD:
            return self.field(node.name)
        if node.op is Op.SHIFT and node.timeframe == NOW and self._before is not None:
            name = screen.name(node.inputs[0])
            self.shifted[name] = self.value(screen, node.inputs[0])
            before = self._before(name)
            return np.full(self.count, np.nan) if before is None else before
        if node.op is Op.CONSTANT:
            return np.full(self.count, node.parameters[0])
        if node.op in {Op.SHIFT, Op.FUNCTION}:  # of the newest values: it needs what was before
            return np.full(self.count, np.nan)
        return None

    def _bar(self, name: str) -> Floats:
        if name in {"session", "session_open"}:
            seen = self._words.i(k.I_OPEN) != k.NEVER
            found = self._words.i(k.I_DATE if name == "session" else k.I_OPEN)
            return np.where(seen, found.astype(np.float64), np.nan)
        return self.field({"open": "close", "high": "close", "low": "close", "typical": "close"}.get(name, name))

    def field(self, name: str) -> Floats:
        """A registry field at every row; unknown where the engine does not have it."""
        if name == "fund.sector_pe":
            return sector_medians(self.field("fund.pe"), self._who.universe.sector_codes)
        known = self._fields(name)
        if known is None:
            return np.full(self.count, np.nan)
        found = np.asarray(known, np.float64)
        return np.where(found > 0, found, np.nan) if name == "event_time" else found
