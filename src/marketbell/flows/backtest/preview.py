"""What a rule would have done: the engine and its clauses over the bars of the store, before anybody arms it.

The rule is armed at the first moment of the stretch, warmed by what lies before it, and sees each bar when it closes.
Nothing is read that was not known by then: facts come with their publication, days before their session as history.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.outputs import Outputs
from marketbell.core.engine.past_bars import PAST
from marketbell.core.engine.timeframes import Sessions
from marketbell.core.language import expression as ex
from marketbell.core.language.defaults import LIMIT_PER_DAY, effective
from marketbell.core.language.rule_plan import CHAIN_UPDATE, RulePlan, compile_rule
from marketbell.core.language.tree import Cooldown, Fire, Rule, Scope, ScopeKind, Timing, TimingKind
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, MINUTE, SECOND, SessionTable, regular_minutes
from marketbell.core.market.timeframe import TICK
from marketbell.core.primitives.errors import StoreUnavailableError, UserError
from marketbell.core.rules.armed import armed
from marketbell.core.rules.arming import ARM_RULE
from marketbell.core.rules.book import RuleBook
from marketbell.flows.backtest.chains import PastMetrics, past_metrics, reads_chains
from marketbell.flows.backtest.history import HistoryLoader, Loaded, Needs, bars_of, missing, needs_of, starts_of
from marketbell.flows.backtest.report import Firings, Stretch, markers, summary
from marketbell.ports.chains import ChainStore
from marketbell.ports.clock import Clock
from marketbell.ports.stores import BarStore, Fact, FundamentalStore, InstrumentStore

ROWS = 1 << 16
"""Bars a frame."""
_NO_PRODUCER = 0
_ROLE = json.dumps({"role": "source"}).encode()

Told = Callable[[float, str], None]
"""Hears a share from 0 to 1 and a word for what is being done."""


def in_silence(_share: float, _stage: str) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Question:
    """A rule (its arm command), the keys of instruments that it needs, and how far back; `until` is ns UTC.

    `shown` are the instruments whose firings count, all where there are none.
    """

    command: Mapping[str, Any]
    keys: tuple[str, ...]
    days: int
    until: int
    shown: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "command": dict(self.command),
            "keys": list(self.keys),
            "days": self.days,
            "until": self.until,
            "shown": list(self.shown),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Question":
        """The inverse."""
        return cls(values["command"], tuple(values["keys"]), values["days"], values["until"], tuple(values["shown"]))


class Previewer:
    """Answers questions one after the other. Raises what the stores raise, UserError for what cannot be tried."""

    def __init__(
        self,
        instruments: InstrumentStore,
        bars: BarStore,
        fundamentals: FundamentalStore,
        sessions: Callable[[str], SessionTable],
        clock: Clock,
        chains: ChainStore | None = None,
    ) -> None:
        self._chains = chains
        self._instruments = instruments
        self._history = HistoryLoader(bars, fundamentals)
        self._sessions = sessions
        self._clock = clock

    def answer(self, question: Question, told: Told = in_silence) -> dict[str, Any]:
        """The content of a preview (report.summary) and its `markers`. `told` hears how far it is."""
        began = self._clock.monotonic()
        told(0.0, "reading")
        wanted = set(question.keys)
        instruments = [one for one in self._instruments.all() if one.key in wanted]
        if not instruments:
            raise UserError("nothing is known of the instruments of this rule yet")
        rule, plan = compiled(question.command)
        table = self._sessions(_calendar(instruments))
        needs = needs_of(plan, regular_minutes(table.open, table.close))
        loaded = self._history.load(instruments, table, needs, question.days, question.until)
        sessions = Sessions.of([self._sessions(one.calendar) for one in instruments])
        metrics = self._metrics(plan, instruments, loaded)
        firings = run(question.command, instruments, self._sessions, needs, loaded, told, metrics.moments)
        told(1.0, "counting")
        shown = {row for row, one in enumerate(instruments) if not question.shown or one.key in question.shown}
        seen = _only(firings, shown)
        rows = {int(one.instrument_id): row for row, one in enumerate(instruments)}
        minutes = bars_of(loaded.minutes, rows, sessions.minute_bars)
        days = bars_of(loaded.days, rows, sessions.day_bars)
        stretch = _stretch(loaded, needs, instruments, table, len(shown))
        notes = (*_notes(rule, plan, needs, loaded), *metrics.notes)
        figures = summary(plan, seen, stretch, minutes, days, sessions, notes, 0.0)
        found = figures | {"markers": markers(seen, plan)}
        return found | {"seconds": round(self._clock.monotonic() - began, 4)}

    def _metrics(self, plan: RulePlan, instruments: Sequence[Instrument], loaded: Loaded) -> PastMetrics:
        """What is stored of the option chains that a rule reads, from the first bar on that warms it."""
        if self._chains is None or not reads_chains(plan.fields):
            return PastMetrics()
        start = min([loaded.start, *starts_of(loaded.days)[:1].tolist()])
        try:
            return past_metrics(self._chains, instruments, plan.fields, start, loaded.end)
        except StoreUnavailableError:
            return PastMetrics(notes=("The store of option chains did not answer: what it reads of them is unknown.",))


def compiled(command: Mapping[str, Any]) -> tuple[Rule, RulePlan]:
    """The rule that a command arms, and its plan as the engine has it; of a level, the rule that it is."""
    if command["type"] == ARM_RULE:
        rule = armed(command, lambda symbol: symbol.key)
        return rule.rule, rule.compiled
    when = ex.Crosses(ex.Field(str(command["field"])), str(command["direction"]), ex.Number(float(command["level"])))
    scope = Scope(ScopeKind.SYMBOL, str(command["instrument_id"]))
    name, uid = str(command["rule"]), str(command["rule_uid"])
    level = Rule(name, uid, (scope,), when, at=Timing(TimingKind.TICK), fire=Fire.ONCE)
    return level, compile_rule(level)


def run(
    command: Mapping[str, Any],
    instruments: Sequence[Instrument],
    sessions: Callable[[str], SessionTable],
    needs: Needs,
    loaded: Loaded,
    told: Told = in_silence,
    chains: Sequence[tuple[int, Mapping[str, Any]]] = (),
) -> Firings:
    """One rule over loaded history, with the engine that runs live. UserError where it does not take the rule.

    `chains` are REFERENCE entries by the moment (ns UTC) at which they stand between the bars.
    """
    engine = Engine(EngineConfig(), sessions, (RuleBook,))
    engine.define(instruments)
    begin = loaded.start
    outputs = [engine.apply([_reference(loaded.facts), _command(command, begin)])]
    past, source = _cut(needs, loaded)
    parts = [*((part, _past(part)) for part in past), *((part, _ROLE) for part in source)]
    waiting = deque(chains)
    timing = str(compiled(command)[1].timing) if waiting else ""
    for done, (part, role) in enumerate(parts):
        if role == _ROLE:
            # a bar that ends at a chain's moment sees it; a rule that waits for the chain sees the bar
            side: Literal["left", "right"] = "right" if str(CHAIN_UPDATE) in timing else "left"
            outputs += [engine.apply([frame]) for frame in _between(part, waiting, side)]
        else:
            outputs.append(engine.apply([_bars(part, role)]))
        told((done + 1) / len(parts), "evaluating" if role == _ROLE else "warming")
    outputs.append(engine.apply([Frame(FrameKind.HEARTBEAT, 0, _NO_PRODUCER, 0, 0, loaded.end, loaded.end, 0)]))
    outputs.append(engine.finish())
    return collected(engine, outputs)


def collected(engine: Engine, outputs: Sequence[Outputs]) -> Firings:
    """Everything that fired, in the order of time. UserError where a rule was rejected."""
    for out in outputs:
        for _, reason in out.rejected_rules:
            raise UserError(reason)
    return Firings(
        sorted((one for out in outputs for one in out.fired), key=lambda one: (one.event_time, one.key, one.nth)),
        sorted(
            (one for out in outputs for one in out.rule_firings),
            key=lambda one: (one.event_time, one.key, one.rule_uid, one.nth),
        ),
        {int(one.instrument_id): row for row, one in enumerate(engine.instruments)},
    )


def _only(firings: Firings, rows: set[int]) -> Firings:
    return Firings(
        [one for one in firings.levels if firings.rows[one.instrument_id] in rows],
        [one for one in firings.rules if firings.rows[one.instrument_id] in rows],
        firings.rows,
    )


def _cut(needs: Needs, loaded: Loaded) -> tuple[list[Columns], list[Columns]]:
    """Bars that warm (days, then minutes), and those that are the market, in the order of time."""
    first = loaded.first_minute
    days, minutes = _timed(loaded.days, 86_400), _timed(loaded.minutes, 60)
    day_start, minute_start = starts_of(loaded.days), starts_of(loaded.minutes)
    if not needs.minutes:
        before = day_start < loaded.start
        return [_take(days, before)], list(_pieces(_take(days, ~before)))
    is_live_day = (day_start >= loaded.start) & needs.days_count_alone
    if first is not None:
        # the day in which minutes begin is made of them
        begin = int(np.searchsorted(day_start, first, side="right"))
        opened = int(day_start[begin - 1]) if begin else first
        is_live_day &= day_start < opened
        day_past = (day_start < opened) & ~is_live_day
        minute_past = minute_start < first
    else:
        day_past, minute_past = ~is_live_day, np.ones(len(minute_start), np.bool_)
    past = [_take(days, day_past), _take(minutes, minute_past)]
    return past, [*_pieces(_take(days, is_live_day)), *_pieces(_take(minutes, ~minute_past))]


def _between(
    bars: Columns, waiting: "deque[tuple[int, Mapping[str, Any]]]", side: Literal["left", "right"]
) -> Iterator[Frame]:
    """Bars of the market with the entries that belong between their ends; entries behind them keep waiting."""
    ends = starts_of(bars) + np.asarray(bars["timeframe_s"], np.int64) * SECOND
    done = 0
    while waiting and len(ends) and waiting[0][0] <= int(ends[-1]):
        time, entry = waiting.popleft()
        until = int(np.searchsorted(ends, time, side=side))
        if until > done:
            yield _bars({name: column[done:until] for name, column in bars.items()}, _ROLE)
            done = until
        yield Frame(FrameKind.REFERENCE, 0, _NO_PRODUCER, 0, 0, time, time, 0, {}, json.dumps(dict(entry)).encode())
    yield _bars({name: column[done:] for name, column in bars.items()}, _ROLE)


def _timed(columns: Columns, width: int) -> Columns:
    names = ("instrument_id", "start", "open", "high", "low", "close", "volume")
    count = len(columns["start"])
    return {name: columns[name] for name in names} | {"timeframe_s": np.full(count, width, np.int32)}


def _take(columns: Columns, mask: Any) -> Columns:
    return {name: column[mask] for name, column in columns.items()}


def _pieces(columns: Columns) -> Iterator[Columns]:
    for at in range(0, len(columns["start"]), ROWS):
        yield {name: column[at : at + ROWS] for name, column in columns.items()}


def _past(columns: Columns) -> bytes:
    """The role of bars that warm: days are history, minutes are what the store kept for who begins."""
    start = starts_of(columns)
    if not len(start) or int(columns["timeframe_s"][0]) == DAY // SECOND:
        return b""
    return json.dumps({"role": PAST, "timeframes": [], "until": int(start.max()) + MINUTE}).encode()


def _bars(columns: Columns, payload: bytes) -> Frame:
    count = len(columns["start"])
    return Frame(FrameKind.BAR, 0, _NO_PRODUCER, 0, 0, 0, 0, count, columns, payload)


def _command(command: Mapping[str, Any], time: int) -> Frame:
    return Frame(FrameKind.COMMAND, 0, _NO_PRODUCER, 0, 0, time, time, 0, {}, json.dumps(dict(command)).encode())


def _reference(facts: Sequence[Fact]) -> Frame:
    items: dict[int, list[dict[str, Any]]] = {}
    for fact in facts:
        items.setdefault(fact.instrument_id, []).append(
            {
                "name": fact.name,
                "value": fact.value if np.isfinite(fact.value) else None,
                "period_end": fact.period_end,
                "published_at": fact.published_at,
                "version": fact.version,
                "source": fact.source,
            }
        )
    payload = {
        "type": "fundamentals",
        "items": [{"instrument_id": ident, "facts": found} for ident, found in items.items()],
    }
    return Frame(FrameKind.REFERENCE, 0, _NO_PRODUCER, 0, 0, 0, 0, 0, {}, json.dumps(payload).encode())


def _calendar(instruments: Sequence[Instrument]) -> str:
    """The calendar of most of them."""
    names = [one.calendar for one in instruments]
    return max(sorted(set(names)), key=names.count)


def _stretch(
    loaded: Loaded, needs: Needs, instruments: Sequence[Instrument], table: SessionTable, shown: int
) -> Stretch:
    days, minutes = starts_of(loaded.days), starts_of(loaded.minutes)
    starts = [days[days >= loaded.start]] if not needs.minutes or needs.days_count_alone else []
    count = len(starts[0]) if starts else 0
    if needs.minutes and loaded.first_minute is not None:
        live = minutes[minutes >= loaded.first_minute]
        if needs.days_count_alone:
            count = int((starts[0] < loaded.first_minute).sum())
        starts.append(live)
        count += len(live)
    whole = np.concatenate(starts) if starts else np.empty(0, np.int64)
    is_inside = (np.asarray(table.open) < loaded.end) & (np.asarray(table.open) >= loaded.start)
    if len(whole):
        is_inside &= np.asarray(table.close) > whole.min()
    gaps = tuple(missing(loaded, instruments, table, needs))
    return Stretch(
        start=int(whole.min()) if len(whole) else None,
        end=int(whole.max()) if len(whole) else None,
        timeframe="1m" if needs.minutes and loaded.first_minute is not None else "1d",
        bars=count,
        instruments=shown,
        days=np.asarray(table.date)[is_inside].tolist() if len(whole) else (),
        gaps=gaps if len(whole) else ("No bars of these instruments are stored for this time.", *gaps),
    )


def _notes(rule: Rule, plan: RulePlan, needs: Needs, loaded: Loaded) -> Iterator[str]:
    whole = effective(rule)
    if plan.may_repaint:
        yield "It reads bars that still form; here they form minute by minute, live they do so with every price."
    if plan.timing == TICK:
        how = "the close of each minute" if loaded.first_minute is not None else "the close of each day"
        yield f"Ticks are not stored: it was tried at {how}; what happened in between was not seen."
    if needs.facts:
        yield "Fundamentals count from their publication on."
    if whole.limit is not None and whole.limit != LIMIT_PER_DAY:
        yield f"At most {whole.limit} a day would have been told; the figures count every firing."
    if isinstance(rule.cooldown, Cooldown) and rule.cooldown.per == "rule":
        yield "A cooldown of the whole rule acts on what is told; the figures count every firing."
