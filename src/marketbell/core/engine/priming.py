"""Series that begin to be watched while the market runs, primed from stored bars.

A program of what is not known yet runs over the stored bars of some rows and over the minutes that are kept behind
them, up to where the log stands; then each node's state is taken over for the rows of which it has seen more bars
than the running one. What is known stays as it is, so the same bars told twice change nothing. Nothing is announced.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from marketbell.core.engine.aligned import Sessions
from marketbell.core.engine.bars import Bars, Floats, Ints
from marketbell.core.engine.feeding import NEVER, Feed
from marketbell.core.engine.kept import Joined, Kept
from marketbell.core.engine.needs import is_of_minutes, seen_needed
from marketbell.core.engine.past_bars import PastBars, open_since, series_of
from marketbell.core.engine.program import Program
from marketbell.core.language.plan import Input, Op, Plan
from marketbell.core.market.timeframe import Timeframe

Facts = Callable[[Bars, Collection[str]], Mapping[str, Floats]]
"""Published fields at the ends of bars."""

_NOTHING = np.empty(0, np.int64)
_NOWHERE = Sessions(*(_NOTHING for _ in range(6)))
_PUBLISHED = "fund."


@dataclass(frozen=True, slots=True)
class _Form:
    """A program of some plans that has no rows, and how many bars each of its nodes needs."""

    plans: tuple[tuple[str, Plan], ...]
    program: Program
    needed: Mapping[int, int]
    results: Mapping[str, Mapping[str, Input]]


@dataclass(frozen=True, slots=True)
class Primed:
    """What was primed: `rows` of the engine, and the values of some watches at all bars that were gone through."""

    rows: Ints
    results: Mapping[str, Mapping[str, Input]]
    program: Program
    bars: Mapping[Timeframe, Bars]
    values: Mapping[int, Floats]

    def columns(self, uid: str) -> dict[Timeframe, Bars]:
        """The bars with the results of a watch as their fields, by name; nothing where it was not primed."""
        return with_results(self.program, self.results.get(uid, {}), self.bars, self.values, self.rows)


def with_results(
    program: Program,
    results: Mapping[str, Input],
    bars: Mapping[Timeframe, Bars],
    values: Mapping[int, Floats],
    rows: Ints,
) -> dict[Timeframe, Bars]:
    """Bars with these results of a program as their fields; its row n is `rows[n]`."""
    fields: dict[Timeframe, dict[str, Floats]] = {}
    for name, item in results.items():
        if item.node in values:
            fields.setdefault(program.timeframe(item), {})[name] = values[item.node][item.output]
    return {
        timeframe: replace(bars[timeframe], rows=rows[bars[timeframe].rows], fields=own)
        for timeframe, own in fields.items()
    }


class Priming:
    """The programs that prime. Nothing of it is state: it follows from the plans."""

    def __init__(self) -> None:
        self._form = _Form((), Program(), {}, {})
        self._words: dict[str, tuple[Plan, frozenset[str]]] = {}

    def words(self, uid: str, plan: Plan) -> frozenset[str]:
        """What a watch is called on the log."""
        known = self._words.get(uid)
        if known is None or known[0] is not plan:
            known = self._words[uid] = (plan, series_of(plan))
        return known[1]

    def forget(self, uid: str) -> None:
        """A watch is over."""
        self._words.pop(uid, None)

    def prime(
        self,
        program: Program,
        feed: Feed,
        plans: Mapping[str, Plan],
        kept: Kept,
        past: PastBars,
        joined: Joined,
        until: Ints,
        facts: Facts,
    ) -> Primed | None:
        """Prime the rows that joined in what these plans need; None where nothing was.

        `until`: up to when each row of the running program is complete (ns), NEVER where it has not begun.
        """
        plans = {uid: plan for uid, plan in plans.items() if any(map(is_of_minutes, plan.timeframes))}
        if not len(joined.rows) or not plans:
            return None
        minutes = int(kept.sessions.minutes.max())
        own = self._program(sorted(plans.items(), key=lambda one: one[0]), len(joined.rows), minutes)
        own.sessions = kept.sessions.take(joined.rows)
        primed = Feed(feed.late, len(joined.rows))
        primed.use(own.timeframes)
        kept.begin(primed, joined.rows, only_days=True)
        bars = _bars(primed, kept, past, joined, until)
        with_facts(own, bars, joined.rows, facts)
        values = own.commit(bars)
        rows = np.arange(len(joined.rows))
        program.adopt_better(own, joined.rows, rows, _tellable(own), self._form.needed)
        feed.adopt(primed, joined.rows, rows, only=[one for one in primed.rollers if one.is_intraday])
        return Primed(joined.rows, self._form.results, own, bars, values)

    def _program(self, plans: Sequence[tuple[str, Plan]], rows: int, minutes: int) -> Program:
        """An empty program of these plans; their nodes are laid out once for all frames that prime the same."""
        known = self._form.plans
        if len(plans) != len(known) or any(one[1] is not two[1] for one, two in zip(plans, known, strict=True)):
            program = Program(sessions=_NOWHERE, is_strict=True)
            results = {uid: program.extend(plan) for uid, plan in plans}
            self._form = _Form(tuple(plans), program, seen_needed(program.nodes, minutes), results)
        own = self._form.program.taken(_NOTHING)
        own.grow(rows)
        return own


def with_facts(program: Program, bars: dict[Timeframe, Bars], rows: Ints, facts: Facts) -> None:
    """Give bars of the past the fields that a program reads there, as far as they can be told; row n is `rows[n]`."""
    for timeframe in program.sampled.keys() & bars.keys():
        names = {name for name in program.sampled[timeframe] if name.startswith(_PUBLISHED)}
        named = bars[timeframe]
        told = facts(replace(named, rows=rows[named.rows]), names) if names else {}
        bars[timeframe] = replace(named, fields={name: told[name] for name in names})


def _bars(feed: Feed, kept: Kept, past: PastBars, joined: Joined, until: Ints) -> dict[Timeframe, Bars]:
    """All closed bars of these rows, numbered from 0, up to where the log stands; `feed` has those that are open."""
    count = len(kept.ring.count)
    place = np.full(count, -1, np.int64)
    place[joined.rows] = np.arange(len(joined.rows))
    sessions = kept.sessions.take(joined.rows)

    def numbered(bars: Bars) -> Bars:
        mine = bars.take(place[bars.rows] >= 0)
        return mine.numbered(place[mine.rows])

    minutes, stored = numbered(joined.minutes), numbered(past.minutes)
    since = joined.since
    first_kept = np.where(kept.ring.count > 0, kept.ring.oldest()[1], NEVER)[joined.rows]
    is_kept = (minutes.start >= first_kept[minutes.rows]) & (first_kept[minutes.rows] != NEVER)
    longer: dict[Timeframe, tuple[Bars, Ints]] = {}
    for timeframe in feed.rollers:
        if not timeframe.is_intraday:
            continue
        bars = past.longer.get(timeframe)
        if bars is None:
            # nobody asked for these: the minutes alone tell of them, and the first of them may lack its beginning
            first = np.full(len(since), np.iinfo(np.int64).max)
            np.minimum.at(first, minutes.rows, minutes.start)
            longer[timeframe] = (Bars.empty(), since)
            feed.begin(timeframe, np.maximum(since, first))
            continue
        opened = open_since(stored, timeframe, sessions, len(since))
        # A store that is ahead of the log (a source that is played again) knows bars that are still open here.
        own = open_since(minutes.take(is_kept), timeframe, sessions, len(since))
        is_ahead = (own != NEVER) & (opened > own)
        opened = np.maximum(np.where(is_ahead, own, opened), since)
        bars = numbered(bars)
        longer[timeframe] = (bars.take((bars.start >= since[bars.rows]) & (bars.start < opened[bars.rows])), opened)
        feed.begin(timeframe, np.where(is_ahead, np.maximum(since, first_kept), since))
    own = until[joined.rows]
    reached = np.where(own == NEVER, past.until, own)
    return feed.resumed(longer, minutes, numbered(kept.days(joined.rows)), reached, sessions)


def _tellable(program: Program) -> frozenset[int]:
    """Nodes whose past stored bars tell: not those that rest on fields which nobody can tell of the past."""
    dark: set[int] = set()
    for number, node in program.nodes.items():
        is_field = node.op is Op.FIELD and not node.name.startswith(_PUBLISHED)
        if is_field or any(item.node in dark for item in node.inputs):
            dark.add(number)
    return program.numbers - dark
