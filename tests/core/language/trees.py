"""Rules and screens that nothing is wrong with, of any shape (Hypothesis strategies)."""

from datetime import date

from hypothesis import strategies as st

from marketbell.core.language import expression as ex
from marketbell.core.language.clauses import MAX_LIFE
from marketbell.core.language.reader import rule_uid
from marketbell.core.language.symbols import Symbol
from marketbell.core.language.tree import (
    EVERYBODY,
    Action,
    ChannelRef,
    Cooldown,
    ExpiresAfter,
    ExpiresOn,
    Fire,
    Rearm,
    Rule,
    Scope,
    ScopeKind,
    Screen,
    SessionWindow,
    Timing,
    TimingKind,
)
from marketbell.core.language.vocabulary import CHANNELS, UPDATES, VENUES
from marketbell.core.market.timeframe import Timeframe

printable = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=40)
names = printable.filter(lambda text: bool(text.strip()))
symbol_parts = st.text("ABCMXYZ0189&-_. ", min_size=1, max_size=12).filter(lambda text: text == text.strip())
plain_parts = st.text("ABCXYZ019_", min_size=1, max_size=10)
symbols = st.builds(Symbol, symbol_parts, st.one_of(st.just(""), plain_parts))
bars = st.builds(Timeframe, st.sampled_from(["s", "m", "h", "d"]), st.integers(1, 90))
amounts = st.one_of(st.integers(1, 10**6).map(float), st.floats(0.001, 1e9))
spans = st.one_of(
    st.builds(ex.Span, st.integers(1, 5_000).map(float), st.just(ex.BARS)),
    st.builds(ex.Span, st.integers(1, 300).map(float), st.sampled_from(["s", "m", "h", "d"])),
    st.builds(ex.Span, st.sampled_from([0.5, 1.5, 2.25]), st.sampled_from(["m", "h", "w"])),
)


def _sum(parts: list[ex.Expression], signs: list[str]) -> ex.Expression:
    """From left to right; the first is no sum, which would be one with it."""
    first = parts[0]
    if isinstance(first, ex.Chain) and first.operators[0] in "+-":
        parts = [ex.Call("abs", (first,)), *parts[1:]]
    return ex.Chain(tuple(parts), tuple(signs[: len(parts) - 1]))


def _logic(operator: str, parts: list[ex.Expression]) -> ex.Expression:
    flat = [
        two
        for one in parts
        for two in (one.parts if isinstance(one, ex.Logic) and one.operator == operator else (one,))
    ]
    return ex.Logic(operator, tuple(flat))


_signs = st.lists(st.sampled_from("+-"), min_size=3, max_size=3)
_levels = amounts.map(ex.Number)
_owners = st.one_of(st.none(), symbols)
_prices = st.recursive(
    st.one_of(
        st.builds(ex.Field, st.sampled_from(["close", "vwap", "day.high", "prev_day.close"]), _owners),
        st.just(ex.Field("opt.max_pain")),
        st.just(ex.Call("opt.max_pain", (), (("expiry", ex.Text("next")),))),
    ),
    lambda inner: st.one_of(
        st.builds(lambda x, n: ex.Call("sma", (x, ex.Number(float(n)))), inner, st.integers(1, 5_000)),
        st.builds(lambda x: ex.Member(ex.Call("bb", (x,)), "upper"), inner),
        st.builds(ex.Offset, inner, st.integers(1, 5_000), st.just(ex.BARS)),
        st.builds(ex.At, inner, bars),
        st.builds(_sum, st.lists(inner, min_size=2, max_size=3), _signs),
        st.builds(lambda x, n: ex.Chain((n, x), ("*",)), inner.filter(lambda x: not isinstance(x, ex.Chain)), _levels),
        st.builds(ex.Negative, inner),
        st.builds(lambda x, y: ex.Call("max", (x, y)), inner, inner),
        st.builds(lambda x, u: ex.Call("avg_of", (ex.Universe(u), x)), inner, st.sampled_from(["ALL", "NIFTY500"])),
    ),
    max_leaves=4,
)
_percents = st.builds(
    lambda x, n: ex.Call("pct_change", (x, ex.Number(float(n)))), _prices, st.integers(1, 300)
) | st.sampled_from([ex.Field("fund.roe"), ex.Call("opt.iv_rank", (ex.Number(252.0),)), ex.Field("pos.pnl_pct")])
_sides = st.one_of(_prices, _levels, _levels.map(lambda one: ex.Number(-one.value)))

