"""Why a rule fired, and why not: the values of its parts, how far each clause is from true, and a sentence.

Everything is read from the compiled rule's parts and their values at one evaluation; nothing is computed again. The
document is plain JSON (see `document`), the same in a firing's `values`, in the API and on the command line.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any

from marketbell.core.engine.chains import PREFIXES
from marketbell.core.engine.outputs import RuleFiring
from marketbell.core.indicators.catalogue import BY_NAME as SERIES
from marketbell.core.language import expression as ex
from marketbell.core.language.declared import known
from marketbell.core.language.defaults import effective
from marketbell.core.language.plan import Op
from marketbell.core.language.printer import print_timing
from marketbell.core.language.rule_plan import CHAIN_UPDATE, Part, RulePlan
from marketbell.core.language.tree import Fire, Rule
from marketbell.core.market.session import SECOND
from marketbell.core.rules import words
from marketbell.core.rules.armed import Armed, armed

_ROLES = ("where", "when", "rearm")
_EDGES = {Fire.ENTER, Fire.EXIT, Fire.CHANGE}
_REMEMBERED = 4_096
_MOST_CLAUSES = 8
_NONE: Mapping[str, float] = {}
_UPDATE = str(CHAIN_UPDATE)
"""What people call an evaluation when a chain comes, of whichever expiry."""

_ABSENT = {
    "fundamentals": "nothing of it was published by then",
    "shareholding": "nothing of it was published by then",
    "history": "its daily history is too short",
    "order book": "no order book is known",
    "option chain": "no option chain is known",
    "futures": "no future of it is known",
    "news": "no news comes in",
    "paper account": "there is no paper account",
    "economy": "no figures of the economy come in",
    "own ratios": "there is no such ratio of yours",
    "patterns": "there were not enough bars yet",
}
"""By a field's source: why it may be unknown."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was seen at one evaluation: values of parts by place, NaN or absent where unknown.

    `previous` are operands of crosses at the evaluation before, `as_of` ends of the bars read by timeframe (ns UTC).
    `time` is when it was, `now` when the ages are told (ns UTC).
    """

    time: int | None
    values: Mapping[str, float]
    previous: Mapping[str, float] = field(default_factory=dict)
    as_of: Mapping[str, int] = field(default_factory=dict)
    now: int | None = None
    origins: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Of fields of option chains and futures, by their canonical names: when captured (ns UTC), and by whom."""


def document(rule: Rule, plan: RulePlan, seen: Evaluation, *, event: str, source: str = "feed") -> dict[str, Any]:
    """The why document of a rule at one evaluation.

    `{condition, event, timing, event_time, truth, sentence, value, previous, level, clauses, first_false, missing,
    terms}`; times are ns UTC, unknown values null. A clause is a predicate without `and`, `or` or `not` above it:
    `{text, role, truth, distance, distance_pct, terms}`, its distance to true in the unit of what it compares and in
    per cent of what it is compared with, null where it holds or has none. A term is a value that is read: `{expression,
    value, type, source, timeframe, as_of, age_s}`, of a cross with `previous`. `source` stands for the feed.
    """
    return told(rule, Layout(plan), seen, event=event, source=source)


def told(rule: Rule, layout: "Layout", seen: Evaluation, *, event: str, source: str) -> dict[str, Any]:
    """The same for a plan that was laid out before."""
    reading = _Reading(layout, seen, source)
    clauses = [one for role in _ROLES if role in layout.plan.roots for one in reading.clauses(role)]
    blamed = _first_false(reading)
    value, previous, level = reading.operands()
    at = effective(rule).at
    return {
        "condition": layout.condition,
        "event": event,
        "timing": "" if at is None else print_timing(at),
        "event_time": seen.time,
        "truth": reading.truth(reading.root("when")),
        "sentence": _sentence([one.said for one in clauses if one.role != "rearm"]),
        "value": value,
        "previous": previous,
        "level": level,
        "clauses": [one.told for one in clauses],
        "first_false": None
        if blamed is None
        else {"text": blamed.text, "distance": blamed.distance, "distance_text": blamed.distance_text},
        "missing": _unique("expression", [gap for one in clauses if one.truth is None for gap in one.missing]),
        "terms": _unique("expression", [term for one in clauses for term in one.terms]),
    }


