"""Trees to plans: equal series are one node, other timeframes are held, warm-up is that of the tree."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.language.compile import Compiler, compile_plan
from marketbell.core.language.errors import NOT_YET, TYPE
from marketbell.core.language.expression_reader import parse_expression, read_text
from marketbell.core.language.plan import Input, Op, Plan
from marketbell.core.language.timing import default_timeframe
from marketbell.core.language.tree import Symbol
from marketbell.core.market.timeframe import DAY_1, MINUTE_1, TICK, Timeframe
from marketbell.core.primitives.errors import InvalidRuleError


def plan(*texts: str, finest: Timeframe = TICK) -> Plan:
    return compile_plan([(text, parse_expression(text)) for text in texts], finest)


def written(one: Plan, place: Input | None = None) -> str:
    """A result as text, in brackets what it reads; the timeframe stands where it changes."""
    place = one.results[0][1] if place is None else place
    return _written(one, place, None)


def _written(one: Plan, place: Input, around: Timeframe | None) -> str:
    node = one.nodes[place.node]
    name = node.name or node.op.value
    if node.op is Op.CONSTANT:
        return f"{node.parameters[0]:g}"
    text = name
    if node.op is Op.FIELD:
        text = f"<{name}>"
    if node.op is Op.FOREIGN:
        text = f"${name}"
    if node.op in {Op.FUNCTION, Op.SHIFT} and node.parameters:
        text += "[" + ",".join(f"{p:g}" for p in node.parameters) + "]"
    if node.op is Op.FUNCTION and place.output:
        text += f".{place.output}"
    if node.universe:
        text += f"/{node.universe}"
    if node.inputs:
        below = [_written(one, item, node.timeframe) for item in node.inputs]
        if name in {"+", "*", "=", "!=", "and", "or"}:
            below.sort()
        text += "(" + " ".join(below) + ")"
    return text if node.timeframe == around else f"{text}@{node.timeframe}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("close", "close@tick"),
        ("volume", "<volume>@tick"),
        ("volume@5m", "volume@5m"),
        ("day.high@5m", "<day.high>@5m"),
        ("ltp > 5", ">(close 5)@tick"),
        ("rsi(14)", "rsi[14](close)@1d"),
        ("rsi(close, 14)@1h", "rsi[14](close)@1h"),
        ("cci(20)@1d", "cci[20](typical)@1d"),
        ("atr()@1d", "atr[14](high low close)@1d"),
        ("macd()@1d.hist", "macd[12,26,9].2(close)@1d"),
        ("macd().hist@1d", "macd[12,26,9].2(close)@1d"),
        ("macd(slow: 30).signal", "macd[12,30,9].1(close)@1d"),
        ("adx().minus_di", "adx[14].2(high low close)@1d"),
        ("close > sma(20)@1d", ">(close hold(sma[20](close)@1d))@tick"),
        ("rsi()@15m > rsi(50)@1d", ">(rsi[14](close) hold(rsi[50](close)@1d))@15m"),
        ("close > sma(20)", ">(close sma[20](close))@1d"),
        ("sma(close@1d, 20)@5m", "sma[20](hold(close@1d))@5m"),
        ("close@1d[1]", "shift[1](close)@1d"),
        ("close[1]@1d", "shift[1](close)@1d"),
        ("close > close@1d[1]", ">(close shift[1](close))@1d"),
        ("highest(high, 252)[1]", "shift[1](highest[252](high))@1d"),
        ("close[1d]", "shift[1](close)@1d"),
        ("close[2w]@1w", "shift[2](close)@1w"),
        ("close[1q]@3mo", "shift[1](close)@3mo"),
        (
            "close[2d]@15m",
            "if(=(end hold(end@1d)) hold(shift[2](hold(close@15m))@1d) hold(shift[1](hold(close@15m))@1d))@15m",
        ),
        (
            "sma(20)[1d]@15m",
            "if(=(end hold(end@1d)) hold(shift[1](hold(sma[20](close)@15m))@1d) hold(hold(sma[20](close)@15m)@1d))@15m",
        ),
        ("fund.eps[1y]", "<fund.eps[4q]>@1d"),
        ("fund.promoter_holding[2q]@1d", "<fund.promoter_holding[2q]>@1d"),
        ("orb(15m).high@5m", "hold(orb[9e+11](high low start end session session_open)@1m)@5m"),
        ("orb(15m).low@1m", "orb[9e+11].1(high low start end session session_open)@1m"),
        ("$NIFTY.close", "$NIFTY(close)@tick"),
        ("$NIFTY.roc(close, 63)", "$NIFTY(roc[63](close))@1d"),
        ("$A.close@1d / $B.close@1d", "/($A(close) $B(close))@1d"),
        ("$NIFTY.fund.eps[1q]", "$NIFTY(<fund.eps[1q]>)@1d"),
        ("zscore($A.close / $B.close, 60)@1d", "zscore[60](/($A(close) $B(close)))@1d"),
        ("rank(roc(close, 63), NIFTY500)", "rank/NIFTY500(roc[63](close))@1d"),
        ("pct_of(ALL, close > 5)", "pct_of/ALL(>(close 5))@tick"),
        ("live(sma(20)@1d)", "live(sma[20](close)@1d)@tick"),
        ("$A.live(close@1d)", "$A(live(close@1d))@tick"),
        ("live((close - $A.close@1h)@1d)@5m", "live(-(close hold($A(close)@1h))@1d)@5m"),
        ("live(sma(20)@1d)@1d", "sma[20](close)@1d"),
        ("2 * 3 + close", "+(6 close)@tick"),
        ("-(2 - 5) / 4", "0.75"),
        ("1 / 0", "nan"),
        ("-close", "neg(close)@tick"),
        ("5@1d", "5"),
        ("close + 5@1d", "+(5 close)@tick"),
        ("10m", "600"),
        ("true", "1"),
        ("close between 1 and 2", "and(<=(close 2) >=(close 1))@tick"),
        ("close in (1, 2)", "or(=(1 close) =(2 close))@tick"),
        ("close crosses above 5", "crosses above(close 5 shift[1](close) 5)@tick"),
        ("(close crosses below open)@1m", "crosses below(close open shift[1](close) shift[1](open))@1m"),
        (
            "close crosses 5",
            "or(crosses above(close 5 shift[1](close) 5) crosses below(close 5 shift[1](close) 5))@tick",
        ),
        ("close enters (1, 2)", "enters(and(<=(close 2) >=(close 1)) shift[1](and(<=(close 2) >=(close 1))))@tick"),
        ("close leaves (1, 2)", "leaves(and(<=(close 2) >=(close 1)) shift[1](and(<=(close 2) >=(close 1))))@tick"),
        ("close is rising", ">(close shift[1](close))@tick"),
        ("close is falling for 3 bars", "held for[0,3](<(close shift[1](close)) end)@tick"),
        ("close > 5 for 10m", "held for[1,6e+11](>(close 5) end)@tick"),
        ("close > 5 seen in last 2 bars", "seen in last[0,2](>(close 5) end)@tick"),
        ("close > 5 then close < 4 within 1d", "then[1,8.64e+13](>(close 5) <(close 4) end)@tick"),
        ("close moves by 2% within 10m", "moves by[2,1,1,6e+11,1](close 2 end session_open)@tick"),
        ("(close rises by 5 within 3 bars)@1d", "moves by[0,0,0,3,0](close 5 end session_open)@1d"),
        ("volume falls by volume within 1h", "moves by[1,0,1,3.6e+12,1](<volume> <volume> end session_open)@tick"),
        (
            "close moves by hv(20)@1d within 1h",
            "moves by[2,1,1,3.6e+12,1](close hold(hv[20](close per_year)@1d) end session_open)@tick",
        ),
        ("opt.max_pain", '<opt.max_pain(expiry: "nearest")>@tick'),
        ('opt.pcr_oi(expiry: "next")', '<opt.pcr_oi(expiry: "next")>@tick'),
        ("opt.iv_rank(20)@1d", "<opt.iv_rank(days: 20)>@1d"),
        ("news.sentiment(60m)", "<news.sentiment(within: 1h)>@tick"),
        ("$NIFTY.opt.skew(25)[1]@1d", 'shift[1]($NIFTY(<opt.skew(delta: 25, expiry: "nearest")>))@1d'),
        ('days_to(event: "results")', '<days_to(event: "results")>@tick'),
        ('opt.oi_state = "long_buildup"', '=(1 <opt.oi_state(expiry: "nearest")>)@tick'),
        ("event_time is known", "known(<event_time>)@tick"),
        ("fund.pe is known", "known(<fund.pe>)@tick"),
        ("not close > 5", "not(>(close 5))@tick"),
        ("if(close > 5, 1, 2)@1d", "if(>(close 5) 1 2)@1d"),
        ("coalesce(fund.pe, 5)@1d", "coalesce(<fund.pe> 5)@1d"),
        ("count(close > open, 5)", "count[5](>(close open))@1d"),
        ('book.state = "ready"', "=(2 <book.state>)@tick"),
    ],
)  # fmt: skip
def test_plans(text: str, said: str) -> None:
    assert written(plan(text)) == said


def test_equal_series_are_one_node_across_expressions() -> None:
    texts = [
        "rsi(14)@1d",
        "rsi(close, n: 14)@1d < 30",
        "bb(close, 20, 2).upper@1d - bb(20)@1d.lower",
        "close@1d > sma(close, 20)@1d or close@1d > sma(20)@1d",
        "(close + open)@1d > 5",
        "5 < (open + close)@1d",
        "macd()@1440m.hist",
    ]
    alone = [plan(text) for text in texts]
    together = plan(*texts)
    assert len(set(together.nodes)) == len(together.nodes) < sum(len(one.nodes) for one in alone)
    for text, one in zip(texts, alone, strict=True):
        place = dict(together.results)[text]
        assert written(together, place) == written(one)
    functions = [node for node in together.nodes if node.op is Op.FUNCTION]
    assert sorted(node.name for node in functions) == ["bb", "macd", "rsi", "sma"]
    sums = [node for node in together.nodes if node.name == "+"]
    assert len(sums) == 1
    assert [node.name for node in together.nodes if node.op is Op.BAR and node.timeframe == DAY_1] == ["close", "open"]


@given(st.permutations(["close + open > 5", "volume > 3 and open + close > 4", "open", "close", "volume > 3"]))
@settings(max_examples=30, deadline=None)
def test_a_series_is_the_same_node_in_any_plan(texts: list[str]) -> None:
    def shape(one: Plan, place: Input) -> object:
        node = one.nodes[place.node]
        return (node.op, node.name, node.parameters, [shape(one, item) for item in node.inputs], place.output)

    together, alone = plan(*[f"({text})@1d" for text in texts]), plan(f"({texts[0]})@1d")
    assert shape(together, together.results[0][1]) == shape(alone, alone.results[0][1])


def test_results_of_one_function_share_it() -> None:
    one = plan("macd().line@1d", "macd().signal@1d", "macd().hist@1d")
    places = [place for _, place in one.results]
    assert [place.output for place in places] == [0, 1, 2]
    assert len({place.node for place in places}) == 1


TEXTS = [
    "close", "rsi(14)@1h", "close[1d]@15m", "sma(sma(20), 10)@1d > 2 * 3", "orb(15m).high@5m", "$A.close@1d / close",
    "live(bb(20)@1d.upper)", "close crosses volume@1m", "rank(close, ALL)", "not (close > 5 and volume > 3)",
    "value_when(close crosses above open, high)@5m", "fund.eps[1q]@1d", "high_52w[3]@1d",
]  # fmt: skip


@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_each_node_reads_only_earlier_ones_and_every_node_is_read(texts: list[str]) -> None:
    one = compile_plan([(str(at), read_text(text)) for at, text in enumerate(texts)])
    for at, node in enumerate(one.nodes):
        assert all(item.node < at for item in node.inputs)
    read = {item.node for node in one.nodes for item in node.inputs} | {place.node for _, place in one.results}
    assert read == set(range(len(one.nodes)))
    assert len(set(one.nodes)) == len(one.nodes)


@pytest.mark.parametrize(
    ("text", "lookback", "warm_up"),
    [
        ("close@1d", 0, 0),
        ("sma(20)@1d", 19, 19),
        ("sma(sma(20), 10)@1d", 28, 28),
        ("sma(20)[5]@1d", 24, 24),
        ("rsi(14)@1d", 14, 14 + 125),
        ("ema(20)@1d", 19, 19 + 93),
        ("rsi(14)@1d > sma(200)@1d / close@1d", 199, 199),
        ("close crosses above sma(50)", 50, 50),
        ("sma(sma(close, 50)@1d, 20)@1h", 19, 19),
        ("$A.sma(20)@1d", 19, 19),
        ("(close > sma(20) for 5 bars)@1d", 23, 23),
        ("(close > 5 for 5d)@1d", 4, 0),
        ("(close > 5 seen in last 1h)@5m", 11, 0),
        ("(close > 5 then close > 6 within 5 bars)@5m", 5, 0),
        ("(close rises by 1 within 50m)@5m", 10, 0),
    ],
)
def test_warm_up_is_counted_in_bars_of_the_own_timeframe(text: str, lookback: int, warm_up: int) -> None:
    one = plan(text)
    node = one.nodes[one.results[0][1].node]
    assert (node.lookback, node.warm_up) == (lookback, warm_up)


def test_a_held_series_keeps_its_own_warm_up() -> None:
    one = plan("sma(sma(close, 50)@1d, 20)@1h")
    assert {(str(n.timeframe), n.parameters, n.lookback) for n in one.nodes if n.op is Op.FUNCTION} == {
        ("1d", (50.0,), 49), ("1h", (20.0,), 19)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "timeframe"),
    [
        ("close > 5", "tick"),
        ("close > sma(20)", "1d"),
        ("close > sma(20)@1d", "tick"),
        ("sma(5)@1h > sma(20)@1d", "1h"),
        ("rsi()@15m > 30 and close > sma(20)", "15m"),
        ("sma(5) > sma(20)@1w", "1d"),
        ("close[1] > 5", "1d"),
        ("close@5m > 5", "5m"),
        ("live(sma(20)@1d) > 5", "tick"),
        ("5", "tick"),
        ("fund.pe < 15", "tick"),
        ("pct_of(ALL, close > sma(50)) > 60", "1d"),
    ],
)
def test_default_timeframes(text: str, timeframe: str) -> None:
    assert str(default_timeframe(read_text(text))) == timeframe


@pytest.mark.parametrize(
    ("text", "finest", "timeframe"),
    [
        ("rsi()", MINUTE_1, "1m"),
        ("rsi()", DAY_1, "1d"),
        ("close", MINUTE_1, "1m"),
        ("rsi()@1d", MINUTE_1, "1d"),
        ("close > sma(20)@1d", MINUTE_1, "1m"),
        ("open", DAY_1, "1d"),
        ("orb(15m).high", MINUTE_1, "1m"),
    ],
)
def test_without_a_timeframe_the_own_bars_of_a_file_count(text: str, finest: Timeframe, timeframe: str) -> None:
    one = plan(text, finest=finest)
    assert str(one.nodes[one.results[0][1].node].timeframe) == timeframe


def test_a_default_of_the_caller_counts_first() -> None:
    compiler = Compiler()
    compiler.add("x", read_text("close > sma(20)@1d"), Timeframe("m", 15))
    assert written(compiler.plan()) == ">(close hold(sma[20](close)@1d))@15m"


def test_symbols_get_their_keys_from_the_caller() -> None:
    compiler = Compiler(key=lambda symbol: f"NSE:{symbol.name}")
    compiler.add("x", read_text("$A.close - $NSE:A.close"))
    one = compiler.plan()
    assert [node.name for node in one.nodes if node.op is Op.FOREIGN] == ["NSE:A"]
    assert Symbol("A").key == "A"


@pytest.mark.parametrize(
    ("text", "column", "reason", "says"),
    [
        ('"x"', 1, TYPE, '`"x"` cannot be evaluated'),
        ("open > 5", 1, TYPE, "there is no `open` of a tick or a moment: take `day.open`"),
        ("src.age > 1mo", 11, TYPE, "no fixed length"),
        ("live(close) > 5", 1, TYPE, "`live(close@1d)`"),
        ("live(close@5m)@1d", 1, TYPE, "no bar of 5m is open there"),
        ("live($A.close@1d) > 5", 1, NOT_YET, "`$NIFTY.live(close@1d)`"),
        ("live(rank(close, ALL)@1d) > 5", 1, NOT_YET, "`live` around other instruments"),
        ("close[1d]@1w", 1, TYPE, "shorter than a bar of 1w"),
        ("orb(30s).high", 1, TYPE, "bars of 1m"),
    ],
)
def test_what_cannot_be_evaluated_is_said_at_its_place(text: str, column: int, reason: str, says: str) -> None:
    with pytest.raises(InvalidRuleError) as caught:
        plan(text)
    assert says in caught.value.message
    assert (caught.value.line, caught.value.column, caught.value.facts["reason"]) == (1, column, reason)
    if reason == NOT_YET:
        assert caught.value.message.startswith("not yet supported in an evaluation: ")


@pytest.mark.parametrize(
    ("text", "finest", "column", "says"),
    [
        ("close@5m", DAY_1, 1, "bars of 5m are finer than the data: its own are of 1d"),
        ("5 + rsi()@30s", MINUTE_1, 5, "bars of 30s are finer than the data: its own are of 1m"),
        ("close@tick", MINUTE_1, 1, "bars of tick are finer"),
        ("live(rsi()@1h)", DAY_1, 6, "bars of 1h are finer"),
        ("orb(15m).high", DAY_1, 1, "this data has bars of 1d"),
    ],
)
def test_finer_bars_than_the_data_has_are_refused(text: str, finest: Timeframe, column: int, says: str) -> None:
    with pytest.raises(InvalidRuleError, match=says) as caught:
        plan(text, finest=finest)
    assert caught.value.column == column


def test_the_examples_of_the_page_can_be_evaluated() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/expressions.md").read_text()
    (block,) = re.findall(r"```expression\n(.*?)```", page, re.DOTALL)
    lines = block.strip().splitlines()
    assert len(lines) > 10
    assert plan(*lines).results
