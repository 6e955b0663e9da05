"""Expressions: text and tree are two views of one thing, and limits hold."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.language import expression as ex
from marketbell.core.language.errors import LIMIT, SYNTAX, RuleErrors
from marketbell.core.language.expression_printer import print_expression
from marketbell.core.language.expression_reader import parse_expression, read_text
from marketbell.core.language.tree import Position, Symbol
from marketbell.core.market.timeframe import Timeframe

FIELDS = ["close", "volume", "day.high", "fund.pe", "prev_day.close", "no_such_field"]
MEMBERS = ["line", "hist", "upper", "width"]

amounts = st.one_of(st.integers(0, 10**9).map(float), st.floats(0, 1e12, allow_nan=False, allow_infinity=False))
symbols = st.one_of(
    st.none(), st.builds(Symbol, st.sampled_from(["NIFTY", "M&M", "BAJAJ-AUTO"]), st.sampled_from(["", "NSE"]))
)
timeframes = st.builds(
    Timeframe, st.sampled_from(["s", "m", "h", "d", "w", "mo"]), st.integers(1, 90)
) | st.just(Timeframe("tick"))  # fmt: skip
spans = st.one_of(
    st.builds(ex.Span, st.integers(1, 5_000).map(float), st.just(ex.BARS)),
    st.builds(ex.Span, st.floats(0, 500).map(lambda x: round(x, 2)), st.sampled_from(["s", "m", "h", "d", "w"])),
)
literals = st.one_of(
    st.builds(ex.Number, amounts),
    st.builds(lambda x: ex.Number(0.0 - x), amounts),
    st.builds(ex.Percent, amounts),
    st.builds(ex.Duration, st.integers(1, 900).map(float), st.sampled_from(["s", "m", "h", "d", "w", "mo", "q", "y"])),
    st.builds(ex.Text, st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=8)),
    st.builds(ex.Truth, st.booleans()),
)
fields = st.builds(ex.Field, st.sampled_from(FIELDS), symbols)
named = st.lists(
    st.tuples(st.sampled_from(["n", "delta", "expiry"]), literals), max_size=2, unique_by=lambda one: one[0]
)


def _chain(operators: str, operand: st.SearchStrategy[ex.Expression]) -> st.SearchStrategy[ex.Expression]:
    """Operands from left to right; the first is no chain of the same kind, which would be one chain with it."""

    def build(drawn: tuple[list[ex.Expression], list[str]]) -> ex.Expression:
        operands, signs = drawn
        first = operands[0]
        if isinstance(first, ex.Chain) and first.operators[0] in operators:
            return first
        return ex.Chain(tuple(operands), tuple(signs[: len(operands) - 1]))

    signs = st.lists(st.sampled_from(list(operators)), min_size=3, max_size=3)
    return st.tuples(st.lists(operand, min_size=2, max_size=4), signs).map(build)


def _logic(operator: str, part: st.SearchStrategy[ex.Expression]) -> st.SearchStrategy[ex.Expression]:
    def build(parts: list[ex.Expression]) -> ex.Expression:
        flat = [
            two
            for one in parts
            for two in (one.parts if isinstance(one, ex.Logic) and one.operator == operator else (one,))
        ]
        return ex.Logic(operator, tuple(flat))

    return st.lists(part, min_size=2, max_size=3).map(build)


def _negative(of: ex.Expression) -> ex.Expression:
    return ex.Field("close") if isinstance(of, (ex.Number, ex.Percent)) else ex.Negative(of)


def _calls(arguments: st.SearchStrategy[ex.Expression]) -> st.SearchStrategy[ex.Call]:
    return st.builds(
        ex.Call,
        st.sampled_from(["sma", "macd", "opt.skew", "live"]),
        st.lists(arguments, max_size=3).map(tuple),
        named.map(tuple),
        symbols,
    )


def _extended(inner: st.SearchStrategy[ex.Expression]) -> st.SearchStrategy[ex.Expression]:
    return st.one_of(
        _calls(inner),
        st.builds(ex.Member, _calls(inner), st.sampled_from(MEMBERS)),
        st.builds(lambda x: ex.Call("rank", (x, ex.Universe("NIFTY500"))), inner),
        st.builds(lambda x: ex.Call("pct_of", (ex.Universe("ALL"), x)), inner),
        st.builds(ex.Offset, inner, st.integers(1, 5_000), st.sampled_from([ex.BARS, "d", "w", "mo", "q", "y"])),
        st.builds(ex.At, inner, timeframes),
        inner.map(_negative),
        _chain("+-", inner),
        _chain("*/", inner),
        st.builds(ex.Comparison, st.sampled_from([">", ">=", "<", "<=", "=", "!="]), inner, inner),
        st.builds(ex.Between, inner, inner, inner),
        st.builds(ex.In, inner, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(ex.Crosses, inner, st.sampled_from(["above", "below", "either"]), inner),
        st.builds(ex.Passes, inner, st.sampled_from(["enters", "leaves"]), inner, inner),
        st.builds(ex.Moves, inner, st.sampled_from(["rises", "falls", "moves"]), inner, spans),
        st.builds(ex.Trend, inner, st.sampled_from(["rising", "falling"])),
        st.builds(ex.Known, inner),
        st.builds(ex.Not, inner),
        _logic("and", inner),
        _logic("or", inner),
        st.builds(ex.HeldFor, inner, spans),
        st.builds(ex.Seen, inner, spans),
        st.builds(ex.Then, inner, inner, spans),
    )


trees = st.recursive(st.one_of(literals, fields), _extended, max_leaves=12)


@given(trees)
@settings(max_examples=250, deadline=None)
def test_a_printed_tree_reads_back_as_the_same_tree(tree: ex.Expression) -> None:
    text = print_expression(tree)
    try:
        read = read_text(text)
    except RuleErrors as caught:
        # Only depth is limited: brackets of the text count.
        assert [error.facts["reason"] for error in caught.errors] == [LIMIT]  # noqa: PT017 — several may be wrong
        return
    assert read == tree
    assert print_expression(read) == text


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("bb(close, 20, 2)@1d.upper", "bb(close, 20, 2).upper@1d"),
        ("bb(close, 20, 2).upper@1d", "bb(close, 20, 2).upper@1d"),
        ("macd()[1]@60m.hist", "macd().hist[1]@1h"),
        ("$NIFTY.roc(close, 63)", "$NIFTY.roc(close, 63)"),
        ("${M&M}.ltp[1d]", "${M&M}.close[1d]"),
        ("${NSE:NIFTY}.pe", "$NSE:NIFTY.fund.pe"),
        ("((close) + 1) + -2 - (3 - 4)", "close + 1 + -2 - (3 - 4)"),
        ("2 * (close + 10Cr) / 4", "2 * (close + 100000000) / 4"),
        ("--5", "5"),
        ("-(close)", "-close"),
        ("(a = 1 and b = 2) and c = 3 or d = 4", "a = 1 and b = 2 and c = 3 or d = 4"),
        ("not (close > 1 or close < 2)", "not (close > 1 or close < 2)"),
        ("(close > 1) for 3 bars seen in last 30m", "close > 1 for 3 bars seen in last 30m"),
        ("close crosses 5", "close crosses 5"),
        ("close in (1, 2)", "close in (1, 2)"),
        ('opt.skew(delta: 25) = "x\\"y"', 'opt.skew(delta: 25) = "x\\"y"'),
        ("rank(roc(close, 63), NIFTY500) <= 25", "rank(roc(close, 63), NIFTY500) <= 25"),
        ("live(sma(close, 20)@1d)", "live(sma(close, 20)@1d)"),
    ],
)
def test_spellings_have_one_canonical_form(written: str, canonical: str) -> None:
    assert print_expression(read_text(written)) == canonical
    assert read_text(canonical) == read_text(written)


def test_the_expressions_of_the_reference_come_back(shared_data: Path) -> None:
    page = (shared_data.parent / "language.md").read_text()
    found = re.findall(
        r"^\d+ +alert .*? when (.*?)(?: at | fire | rearm | cooldown | hold | expires | limit |$)", page, re.MULTILINE
    )
    assert len(found) == 25
    for text in found:
        assert read_text(print_expression(parse_expression(text))) == read_text(text)


def test_positions_are_those_of_the_text() -> None:
    tree = read_text("close >\n  sma(close, 20)@1d", Position(3, 7))
    assert isinstance(tree, ex.Comparison)
    assert [(node.position.line, node.position.column) for node in (tree, tree.left, tree.right)] == [
        (3, 7), (3, 7), (4, 3)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "column", "reason", "says"),
    [
        ("", 1, SYNTAX, "the expression ends too early"),
        ("close >", 8, SYNTAX, "the expression ends too early"),
        ("close croses above 5", 7, SYNTAX, "did you mean `crosses`?"),
        ("close + 5x", 9, SYNTAX, "unknown number `5x`"),
        ("$NIFTY > 5", 1, SYNTAX, "`$NIFTY.close`"),
        ("(close)(5)", 1, SYNTAX, "only a function can be called"),
        ("sma(n: 5, close)", 11, SYNTAX, "stand behind"),
        ("sma(close, n: 5, n: 6)", 18, SYNTAX, "given twice"),
        ("close@15x", 7, SYNTAX, "unexpected"),
        ("close@fast", 7, SYNTAX, "no timeframe"),
        ("close@0m", 7, SYNTAX, "no timeframe"),
        ("close[0]", 7, LIMIT, "from 1 to 5,000"),
        ("close[5001]", 7, LIMIT, "from 1 to 5,000"),
        ("close[1.5]", 7, LIMIT, "from 1 to 5,000"),
        ("close[15m]", 7, SYNTAX, "`[1d]`"),
        ("close > 1 for 5001 bars", 15, LIMIT, "from 1 to 5,000"),
        (f"close > {'9' * 400}", 9, LIMIT, "finite"),
        ("close > 5 and " * 600 + "close > 5", 1, LIMIT, "8192 bytes"),
        ("(" * 70 + "close" + ")" * 70, 1, LIMIT, "64 levels"),
        ("-" * 3_000 + "close", 1, LIMIT, "64 levels"),
    ],
)
def test_errors_say_where_and_what(text: str, column: int, reason: str, says: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        read_text(text)
    (error,) = caught.value.errors
    assert says in error.message
    assert error.facts["reason"] == reason
    if "levels" not in says:
        assert (error.line, error.column) == (1, column)


def test_long_chains_are_flat() -> None:
    tree = read_text(" + ".join(["close"] * 700))
    assert isinstance(tree, ex.Chain)
    assert len(tree.operands) == 700
    assert len(list(ex.walk(tree))) == 701


WORDS = (
    "close sma rsi ( ) , 14 5% 1d @ [ ] . hist and or not > = - + * in is known crosses above $A ${M&M} for bars n :"
)
words = st.sampled_from(WORDS.split(" "))


@given(st.one_of(st.text(max_size=60), st.lists(words, max_size=20).map(" ".join)))
@settings(max_examples=200, deadline=None)
def test_any_text_is_an_expression_or_errors_with_places_inside_it(text: str) -> None:
    try:
        tree = parse_expression(text)
    except RuleErrors as caught:
        lines = text.split("\n")
        for error in caught.errors:
            assert 1 <= error.line <= len(lines)
            assert 1 <= error.column <= len(lines[error.line - 1]) + 1
    else:
        assert read_text(print_expression(tree)) == tree