def compared(plan: RulePlan) -> str:
    """The place of what a rule compares, where it compares a single thing; else an empty text."""
    root = next(at for at, part in enumerate(plan.parts) if part.place == plan.roots["when"])
    if not isinstance(_inner(plan.parts[root].node), (ex.Comparison, ex.Crosses)):
        return ""
    return next(part.place for part in plan.parts if part.parent == root)


class Layout:
    """What of a plan's parts does not change from one evaluation to the next: their names, sources and places."""

    def __init__(self, plan: RulePlan) -> None:
        self.plan = plan
        self.below: dict[int, list[int]] = {}
        self.places = {part.place: at for at, part in enumerate(plan.parts)}
        for at, part in enumerate(plan.parts):
            self.below.setdefault(part.parent, []).append(at)
        self.inner = [_inner(part.node) for part in plan.parts]
        self.names = [words.name(part.node) for part in plan.parts]
        self.sources = [tuple(dict.fromkeys(_sources(part.node))) for part in plan.parts]
        self.timeframes = [str(part.timeframe) for part in plan.parts]
        self.chain_fields = [_chain_fields(plan, part) for part in plan.parts]
        self.condition = plan.parts[self.places[plan.roots["when"]]].text


class Reasons:
    """Documents of firings; what their rules compile to is remembered."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[Armed, Layout]] = {}

    def of(self, firing: RuleFiring, source: str) -> dict[str, Any]:
        """Why it fired: the document, from the command that armed the rule."""
        rule, layout = self._rule(firing)
        event = firing.event if rule.rule.fire in _EDGES else "fire"
        seen = Evaluation(firing.event_time, firing.values, firing.previous, firing.as_of, origins=firing.origins)
        return told(rule.rule, layout, seen, event=event, source=source)

    def _rule(self, firing: RuleFiring) -> tuple[Armed, Layout]:
        key = (firing.rule_uid, firing.version)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            rule = armed(firing.payload, lambda symbol: symbol.key)
            found = self._known[key] = (rule, Layout(rule.compiled))
        return found


@dataclass(slots=True)
class _Clause:
    """A predicate as it stands. `is_negated`: it counts when it does not hold."""

    text: str
    role: str
    truth: bool | None
    said: str
    distance: float | None = None
    distance_pct: float | None = None
    distance_text: str = ""
    terms: list[dict[str, Any]] = field(default_factory=list)
    missing: list[dict[str, str]] = field(default_factory=list)

    @property
    def told(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "role": self.role,
            "truth": self.truth,
            "distance": self.distance,
            "distance_pct": self.distance_pct,
            "terms": self.terms,
        }


@dataclass(frozen=True, slots=True)
class _Way:
    """How far something is from where it must be: `amount` in its unit, `beyond` what it is measured against."""

    amount: float | None = None
    beyond: float | None = None
    text: str = ""

    @property
    def pct(self) -> float | None:
        if self.amount is None or not self.beyond:
            return None
        return self.amount / abs(self.beyond) * 100.0


class _Reading:
    """A plan's parts with the values of one evaluation."""

    def __init__(self, layout: Layout, seen: Evaluation, source: str) -> None:
        self.layout = layout
        self.plan = layout.plan
        self.seen = seen
        self.source = source

    def root(self, role: str) -> int:
        return self.layout.places[self.plan.roots[role]]

    def below(self, at: int) -> list[int]:
        return self.layout.below.get(at, [])

    def inner(self, at: int) -> ex.Expression:
        return self.layout.inner[at]

    def name(self, at: int) -> str:
        return self.layout.names[at]

    def part(self, at: int) -> Part:
        return self.plan.parts[at]

    def value(self, at: int) -> float | None:
        return _known(self.seen.values.get(self.part(at).place, nan))

    def previous(self, at: int) -> float | None:
        part = self.part(at)
        if part.kind == "literal":
            return self.value(at)
        return _known(self.seen.previous.get(part.place, nan))

    def truth(self, at: int, *, is_negated: bool = False) -> bool | None:
        found = self.value(at)
        return None if found is None else (found != 0.0) is not is_negated

    def operands(self) -> tuple[float | None, float | None, float | None]:
        """Value, value before and level of a rule that is a single comparison."""
        at = self.root("when")
        if not isinstance(self.inner(at), (ex.Comparison, ex.Crosses)):
            return None, None, None
        left, right = self.below(at)
        return self.value(left), self.previous(left), self.value(right)

    # Clauses.

    def leaves(self, at: int, *, is_negated: bool = False) -> Iterator[tuple[int, bool]]:
        """The predicates below a part, each with whether it counts reversed."""
        node = self.inner(at)
        if isinstance(node, (ex.Logic, ex.Not)):
            for child in self.below(at):
                yield from self.leaves(child, is_negated=is_negated is not isinstance(node, ex.Not))
        else:
            yield at, is_negated

    def clauses(self, role: str) -> list[_Clause]:
        return [self.clause(at, is_negated=is_negated) for at, is_negated in self.leaves(self.root(role))]

    def clause(self, at: int, *, is_negated: bool) -> _Clause:
        part = self.part(at)
        truth = self.truth(at, is_negated=is_negated)
        found = _Clause(
            f"not {part.text}" if is_negated else part.text,
            part.role,
            truth,
            self.said(at, is_negated=is_negated),
            terms=_unique("expression", [self.term(one) for one in self.values_below(at)]),
        )
        if truth is False:
            way = self.way(at, is_negated=is_negated)
            found.distance, found.distance_pct, found.distance_text = way.amount, way.pct, way.text
        elif truth is None:
            found.missing = list(self.missing(at))
        return found

    def values_below(self, at: int) -> Iterator[int]:
        """Parts that are values: the part itself or those below it, in the order of the text."""
        if self.part(at).kind == "value" or (not self.below(at) and self.part(at).kind != "literal"):
            yield at
        for child in self.below(at):
            yield from self.values_below(child)

    def term(self, at: int) -> dict[str, Any]:
        part = self.part(at)
        timeframe = self.layout.timeframes[at]
        as_of = self.seen.as_of.get(timeframe)
        if as_of is None and part.timeframe == self.plan.timing:
            as_of = self.seen.time
        sources = self.layout.sources[at]
        now = self.seen.now if self.seen.now is not None else self.seen.time
        origins = [self.seen.origins[name] for name in self.layout.chain_fields[at] if name in self.seen.origins]
        if origins:
            as_of = min(captured for captured, _ in origins)
        captors = dict.fromkeys(captor for _, captor in origins if captor)
        told: dict[str, Any] = {
            "expression": part.text,
            "value": self.value(at),
            "type": part.type or "number",
            "source": ", ".join(
                [*(self.source if one == "feed" else one for one in sources), *captors] or [self.source]
            ),
            "timeframe": _UPDATE if timeframe.startswith(_UPDATE) else timeframe,
            "as_of": as_of,
            "age_s": None if as_of is None or now is None else max(0.0, (now - as_of) / SECOND),
        }
        if part.place in self.seen.previous:
            told["previous"] = self.previous(at)
        return told

    # Distances.

    def way(self, at: int, *, is_negated: bool) -> _Way:  # noqa: C901, PLR0911 — one a kind of predicate
        """How far a predicate that does not hold is from holding."""
        node = self.inner(at)
        of = self.below(at)
        if is_negated:
            return self._way_out(node, of)
        match node:
            case ex.Comparison(operator=operator):
                return self._compared(of[0], operator, of[1])
            case ex.Between():
                return self._into(of)
            case ex.Crosses(direction=direction):
                return self._to_cross(of[0], direction, of[1])
            case ex.Passes(verb="enters"):
                way = self._into(of)
                return way if way.text else _Way(text="inside already: it must leave first")
            case ex.Passes():
                return self._out_of(of)
            case ex.In():
                return self._to_one(of)
            case ex.HeldFor():
                if self.truth(of[0]) is False:
                    return self.way(of[0], is_negated=False)
                return _Way(text=f"it holds, and has not for {words.span(node.span)} yet")
            case ex.Seen():
                return self.way(of[0], is_negated=False) if self.truth(of[0]) is False else _Way()
            case ex.Then():
                if self.truth(of[1]) is False:
                    return self.way(of[1], is_negated=False)
                return _Way(text=f"{words.clause(node.first)} was not seen within {words.span(node.within)} before")
        return _Way()

    def _way_out(self, node: ex.Expression, of: Sequence[int]) -> _Way:
        if isinstance(node, ex.Comparison):
            reverse = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "=": "!=", "!=": "="}
            return self._compared(of[0], reverse[node.operator], of[1])
        return self._out_of(of) if isinstance(node, ex.Between) else _Way()

    def _compared(self, left: int, operator: str, right: int) -> _Way:
        a, b = self.value(left), self.value(right)
        if a is None or b is None or self.part(left).type in {"enum", "bool", "text"} or operator == "!=":
            return _Way()
        side = "low" if a < b else "high"
        if a == b:
            return _Way(0.0, b, "just at it: it must go past")
        return _Way(abs(b - a), b, f"{self._amount(abs(b - a), left)} too {side}")

    def _into(self, of: Sequence[int]) -> _Way:
        x, low, high = (self.value(one) for one in of)
        if x is None or low is None or high is None or low <= x <= high:
            return _Way()
        return self._compared(of[0], ">=", of[1]) if x < low else self._compared(of[0], "<=", of[2])

    def _out_of(self, of: Sequence[int]) -> _Way:
        x, low, high = (self.value(one) for one in of)
        if x is None or low is None or high is None:
            return _Way()
        if not low <= x <= high:
            return _Way(text="outside already: it must enter first")
        near = of[1] if x - low <= high - x else of[2]
        edge = low if near == of[1] else high
        return _Way(abs(x - edge), edge, f"{self._amount(abs(x - edge), of[0])} from the edge")

    def _to_cross(self, left: int, direction: str, right: int) -> _Way:
        a, b = self.value(left), self.value(right)
        if a is None or b is None:
            return _Way()
        amount = self._amount(abs(b - a), left)
        if direction == "either" or (a <= b if direction == "above" else a >= b):
            side = "low" if a <= b else "high"
            return _Way(abs(b - a), b, f"{amount} too {side}" if direction != "either" else f"{amount} away")
        other = "under" if direction == "above" else "over"
        return _Way(abs(b - a), b, f"already {direction}: it must first go to {words.value(b, None)} or {other}")

    def _to_one(self, of: Sequence[int]) -> _Way:
        x = self.value(of[0])
        choices = [(abs(value - x), one) for one in of[1:] if x is not None and (value := self.value(one)) is not None]
        if not choices or self.part(of[0]).type in {"enum", "bool", "text"}:
            return _Way()
        return self._compared(of[0], "=", min(choices)[1])

    def _amount(self, value: float, like: int) -> str:
        return words.value(value, self.part(like).type)

    # Sentences.

    def said(self, at: int, *, is_negated: bool) -> str:  # noqa: PLR0911 — one a kind of predicate
        """A predicate with its values: `RSI 14 (15m) is 28.4, under 30`."""
        node = self.inner(at)
        of = self.below(at)
        truth = self.truth(at)
        if truth is None:
            unknown = [self.name(one) for one in self._deepest_unknown(at)]
            listed = " and ".join(dict.fromkeys(unknown)) or words.clause(self.part(at).node)
            return f"{listed} {'is' if len(set(unknown)) < 2 else 'are'} not known"
        match node:
            case ex.Comparison(operator=operator):
                return f"{self._is(of[0])}, {_UNLIKE[truth][operator]} {self._target(of[1])}"
            case ex.Between():
                return f"{self._is(of[0])}, {_no(truth)}between {self._target(of[1])} and {self._target(of[2])}"
            case ex.In():
                return f"{self._is(of[0])}, {_no(truth)}one of {', '.join(self._target(one) for one in of[1:])}"
            case ex.Crosses():
                return self._crossed(node, of, truth=truth)
            case ex.Known():
                return f"{self.name(of[0])} is {_no(truth)}known"
            case ex.Field():
                return f"{self.name(at)} {'shows' if truth else 'does not show'}"
        holds = truth is not is_negated
        said = words.clause(self.part(at).node)
        shown = [f"{self.name(one)} is {self._shown(one)}" for one in self.values_below(at)]
        detail = f" ({', '.join(dict.fromkeys(shown))})" if shown else ""
        prefix = "" if not is_negated else "not: "
        return f"{prefix}{said}: {'yes' if holds else 'no'}{detail}"

    def _is(self, at: int) -> str:
        return f"{self.name(at)} is {self._shown(at)}"

    def _shown(self, at: int) -> str:
        part, value = self.part(at), self.value(at)
        inner = self.inner(at)
        of = known(inner.name) if isinstance(inner, (ex.Field, ex.Call)) else None
        if of is not None and of.members and value is not None and 0 <= value < len(of.members):
            return of.members[int(value)].replace("_", " ") or "unknown"
        return words.value(value, part.type)

    def _target(self, at: int) -> str:
        part = self.part(at)
        if part.kind == "literal":
            return self.name(at)
        return f"{self.name(at)} ({self._shown(at)})"

    def _crossed(self, node: ex.Crosses, of: Sequence[int], *, truth: bool) -> str:
        left, right = of
        before, now, target = self.previous(left), self.value(left), self._target(right)
        said = self.name(left)
        if truth and before is not None:
            return f"{said} went from {words.value(before, self.part(left).type)} to {self._shown(left)}, past {target}"
        if truth:
            return f"{said} is {self._shown(left)}, past {target}"
        level = self.value(right)
        if now is None or level is None:
            return f"{said} did not cross {target}"
        place = "at" if now == level else "above" if now > level else "under"
        is_past = place == node.direction or (place == "under" and node.direction == "below")
        return f"{said} is {self._shown(left)}, {'already' if is_past else 'still'} {place} {target}"

    # What is missing.

    def _deepest_unknown(self, at: int) -> list[int]:
        """Values below a predicate that are unknown while everything below them is known."""
        return [
            one
            for one in self.values_below(at)
            if self.value(one) is None and all(self.value(child) is not None for child in self.below(one))
        ]

    def missing(self, at: int) -> Iterator[dict[str, str]]:
        unknown = self._deepest_unknown(at)
        for one in unknown:
            yield {"expression": self.part(one).text, "reason": self._reason(one)}
        if not unknown:
            node = self.inner(at)
            is_edge = isinstance(node, (ex.Crosses, ex.Passes, ex.Trend))
            reason = "there was no evaluation before it" if is_edge else "it has not been watched for long enough"
            yield {"expression": self.part(at).text, "reason": reason}

    def _reason(self, at: int) -> str:
        node = self.inner(at)
        member = node.of if isinstance(node, ex.Member) else node
        if isinstance(member, ex.Call) and member.name in SERIES:
            needed = self._lookback(at) + 1
            return f"there were not enough bars yet: it needs {needed:,} of {self.part(at).timeframe}"
        for name in _fields(node):
            source = _source(name)
            if source in _ABSENT:
                return _ABSENT[source]
        if isinstance(node, ex.Offset):
            return "there are not enough bars before it"
        if isinstance(node, ex.Chain) and "/" in node.operators:
            return "it has no value: something is divided by zero"
        if isinstance(member, ex.Call):
            return "it cannot be said for this bar"
        return "nothing of it came in yet"

    def _lookback(self, at: int) -> int:
        place = dict(self.plan.plan.results).get(self.part(at).place)
        return 0 if place is None else self.plan.plan.nodes[place.node].lookback


