"""What is accepted, and how each error is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.language.errors import LIMIT, NAME, SYNTAX, TYPE, RuleErrors
from marketbell.core.language.printer import print_rule, print_screen
from marketbell.core.language.reader import parse_file, parse_rule, parse_screen
from marketbell.core.language.tree import Rule, Screen

TAIL = "at tick fire once"


def errors(text: str) -> list[tuple[int, int, str, str]]:
    with pytest.raises(RuleErrors) as caught:
        parse_file(text)
    return [(e.line, e.column, str(e.facts["reason"]), e.message) for e in caught.value.errors]


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("on $NSE:RELIANCE when close crosses above 1500", "on $NSE:RELIANCE when close crosses above 1500"),
        ("on ${M&M} when ltp crosses below 2.50", "on ${M&M} when close crosses below 2.5"),
        (
            "when (close) crosses above (2.5L) on ${NSE:BAJAJ-AUTO}",
            "on ${NSE:BAJAJ-AUTO} when close crosses above 250000",
        ),
        ("on ${RELIANCE} when close crosses above 10Cr", "on $RELIANCE when close crosses above 100000000"),
        ("on $A when close crosses above 3M # why not", "on $A when close crosses above 3000000"),
        ("on $A\n  when close\n  crosses above 1k", "on $A when close crosses above 1000"),
    ],
)
def test_spellings_have_one_canonical_form(written: str, canonical: str) -> None:
    assert print_rule(parse_rule(f'alert "x" {TAIL} {written}')) == f'alert "x" {canonical} {TAIL}'


HEAD = 'alert "x" on $A when close > 5'


@pytest.mark.parametrize(
    ("clause", "canonical"),
    [
        ("at tick", "at tick"),
        ("at 60m close", "at 1h close"),
        ("at 5m live", "at 5m live"),
        ("at update chain", "at update chain"),
        ('at schedule "0  15 * * 1-5"', 'at schedule "0 15 * * 1-5"'),
        ("hold 60s", "hold 1m"),
        ("fire once", "fire once"),
        ("fire once per bar", "fire once per bar"),
        ("fire every time", "fire every time"),
        ("fire on change", "fire on change"),
        ("rearm on false", "rearm on false"),
        ("rearm never", "rearm never"),
        ("rearm after 30m", "rearm after 30m"),
        ("rearm when close < 4", "rearm when close < 4"),
        ("cooldown 2h", "cooldown 2h per symbol"),
        ("cooldown 120m per rule", "cooldown 2h per rule"),
        ("limit 20 per day", "limit 20 per day"),
        ("session NSE 9:30-11:00", "session NSE 09:30-11:00"),
        ("expires after 30d", "expires after 30d"),
        ("expires after 14d", "expires after 2w"),
        ("expires 2026-12-31", "expires 2026-12-31"),
        ("expires never", ""),
        ("stale skip", "stale skip"),
        ("stale hold", "stale hold"),
        ("stale fire", "stale fire"),
        ("max_age 90s", "max_age 90s"),
        ("severity high", "severity high"),
        ("notify slack:desk, in_app, webhook", "notify slack:desk, in_app, webhook"),
        ('notify slack:"the desk", slack', 'notify slack:"the desk", slack'),
        ("notify telegram, sms fallback mail:me", "notify telegram, sms fallback mail:me"),
        ("digest 24h", "digest 1d"),
        ("action paper_close(qty: 50%)", "action paper_close(qty: 50%)"),
        ("action paper_buy(100)", "action paper_buy(100)"),
        ("action paper_sell()", "action paper_sell()"),
    ],
)
def test_policy_clauses(clause: str, canonical: str) -> None:
    assert print_rule(parse_rule(f"{HEAD} {clause}")) == f"{HEAD} {canonical}".strip()


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("$A, $NSE:B", "$A, $NSE:B"),
        ("NIFTY500, FNO", "NIFTY500, FNO"),
        ('watchlist "core", screen "x y"', 'watchlist "core", screen "x y"'),
        ("portfolio", "portfolio"),
        ("all", "ALL"),
        ("ALL where fund.market_cap > 500Cr", "ALL where fund.market_cap > 5000000000"),
    ],
)
def test_scopes(written: str, canonical: str) -> None:
    text = print_rule(parse_rule(f'alert "x" on {written} when close > 5'))
    assert text == f'alert "x" on {canonical} when close > 5'


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("pe < 15 and roe > 15", "fund.pe < 15 and fund.roe > 15"),
        ("  # a comment\n pe < 15\n", "fund.pe < 15"),
        ('screen "x" when pe < 15', 'screen "x" when fund.pe < 15'),
        ('screen "x" on ALL when pe < 15 order by roe', 'screen "x" when fund.pe < 15 order by fund.roe'),
        (
            'screen "x" on FNO where close > 5 when pe < 15 order by roe desc limit 50 columns symbol, ltp',
            'screen "x" on FNO where close > 5 when fund.pe < 15 order by fund.roe desc limit 50 columns symbol, close',
        ),
        ('screen "x" when pe < 15 order by symbol asc', 'screen "x" when fund.pe < 15 order by symbol'),
    ],
)
def test_screens(written: str, canonical: str) -> None:
    screen = parse_screen(written)
    assert print_screen(screen) == canonical
    assert parse_screen(canonical) == screen


def test_a_screen_is_no_rule_and_a_rule_is_no_screen() -> None:
    with pytest.raises(RuleErrors, match="a screen cannot be armed"):
        parse_rule('screen "x" when pe < 15')
    with pytest.raises(RuleErrors, match="one screen is expected here"):
        parse_screen(HEAD)
    with pytest.raises(RuleErrors, match="this text has 2"):
        parse_rule(f"{HEAD} {HEAD.replace('x', 'y')}")
    both = parse_file(f'{HEAD} screen "x" when pe < 15')
    assert [type(one) for one in both] == [Rule, Screen]


@pytest.mark.parametrize(
    ("text", "where", "reason", "says"),
    [
        ('alert "x" on $A when clos > 5', (1, 22), NAME, "unknown field `clos`: did you mean `close`?"),
        ('alert "x" on $A when close > 5%', (1, 30), TYPE, "price and `5%` is a percent"),
        ('alert "x" on $A when rsii(close) > 5', (1, 22), NAME, "unknown function `rsii`: did you mean `rsi`?"),
        ('alert "x" on $A when close', (1, 22), TYPE, "a condition is needed here"),
        ('alert "x" on $A when close croses above 5', (1, 28), SYNTAX, "did you mean `crosses`?"),
        ('alert "x" on $A when close crosses above 1,500', (1, 43), SYNTAX, "without commas"),
        ('alert "x" on $A when close crosses above 5x', (1, 42), SYNTAX, "unknown number `5x`"),
        ('alert "x" on $A when close crosses above', (1, 41), SYNTAX, "the rule ends too early"),
        ('alert "x on $A when close', (1, 7), SYNTAX, "no closing quote"),
        ('alrt "x" on $A', (1, 1), SYNTAX, "did you mean `alert`?"),
        ('alert "x" when close > 5', (1, 25), SYNTAX, "no `on` clause"),
        ('alert "x" on $A', (1, 16), SYNTAX, "no `when` clause"),
        ('alert "x" on $A on $B when close > 5', (1, 17), SYNTAX, "`on` is written twice"),
        ('alert "x" on $A, $A when close > 5', (1, 18), SYNTAX, "named twice"),
        ('alert " " on $A when close > 5', (1, 7), SYNTAX, "needs a name"),
        ('alert "x" on watchlist when close > 5', (1, 14), SYNTAX, 'which watchlist? write `watchlist "NAME"`'),
        ('alert "x" on watchlst "core" when close > 5', (1, 14), SYNTAX, "did you mean `watchlist`?"),
        ('alert "x" on ${ } when close > 5', (1, 14), SYNTAX, "names no symbol"),
        ('alert "x" on $A where close when close > 5', (1, 23), TYPE, "a condition is needed here"),
        (f"{HEAD} at tck", (1, 35), SYNTAX, "did you mean `tick`?"),
        (f"{HEAD} at 5m clos", (1, 38), SYNTAX, "did you mean `close`?"),
        (f"{HEAD} at 1q close", (1, 35), SYNTAX, "no timeframe"),
        (f"{HEAD} at updat chain", (1, 35), SYNTAX, "expected `tick`, `update` or a bar"),
        (f"{HEAD} at update chian", (1, 42), SYNTAX, "did you mean `chain`?"),
        (f'{HEAD} at schedule "0 25 * * *"', (1, 44), SYNTAX, "`25` is no hour"),
        (f'{HEAD} at schedule "0 15"', (1, 44), SYNTAX, "five words"),
        (f"{HEAD} hold 0s", (1, 37), LIMIT, "more than nothing"),
        (f"{HEAD} hold 1mo", (1, 37), SYNTAX, "no fixed length"),
        (f"{HEAD} fire oncee", (1, 37), SYNTAX, "did you mean `once`?"),
        (f"{HEAD} fire once per weak", (1, 46), SYNTAX, "unexpected `weak`"),
        (f"{HEAD} fire on entr", (1, 40), SYNTAX, "did you mean `enter`?"),
        (f"{HEAD} rearm on true", (1, 41), SYNTAX, "`on false` or `never`"),
        (f"{HEAD} rearm when close", (1, 43), TYPE, "a condition is needed here"),
        (f"{HEAD} cooldown 2h per simbol", (1, 48), SYNTAX, "did you mean `symbol`?"),
        (f"{HEAD} limit 20", (1, 32), SYNTAX, "`limit 20 per day`"),
        (f"{HEAD} limit 2.5 per day", (1, 38), LIMIT, "a whole number"),
        (f"{HEAD} limit 20 per week", (1, 45), SYNTAX, "per `day`"),
        (f"{HEAD} session NSX 09:30-11:00", (1, 40), NAME, "did you mean `NSE`?"),
        (f"{HEAD} session NSE 09:30-24:00", (1, 50), SYNTAX, "no time of day"),
        (f"{HEAD} session NSE 11:30-11:00", (1, 50), SYNTAX, "ends behind its begin"),
        (f"{HEAD} expires 2026-02-30", (1, 40), SYNTAX, "no day"),
        (f"{HEAD} expires 1969-12-31", (1, 40), LIMIT, "from 1970"),
        (f"{HEAD} expires after 0s", (1, 46), LIMIT, "more than nothing"),
        (f"{HEAD} expires nver", (1, 40), SYNTAX, "expected `never`"),
        (f"{HEAD} stale ship", (1, 38), SYNTAX, "did you mean `skip`?"),
        (f"{HEAD} severity hihg", (1, 41), SYNTAX, "did you mean `high`?"),
        (f"{HEAD} notify slak", (1, 39), NAME, "did you mean `slack`?"),
        (f"{HEAD} notify slack, slack", (1, 46), SYNTAX, "written twice"),
        (f"{HEAD} action paper_by(5)", (1, 39), NAME, "did you mean `paper_buy`?"),
        (f"{HEAD} action paper_buy(clos)", (1, 49), NAME, "did you mean `close`?"),
        (f"{HEAD} order by close", (1, 32), SYNTAX, "a clause is expected here"),
        ('screen "x" on ALL', (1, 18), SYNTAX, "the screen has no `when` clause"),
        ('screen "x" when pe < 15 limit 50 per day', (1, 38), SYNTAX, "a number of rows"),
        ('screen "x" when pe < 15 limit 9000', (1, 31), LIMIT, "from 1 to 5,000"),
        ('screen "x" when pe < 15 columns clos', (1, 33), NAME, "did you mean `close`?"),
        ('screen "x" when symbol = "TCS"', (1, 17), TYPE, "a fact in words"),
        ('screen "x" when high > 5', (1, 17), TYPE, "take `day.high`"),
        ('# rule_uid: 7\nalert "x" on $A when close > 5', (1, 1), SYNTAX, "not a UUID"),
    ],
)
def test_errors_say_where_and_what(text: str, where: tuple[int, int], reason: str, says: str) -> None:
    ((line, column, kind, message),) = errors(text)
    assert ((line, column), kind) == (where, reason)
    assert says in message


def test_all_errors_of_a_file_are_told_in_order() -> None:
    text = f"""# a file
