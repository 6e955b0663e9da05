"""What a rule reads, at which bars, and what of it can be shown."""

import pytest

from marketbell.core.language.defaults import effective
from marketbell.core.language.errors import RuleErrors
from marketbell.core.language.plan import Input, Op, Plan
from marketbell.core.language.printer import print_timing
from marketbell.core.language.reader import parse_rule, parse_screen
from marketbell.core.language.rule_plan import RulePlan, compile_rule, compile_screen
from marketbell.core.language.tree import Fire, Rearm, Symbol
from marketbell.core.market.timeframe import Timeframe

PAIN = 'opt.max_pain(expiry: "nearest")'
AT_THREE = "schedule 0 15 * * *"


def compiled(when: str, clauses: str = "") -> RulePlan:
    return compile_rule(parse_rule(f'alert "x" on $A when {when} {clauses}'))


def written(plan: Plan, place: Input, around: Timeframe | None = None) -> str:
    """A result as text; the timeframe stands where it changes."""
    node = plan.nodes[place.node]
    if node.op is Op.CONSTANT:
        return f"{node.parameters[0]:g}"
    text = {Op.FIELD: f"<{node.name}>", Op.FOREIGN: f"${node.name}"}.get(node.op, node.name or node.op.value)
    if node.parameters and node.op in {Op.FUNCTION, Op.SHIFT}:
        text += "[" + ",".join(f"{one:g}" for one in node.parameters) + "]"
    if node.inputs:
        text += "(" + " ".join(written(plan, item, node.timeframe) for item in node.inputs) + ")"
    return text if node.timeframe == around else f"{text}@{node.timeframe}"


def said(when: str, clauses: str = "") -> str:
    plan = compiled(when, clauses)
    return written(plan.plan, dict(plan.plan.results)[plan.roots["when"]])


@pytest.mark.parametrize(
    ("when", "timing"),
    [
        ("close > 5", "tick"),
        ("pe < 15", "tick"),
        ("close > sma(20)", "1d close"),
        ("close > sma(20)@1d", "1d close"),
        ("sma(5)@1h > sma(20)@1d", "1h close"),
        ("rsi()@15m > 30 and close > sma(20)", "15m close"),
        ("close[1] > 5", "1d close"),
        ("close@5m > 5", "5m close"),
        ("close crosses above orb(15m).high", "tick"),
        ("close moves by 2% within 10m", "tick"),
        ("close > 5 for 3 bars", "tick"),
        ("sma(20)@tick > 5", "tick"),
        ("close > live(sma(20)@1d) and sma(5)@1h > 3", "tick"),
        ('news.event("results")', "tick"),
    ],
)
def test_without_at_a_rule_is_evaluated_at_the_smallest_bar_that_it_uses(when: str, timing: str) -> None:
    rule = effective(parse_rule(f'alert "x" on $A when {when}'))
    assert rule.at is not None
    assert print_timing(rule.at) == timing
    assert compile_rule(rule) == compile_rule(parse_rule(f'alert "x" on $A when {when}'))


def test_what_is_not_written_has_a_meaning() -> None:
    rule = effective(parse_rule('alert "x" on $A when close > 5'))
    assert (rule.fire, rule.rearm, rule.stale, rule.limit, rule.severity) == (
        Fire.BAR, Rearm("false"), "skip", 50, "normal"
    )  # fmt: skip
    assert effective(rule) == rule