_UNLIKE = {
    True: {">": "above", ">=": "at or above", "<": "under", "<=": "at or under", "=": "equal to", "!=": "not"},
    False: {
        ">": "not above",
        ">=": "not at or above",
        "<": "not under",
        "<=": "not at or under",
        "=": "not",
        "!=": "equal to",
    },
}


def _no(truth: bool) -> str:  # noqa: FBT001 — a word for a truth
    return "" if truth else "not "


def _first_false(reading: _Reading) -> _Clause | None:
    """The clause to blame: of `where` first, then of `when`; None where nothing is false."""
    for role in ("where", "when"):
        if role in reading.plan.roots:
            found = _blame(reading, reading.root(role), is_negated=False)
            if found is not None:
                return found
    return None


def _blame(reading: _Reading, at: int, *, is_negated: bool) -> _Clause | None:
    """The first false part of an `and`; of an `or` that is false the one that is nearest to true."""
    if reading.truth(at, is_negated=is_negated) is not False:
        return None
    node = reading.inner(at)
    below = reading.below(at)
    if isinstance(node, ex.Not):
        return _blame(reading, below[0], is_negated=not is_negated)
    if not isinstance(node, ex.Logic):
        return reading.clause(at, is_negated=is_negated)
    blamed = [one for child in below if (one := _blame(reading, child, is_negated=is_negated)) is not None]
    is_and = (node.operator == "and") is not is_negated
    if is_and or not blamed:
        return blamed[0] if blamed else None
    return min(blamed, key=lambda one: float("inf") if one.distance_pct is None else one.distance_pct)


