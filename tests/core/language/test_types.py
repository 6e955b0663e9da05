"""Names, arguments and types: what is wrong is told at its place, in words that help."""

import re
from pathlib import Path

import pytest

from marketbell.core.indicators.catalogue import SIGNATURES
from marketbell.core.language.errors import LIMIT, NAME, SYNTAX, TYPE, RuleErrors
from marketbell.core.language.expression_reader import parse_expression, read_text
from marketbell.core.language.functions import usage
from marketbell.core.language.types import judge


def kind(text: str) -> str | None:
    def report(*error: object) -> None:
        raise AssertionError(error)

    return judge(read_text(text), report)


def errors(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(RuleErrors) as caught:
        parse_expression(text)
    return [(error.column, str(error.facts["reason"]), error.message) for error in caught.value.errors]


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("close", "price"),
        ("open@5m", "price"),
        ("ltp[3]", "price"),
        ("5%", "percent"),
        ("5", "literal"),
        ("10m", "duration"),
        ("true", "bool"),
        ("pe", "number"),
        ("close - open", "price"),
        ("2 * close", "price"),
        ("close / 2", "price"),
        ("close / open", None),
        ("2 / close", None),
        ("close + fund.pe", None),
        ("sma(close, 20)", "price"),
        ("sma(20)", "price"),
        ("sma(volume, 20)@1d", "count"),
        ("rsi()", "number"),
        ("bb().upper", "price"),
        ("bb().width", "percent"),
        ("supertrend(10, 3).dir", "number"),
        ("macd(volume).hist", "count"),
        ("adx(14)", "number"),
        ("adx(14).plus_di", "number"),
        ("roc(close, 10)", "percent"),
        ("count(close > open, 5)", "count"),
        ("value_when(close > open, volume)", "count"),
        ("value_when(close > open)", "price"),
        ("corr(close, $NIFTY.close, 60)", "number"),
        ("abs(close - 5)", "price"),
        ("max(close, open, 5)", "price"),
        ("if(close > open, close, 5)", "price"),
        ("coalesce(fund.pe, 5)", "number"),
        ("round(close, 2)", "price"),
        ("live(sma(20)@1d)", "price"),
        ("rank(roc(close, 63), NIFTY500)", "count"),
        ("pct_of(NIFTY500, close > sma(close, 50))", "percent"),
        ("avg_of(ALL, close)", "price"),
        ('opt.pcr_oi(expiry: "nearest")', "number"),
        ("opt.iv_rank(252)", "percent"),
        ("opt.max_pain[1d]", "price"),
        ('news.event("results")', "bool"),
        ('days_to(event: "results")', "count"),
        ("news.sentiment(1h)", "number"),
        ("my.margin_of_safety", "number"),
        ('opt.oi_state in ("long_buildup", "short_covering")', "bool"),
        ("close moves by 2% within 10m", "bool"),
        ("close rises by 5 within 3 bars", "bool"),
        ("volume falls by 1k within 1h", "bool"),
        ("close > 5 for 3 bars", "bool"),
        ("close > 5 then close < 4 within 1w", "bool"),
        ("close > sma(20) and not rsi() > 50", "bool"),
        ("fund.roe > 20 or fund.roe > 20%", "bool"),
        ("src.age > 5m", "bool"),
        ('book.state = "ready"', "bool"),
    ],
)  # fmt: skip
def test_types(text: str, type_: str | None) -> None:
    assert kind(text) == type_