@pytest.mark.parametrize(
    ("when", "clauses", "text"),
    [
        # At the close of bars everything that names none is of these.
        ("close > sma(20)", "at 5m close", ">(close sma[20](close))@5m"),
        ("close > sma(20)@1d", "at 5m close", ">(close hold(sma[20](close)@1d))@5m"),
        # At ticks and instants windows are of days, bare fields have their newest value.
        ("close > sma(20)", "at tick", ">(close hold(sma[20](close)@1d))@tick"),
        ("volume > 2 * sma(volume, 10)", "at tick", ">(<volume> *(2 hold(sma[10](volume)@1d)))@tick"),
        ("close > highest(high, 252)[1]", "at tick", ">(close hold(shift[1](highest[252](high))@1d))@tick"),
        ("close > sma(20)@tick", "at tick", ">(close sma[20](close))@tick"),
        ("bb().upper < close", "at tick", "<(hold(bb[20,2](close)@1d) close)@tick"),
        (
            "close > orb(15m).high", "at tick",
            ">(close hold(orb[9e+11](high low start end session session_open)@1m))@tick",
        ),
        ("close > sma(200)", "at update shareholding", ">(close hold(sma[200](close)@1d))@update shareholding"),
        ("fund.eps > fund.eps[1q]", "at update fundamentals", ">(<fund.eps> <fund.eps[1q]>)@update fundamentals"),
        ("volume > day.volume", 'at schedule "0 15 * * *"', ">(<volume> <day.volume>)@schedule 0 15 * * *"),
        # A cross looks at the evaluation before.
        (
            "close crosses above sma(20)", "at tick",
            "crosses above(close hold(sma[20](close)@1d) shift[1](close) shift[1](hold(sma[20](close)@1d)))@tick",
        ),
        # `[1d]` is the close of the session before the one in which the moment lies.
        ("close > close[1d]", "at tick", ">(close hold(close@1d))@tick"),
        ("close > prev_day.high", "at tick", ">(close hold(high@1d))@tick"),
        ("close > $B.prev_day.low", "at 1d close", ">(close $B(shift[1](low)))@1d"),
        ("close > close[3d]", "at tick", ">(close hold(shift[2](close)@1d))@tick"),
        ("close > close[1w]", "at tick", ">(close hold(hold(close@1d)@1w))@tick"),
        (
            "opt.max_pain > opt.max_pain[1d]", 'at schedule "0 15 * * *"',
            f">(<{PAIN}> if(=(session hold(session@1d)) hold(shift[1](<{PAIN}>)@1d) hold(<{PAIN}>@1d)))@{AT_THREE}",
        ),
        # Live: ticks are evaluated, what names no bar is of the one that is open.
        ("close > sma(20)", "at 5m live", ">(live(close@5m) live(sma[20](close)@5m))@tick"),
        ("close > bb().upper", "at 5m live", ">(live(close@5m) live(bb[20,2](close)@5m))@tick"),
        ("close > sma(20)@1d", "at 5m live", ">(live(close@5m) hold(sma[20](close)@1d))@tick"),
        ("fund.pe < 15", "at 5m live", "<(<fund.pe> 15)@tick"),
        ("$B.close > $B.sma(20)", "at 5m live", ">($B(live(close@5m)) $B(live(sma[20](close)@5m)))@tick"),
        # What of a whole universe changes once a bar is computed once a bar.
        ("rank(roc(close, 63), ALL) <= 25", "at tick", "<=(hold(rank(roc[63](close))@1d) 25)@tick"),
        ("rank(change_pct, ALL) <= 25", "at tick", "<=(rank(<change_pct>) 25)@tick"),
        ("pct_of(ALL, close > sma(50)) > 60", "at tick", ">(pct_of(>(close hold(sma[50](close)@1d))) 60)@tick"),
        ("$B.roc(63) > 5", "at tick", ">(hold($B(roc[63](close))@1d) 5)@tick"),
    ],
)  # fmt: skip
def test_timings(when: str, clauses: str, text: str) -> None:
    assert said(when, clauses) == text


def test_a_screen_is_evaluated_now() -> None:
    screen = parse_screen(
        'screen "x" when close > sma(20) and day.high >= highest(high, 252)[1] '
        "order by roe desc columns symbol, close, pe"
    )
    plan = compile_screen(screen)
    assert str(plan.timing) == "now"
    assert plan.roots == {"when": "p0", "order": "p7", "column1": "p8", "column2": "p9"}
    assert [part.role for part in plan.parts] == [*["when"] * 7, "order", "column", "column"]
    results = dict(plan.plan.results)
    assert written(plan.plan, results["p1"]) == ">(close hold(sma[20](close)@1d))@now"
    assert plan.fields == ("close", "day.high", "fund.pe", "fund.roe", "high")