def _sentence(said: Sequence[str]) -> str:
    shown = list(dict.fromkeys(said))
    text = "; ".join(shown[:_MOST_CLAUSES])
    more = len(shown) - _MOST_CLAUSES
    text += f"; and {more} more" if more > 0 else ""
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _unique(name: str, items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        found.setdefault(item[name], item)
    return list(found.values())


def _known(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def _inner(node: ex.Expression) -> ex.Expression:
    while isinstance(node, ex.At):
        node = node.of
    return node


def _fields(node: ex.Expression) -> Iterator[str]:
    for one in ex.walk(node):
        if isinstance(one, ex.Field) or (isinstance(one, ex.Call) and one.name not in SERIES):
            yield one.name


def _chain_fields(plan: RulePlan, part: Part) -> tuple[str, ...]:
    """Fields of option chains and futures that a part reads as they stand when the rule is evaluated."""
    if part.timeframe != plan.timing:
        return ()
    nodes, waiting, found = plan.plan.nodes, [dict(plan.plan.results)[part.place].node], list[str]()
    while waiting:
        node = nodes[waiting.pop()]
        if node.timeframe == plan.timing:
            waiting += [one.node for one in node.inputs]
            if node.op is Op.FIELD and node.name.startswith(PREFIXES):
                found.append(node.name)
    return tuple(dict.fromkeys(found))


def _source(name: str) -> str:
    found = known(name)
    return "feed" if found is None else found.source


def _sources(node: ex.Expression) -> Iterator[str]:
    for name in _fields(node):
        found = known(name)
        if found is not None:
            yield found.source