@pytest.mark.parametrize(
    ("text", "column", "reason", "says"),
    [
        ("close > 5%", 9, TYPE, "`close` is a price and `5%` is a percentage"),
        ("rsi(14) > 5%", 11, TYPE, "`rsi(14)` is a number and `5%` is a percentage"),
        ("close > volume", 9, TYPE, "`close` is a price and `volume` is a count"),
        ("close between 5% and 6", 15, TYPE, "is a percentage"),
        ("close in (1, true)", 14, TYPE, "`true` is true or false"),
        ("close crosses above rsi()", 21, TYPE, "they cannot be compared"),
        ("max(close, 5%)", 12, TYPE, "they cannot be compared"),
        ("close and rsi() > 5", 1, TYPE, "a condition is needed here, and `close` is a price"),
        ("not 5", 5, TYPE, "a condition is needed here"),
        ("count(close, 5)", 7, TYPE, "a condition is needed here"),
        ("if(close, 1, 2)", 4, TYPE, "a condition is needed here"),
        ("-(close > 5)", 3, TYPE, "it cannot be reckoned with"),
        ("close + true", 9, TYPE, "it cannot be reckoned with"),
        ("sma(close > 5, 20)", 5, TYPE, "it cannot be reckoned with"),
        ("abs(close > 5)", 5, TYPE, "`abs` needs numbers"),
        ("close > close + 5%", 17, TYPE, "`1.05 * close`"),
        ("close > 95% * day.high", 9, TYPE, "`0.05 * close`"),
        ("clos > 5", 1, NAME, "unknown field `clos`: did you mean `close`?"),
        ("close > prev_day.hgih", 9, NAME, "did you mean `prev_day.high`?"),
        ("fund.pee > 5", 1, NAME, "did you mean `fund.pe`?"),
        ("rsii(close)", 1, NAME, "unknown function `rsii`: did you mean `rsi`?"),
        ("rsi > 30", 1, NAME, "`rsi` is a function: `rsi(x = close, n = 14)`"),
        ("close(5)", 1, NAME, "`close` is a field and takes no arguments"),
        ("bb(close, 20, 2)", 1, NAME, "say which of `.upper`, `.mid`, `.lower`, `.width`"),
        ("stoch() > 20", 1, NAME, "say which of `.k`, `.d`"),
        ("macd(close, 12, 26, 9)@1d.histt", 1, NAME, "no member `histt`: did you mean `hist`?"),
        ("macd().foo", 1, NAME, "`.line`, `.signal`, `.hist`"),
        ("rsi().value2", 1, NAME, "it has one value"),
        ("close.high", 1, NAME, "unknown field `close.high`"),
        ("abs(close).x", 1, NAME, "`abs(…)` has no member `x`"),
        ("(close + 1).x", 1, NAME, "`close + 1` has no member `x`"),
        ("sma(close)", 1, SYNTAX, "`sma` needs `n`: `sma(x = close, n)`"),
        ("sma(close, 5, 6)", 15, SYNTAX, "takes at most 2 arguments"),
        ("atr(close, 14)", 12, SYNTAX, "takes at most one argument: `atr(n = 14)`"),
        ("obv(close)", 5, SYNTAX, "takes at most no argument"),
        ("corr(close, 20)", 1, SYNTAX, "`corr` needs `n`"),
        ("corr(20)", 1, SYNTAX, "`corr` needs `y` and `n`"),
        ("orb()", 1, SYNTAX, "`orb` needs `span`"),
        ("orb(15)", 5, TYPE, "a duration (15m)"),
        ("orb(2d).high", 5, LIMIT, "at most 1d"),
        ("orb(1mo).high", 5, TYPE, "a duration (15m)"),
        ("sma(close, rsi())", 12, TYPE, "a number of bars that is written out, not `rsi()`"),
        ("sma(close, 2 * 10)", 12, TYPE, "written out"),
        ("sma(close, 5%)", 12, TYPE, "written out"),
        ("sma(close, 0)", 12, LIMIT, "a whole number from 1 to 5,000, not `0`"),
        ("sma(close, 5001)", 12, LIMIT, "from 1 to 5,000"),
        ("sma(close, -5)", 12, LIMIT, "from 1 to 5,000"),
        ("sma(close, 2.5)", 12, LIMIT, "a whole number"),
        ("rsi(close, 1)", 12, LIMIT, "from 2 to 5,000"),
        ("bb(close, 20, 0).mid", 15, LIMIT, "above 0"),
        ("sma(close, m: 5)", 15, NAME, "no argument `m`"),
        ("sma(close, 5, n: 6)", 18, SYNTAX, "given twice"),
        ("abs(close, 5)", 1, SYNTAX, "`abs` takes 1 argument"),
        ("coalesce(close)", 1, SYNTAX, "takes at least 2 arguments"),
        ("round(close, 1, 2)", 1, SYNTAX, "takes 1 to 2 arguments"),
        ("abs(x: close)", 1, SYNTAX, "takes 1 argument"),
        ("abs(close, x: 5)", 15, NAME, "no argument `x`"),
        ("rank(close, 5)", 13, TYPE, "the name of a universe"),
        ("pct_of(close > 5, ALL)", 8, TYPE, "the name of a universe"),
        ("pct_of(ALL, close)", 13, TYPE, "a condition is needed here"),
        ("avg_of(ALL, close > 5)", 13, TYPE, "needs numbers"),
        ("opt.pcr > 1", 1, NAME, "did you mean `opt.pcr_oi`?"),
        ('opt.pcr_oi(expiry: "nearst") > 1', 20, NAME, "never `nearst`: did you mean `nearest`?"),
        ("opt.pcr_oi(expiry: 5) > 1", 20, TYPE, '`expiry` of `opt.pcr_oi` is a text ("nearest"), not `5`'),
        ("opt.pcr_oi(delta: 25) > 1", 19, NAME, "`opt.pcr_oi` has no setting `delta`"),
        ("opt.iv_rank(0) > 1", 13, LIMIT, "a whole number from 1 to 5,000, not `0`"),
        ("opt.iv_rank(252, days: 10) > 1", 24, SYNTAX, "given twice"),
        ('opt.skew(25, "next", 3) > 1', 22, SYNTAX, "takes at most 2 arguments"),
        ("opt.skew(delta: 1d) > 1", 17, TYPE, "a number that is written out"),
        ("opt.skew(25).x > 1", 1, NAME, "has no member `x`"),
        ("news.event", 1, SYNTAX, '`news.event` needs `event`: `news.event(event: "results")`'),
        ("news.count(2) > 3", 12, TYPE, "`within` of `news.count` is a duration (1h)"),
        ("news.count(2y) > 3", 12, LIMIT, "at most 366d"),
        ("days_to() < 5", 1, SYNTAX, "`days_to` needs `event`"),
        ("fut.oi(1) > 5", 1, NAME, "`fut.oi` is a field and takes no arguments"),
        ("pos.pnl_pct > -3 and acct.foo > 1", 22, NAME, "unknown field `acct.foo`"),
        ("my.a.b > 1", 1, NAME, "unknown field `my.a.b`"),
        ('book.state = "redy"', 14, NAME, "`book.state` is never `redy`: did you mean `ready`?"),
        ('book.state = "?"', 14, NAME, "it is one of building, ready"),
        ('book.state > "ready"', 1, TYPE, "`book.state` is a choice: it can be compared by = and != alone"),
        ('close = "x"', 9, TYPE, "they cannot be compared"),
        ('"a" = "a"', 7, TYPE, "they cannot be compared"),
        ('symbol = "TCS"', 1, TYPE, "`symbol` is a fact in words"),
        ("(close > 5) > (close > 6)", 2, TYPE, "it can be compared by = and != alone"),
        ("close moves by 0% within 10m", 16, LIMIT, "needs more than nothing, not `0%`"),
        ("close moves by -2% within 10m", 16, LIMIT, "needs more than nothing"),
        ("close moves by volume within 10m", 16, TYPE, "they cannot be compared"),
        ("close moves by 2% within 1mo", 1, TYPE, "`1mo` has no fixed length"),
        ("close > 5 for 0s", 1, LIMIT, "more than nothing"),
        ("close > 5 seen in last 367d", 1, LIMIT, "at most 366d"),
        ("close for 3 bars", 1, TYPE, "a condition is needed here"),
    ],
)  # fmt: skip
def test_errors(text: str, column: int, reason: str, says: str) -> None:
    found = errors(text)
    assert says in found[0][2]
    assert found[0][:2] == (column, reason)


def test_all_errors_are_told_in_order() -> None:
    assert [column for column, _, _ in errors("clos > 5 and rsi(hig, 14) > 5 or sma(volum) > 1")] == [1, 18, 34, 38]


def test_every_series_function_can_be_called_as_its_usage_says() -> None:
    for signature in SIGNATURES:
        required = ["close > open" if name == "condition" else "close" for name in signature.arguments]
        required += ["15m" if one.kind == "duration" else "20" for one in signature.parameters if one.default is None]
        for output in signature.outputs:
            parse_expression(f"{signature.name}({', '.join(required)}).{output}")
        assert usage(signature.name).startswith(f"{signature.name}(")


def test_a_rule_of_the_reference_has_no_error_of_name_or_type(shared_data: Path) -> None:
    page = (shared_data.parent / "language.md").read_text()
    found = re.findall(
        r"^\d+ +alert .*? when (.*?)(?: at | fire | rearm | cooldown | hold | expires | limit |$)", page, re.MULTILINE
    )
    assert [kind(text) for text in found] == ["bool"] * 25