def test_what_may_repaint_is_said() -> None:
    assert not compiled("close > sma(20)").may_repaint
    assert compiled("close > live(sma(20)@1d)").may_repaint
    assert compiled("close > 5", "at 5m live").may_repaint


def test_symbols_get_their_keys() -> None:
    rule = parse_rule('alert "x" on $A when $B.close > 5')
    plan = compile_rule(rule, lambda symbol: f"NSE:{symbol.name}")
    assert plan.is_joint
    assert [node.name for node in plan.plan.nodes if node.op is Op.FOREIGN] == ["NSE:B"]
    assert Symbol("B").key == "B"


def test_parts() -> None:
    plan = compiled(
        'not (close - 2 * atr(14)@1d > vwap for 3 bars or book.state in ("ready", "crossed")) '
        "and abs(change_pct) between 1 and 5 and close[1d] is known",
        "at 5m close",
    )
    lines = [(part.parent, part.kind, part.type, part.text, str(part.timeframe)) for part in plan.parts]
    assert lines[1:] == [
        (0, "condition", "bool",
         'not (close - 2 * atr(14)@1d > vwap for 3 bars or book.state in ("ready", "crossed"))', "5m"),
        (1, "condition", "bool",
         'close - 2 * atr(14)@1d > vwap for 3 bars or book.state in ("ready", "crossed")', "5m"),
        (2, "condition", "bool", "close - 2 * atr(14)@1d > vwap for 3 bars", "5m"),
        (3, "condition", "bool", "close - 2 * atr(14)@1d > vwap", "5m"),
        (4, "value", "price", "close - 2 * atr(14)@1d", "5m"),
        (5, "value", "price", "close", "5m"),
        (5, "value", "price", "2 * atr(14)@1d", "5m"),
        (7, "value", "price", "atr(14)@1d", "1d"),
        (4, "value", "price", "vwap", "5m"),
        (2, "condition", "bool", 'book.state in ("ready", "crossed")', "5m"),
        (10, "value", "enum", "book.state", "5m"),
        (10, "literal", "text", '"ready"', "5m"),
        (10, "literal", "text", '"crossed"', "5m"),
        (0, "condition", "bool", "abs(change_pct) between 1 and 5", "5m"),
        (14, "value", "percent", "abs(change_pct)", "5m"),
        (15, "value", "percent", "change_pct", "5m"),
        (14, "literal", "number", "1", "5m"),
        (14, "literal", "number", "5", "5m"),
        (0, "condition", "bool", "close[1d] is known", "5m"),
        (19, "value", "price", "close[1d]", "5m"),
    ]  # fmt: skip


def test_bars_that_a_bracket_names_are_those_of_its_parts() -> None:
    plan = compiled("(close > sma(20) and volume > 5)@15m", "at 1m close")
    assert [(part.text, str(part.timeframe)) for part in plan.parts] == [
        ("(close > sma(20) and volume > 5)@15m", "15m"),
        ("close > sma(20)", "15m"),
        ("close", "15m"),
        ("sma(20)", "15m"),
        ("volume > 5", "15m"),
        ("volume", "15m"),
        ("5", "15m"),
    ]


def test_all_that_cannot_be_evaluated_is_told_at_once() -> None:
    with pytest.raises(RuleErrors) as caught:
        parse_rule(
            'alert "x" on $A\n'
            "when (high > 5 or close[1d]@1w > 5) and close > live(close)\n"
            "where low > 5 rearm when open < 5 at tick"
        )
    assert [(error.line, error.column) for error in caught.value.errors] == [(2, 7), (2, 19), (2, 49), (3, 7), (3, 26)]