conditions: st.SearchStrategy[ex.Expression] = st.recursive(
    st.one_of(
        st.builds(ex.Comparison, st.sampled_from([">", ">=", "<", "<=", "=", "!="]), _prices, _sides),
        st.builds(ex.Comparison, st.sampled_from([">", "<="]), _percents, amounts.map(ex.Percent)),
        st.builds(ex.Comparison, st.just("="), st.just(ex.Field("book.state")), st.just(ex.Text("ready"))),
        st.builds(ex.Between, _prices, _sides, _sides),
        st.builds(ex.In, _prices, st.lists(_sides, min_size=1, max_size=3).map(tuple)),
        st.builds(ex.Crosses, _prices, st.sampled_from(["above", "below", "either"]), _sides),
        st.builds(ex.Passes, _prices, st.sampled_from(["enters", "leaves"]), _sides, _sides),
        st.builds(
            ex.Moves, _prices, st.sampled_from(["rises", "falls", "moves"]), amounts.map(ex.Percent) | _levels, spans
        ),
        st.builds(ex.Trend, _prices, st.sampled_from(["rising", "falling"])),
        st.builds(ex.Known, _prices),
        st.just(ex.Call("news.event", (ex.Text("results"),))),
        st.builds(ex.Truth, st.booleans()),
    ),
    lambda inner: st.one_of(
        st.builds(ex.Not, inner),
        st.builds(_logic, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
        st.builds(ex.HeldFor, inner, spans),
        st.builds(ex.Seen, inner, spans),
        st.builds(ex.Then, inner, inner, spans),
        st.builds(ex.At, inner, bars),
    ),
    max_leaves=5,
)

lengths = st.one_of(st.integers(1, MAX_LIFE), st.sampled_from([60 * 10**9, 3_600 * 10**9, 7 * 86_400 * 10**9]))
_scopes = st.one_of(
    st.builds(lambda one: Scope(ScopeKind.SYMBOL, one.name, one.venue), symbols),
    st.builds(Scope, st.just(ScopeKind.NAMED), st.sampled_from(["NIFTY500", "FNO", "BANKS", "nifty_next_50"])),
    st.builds(Scope, st.sampled_from([ScopeKind.WATCHLIST, ScopeKind.SCREEN]), names),
    st.sampled_from([Scope(ScopeKind.PORTFOLIO), Scope(ScopeKind.ALL)]),
)
scopes = st.lists(_scopes, min_size=1, max_size=4, unique=True).map(tuple)
timings = st.one_of(
    st.just(Timing(TimingKind.TICK)),
    st.builds(Timing, st.just(TimingKind.CLOSE), bars),
    st.builds(lambda word: Timing(TimingKind.UPDATE, word=word), st.sampled_from(UPDATES)),
    st.builds(lambda word: Timing(TimingKind.SCHEDULE, word=word), st.sampled_from(["0 15 * * 1-5", "*/5 9-15 * * *"])),
)
channels = st.builds(
    ChannelRef, st.sampled_from(CHANNELS), st.one_of(st.just(""), st.sampled_from(["desk", "alert", "when"]), names)
)
_rearms = st.one_of(
    st.sampled_from([Rearm("false"), Rearm("never")]),
    st.builds(lambda after: Rearm("after", after=after), lengths),
    st.builds(lambda when: Rearm("when", when), conditions),
)
_lives = st.one_of(
    st.none(),
    st.builds(ExpiresAfter, st.integers(1, MAX_LIFE)),
    st.builds(ExpiresOn, st.dates(date(1970, 1, 1), date(2200, 12, 31))),
)
_sessions = st.tuples(st.integers(0, 1_439), st.integers(0, 1_439)).map(sorted)
_actions = st.builds(
    Action,
    st.sampled_from(["paper_buy", "paper_sell", "paper_close"]),
    st.lists(_prices, max_size=1).map(tuple),
    st.lists(st.tuples(st.just("qty"), amounts.map(ex.Percent) | _levels), max_size=1).map(tuple),
)


def maybe(strategy: st.SearchStrategy[ex.Expression]) -> st.SearchStrategy[ex.Expression | None]:
    return st.none() | strategy


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    name = draw(names)
    notify = tuple(draw(st.lists(channels, max_size=3, unique=True)))
    return Rule(
        name=name,
        rule_uid=draw(st.one_of(st.just(rule_uid(name)), st.uuids().map(str))),
        on=draw(scopes),
        when=draw(conditions),
        where=draw(maybe(conditions)),
        at=draw(st.none() | timings),
        hold=draw(st.just(0) | lengths),
        fire=draw(st.none() | st.sampled_from(Fire)),
        rearm=draw(st.none() | _rearms),
        cooldown=draw(st.none() | st.builds(Cooldown, lengths, st.sampled_from(["symbol", "rule"]))),
        limit=draw(st.none() | st.integers(1, 100_000)),
        session=draw(st.none() | st.builds(lambda v, s: SessionWindow(v, *s), st.sampled_from(VENUES), _sessions)),
        expires=draw(_lives),
        stale=draw(st.none() | st.sampled_from(["skip", "hold", "fire"])),
        max_age=draw(st.none() | lengths),
        severity=draw(st.none() | st.sampled_from(["low", "normal", "high"])),
        notify=notify,
        fallback=draw(st.none() | channels) if notify else None,
        digest=draw(st.none() | lengths),
        action=draw(st.none() | _actions),
    )


@st.composite
def screens(draw: st.DrawFn) -> Screen:
    name = draw(names)
    order = draw(maybe(_prices | _percents))
    return Screen(
        name=name,
        screen_uid=draw(st.one_of(st.just(rule_uid(name)), st.uuids().map(str))),
        when=draw(conditions),
        on=draw(scopes | st.just(EVERYBODY)),
        where=draw(maybe(conditions)),
        order_by=order,
        is_descending=order is not None and draw(st.booleans()),
        limit=draw(st.none() | st.integers(1, 5_000)),
        columns=tuple(draw(st.lists(_prices | _percents | st.just(ex.Field("symbol")), max_size=3))),
    )