alert "one" on $A when clos crosses above 5 {TAIL}

alert "two" on $A when close crosses above 5 {TAIL}
  alert "three" on $A wen close crosses above 5
alert "two" on $B when close crosses above 6 {TAIL} hold 0m
alert "two" on $B when close crosses above 6 {TAIL}
"""
    assert [(line, column) for line, column, _, _ in errors(text)] == [(2, 24), (5, 23), (6, 69), (7, 1)]


def test_no_rule_is_an_empty_list() -> None:
    assert parse_file("") == parse_file("# nothing\n\n") == parse_file("\ufeff") == []


def test_line_ends_of_other_systems() -> None:
    text = f'# hi\r\nalert "x" on $A\r\n  when close crosses above 5\r\n  {TAIL}\r\n'
    assert len(parse_file(text)) == 1
    assert errors(text.replace("close", "clos"))[0][:2] == (3, 8)


@pytest.mark.parametrize("nest", ["(" * 5_000 + "close", "not " * 1_500 + "close", "-" * 5_000 + "close", "(" * 70])
def test_bombs_are_refused(nest: str) -> None:
    closing = ")" * nest.count("(") if nest.endswith("close") else "close" + ")" * 70
    found = errors(f'alert "x" on $A when {nest}{closing} crosses above 5 {TAIL}')
    assert [reason for _, _, reason, _ in found] == [LIMIT]


def test_long_rules_are_refused() -> None:
    found = errors(f'alert "x" on $A when close crosses above 5 {TAIL} notify slack:"{"é" * 4_096}"')
    assert found[0][2] == LIMIT


def test_big_trees_are_refused() -> None:
    found = errors(f'alert "x" on $A when {" or ".join(["pe>1"] * 800)}')
    assert [reason for _, _, reason, _ in found] == [LIMIT]
    assert "may have 1,000 parts" in found[0][3]


WORDS = (
    'alert screen on when at tick fire once "x" $A ${M&M} close crosses above below 5 5% 1,5 30d ( ) and or not - + '
    "expires after 2026-01-01 never notify slack : in_app , @ . [ ] # \n > = between in hold for bars seen last then "
    'within rises by is known " $ ; fund pe orb rule_uid'
)
words = st.sampled_from(WORDS.split(" "))


@given(st.one_of(st.text(max_size=200), st.lists(words, max_size=40).map(" ".join)))
def test_any_text_is_rules_or_errors_with_places_inside_it(text: str) -> None:
    try:
        parse_file(text)
    except RuleErrors as caught:
        lines = text.removeprefix("\ufeff").split("\n")
        for error in caught.errors:
            assert 1 <= error.line <= len(lines)
            assert 1 <= error.column <= len(lines[error.line - 1]) + 1
