"""What is accepted, and how each error is told."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.language.errors import LIMIT, NAME, NOT_YET, SYNTAX, TYPE, RuleErrors
from marketbell.core.language.printer import print_rule
from marketbell.core.language.reader import parse_file, parse_rule

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


@pytest.mark.parametrize(
    ("clause", "canonical"),
    [
        ("expires after 30d", "expires after 30d"),
        ("expires after 14d", "expires after 2w"),
        ("expires 2026-12-31", "expires 2026-12-31"),
        ("expires never", ""),
        ("notify slack:desk, in_app, webhook", "notify slack:desk, in_app, webhook"),
        ('notify slack:"the desk", slack', 'notify slack:"the desk", slack'),
    ],
)
def test_policy_clauses(clause: str, canonical: str) -> None:
    head = f'alert "x" on $A when close crosses above 5 {TAIL}'
    assert print_rule(parse_rule(f"{head} {clause}")) == f"{head} {canonical}".strip()


@pytest.mark.parametrize(
    ("text", "where", "reason", "says"),
    [
        (
            f'alert "x" on $A when clos crosses above 5 {TAIL}',
            (1, 22),
            NAME,
            "unknown field `clos`: did you mean `close`?",
        ),
        (
            f'alert "x" on $A when close crosses above 5% {TAIL}',
            (1, 42),
            TYPE,
            "`close` is a price and `5%` is a percent",
        ),
        ('alert "x" on $A when close > 5%', (1, 30), TYPE, "price and `5%` is a percent"),
        ('alert "x" on $A when rsi(14) > 5%', (1, 32), TYPE, "a number and `5%` is a percent"),
        (f'alert "x" on $A when rsii(close) > 5 {TAIL}', (1, 22), NAME, "unknown function `rsii`: did you mean `rsi`?"),
        (f'alert "x" on $A when close {TAIL}', (1, 22), TYPE, "a condition is needed here"),
        (f'alert "x" on $A when close croses above 5 {TAIL}', (1, 28), SYNTAX, "did you mean `crosses`?"),
        (f'alert "x" on $A when close crosses above 1,500 {TAIL}', (1, 43), SYNTAX, "without commas"),
        (f'alert "x" on $A when close crosses above 5x {TAIL}', (1, 42), SYNTAX, "unknown number `5x`"),
        (f'alert "x" on $A when close crosses above 0 {TAIL}', (1, 42), TYPE, "above 0"),
        (f'alert "x" on $A when close crosses above -5 {TAIL}', (1, 42), TYPE, "above 0"),
        ('alert "x" on $A when close crosses above', (1, 41), SYNTAX, "the rule ends too early"),
        ('alert "x on $A when close', (1, 7), SYNTAX, "no closing quote"),
        ('alrt "x" on $A', (1, 1), SYNTAX, "did you mean `alert`?"),
        (f'alert "x" when close crosses above 5 {TAIL}', (1, 55), SYNTAX, "no `on` clause"),
        (f'alert "x" on $A on $B when close crosses above 5 {TAIL}', (1, 17), SYNTAX, "`on` is written twice"),
        (f'alert " " on $A when close crosses above 5 {TAIL}', (1, 7), SYNTAX, "needs a name"),
        (f'alert "x" on $A when close crosses above 5 {TAIL} notify slak', (1, 69), NAME, "did you mean `slack`?"),
        (f'alert "x" on $A when close crosses above 5 {TAIL} notify sms', (1, 69), NOT_YET, "the channel `sms`"),
        (f'alert "x" on $A when close crosses above 5 {TAIL} expires 2026-02-30', (1, 70), SYNTAX, "no day"),
        (f'alert "x" on $A when close crosses above 5 {TAIL} expires after 0s', (1, 76), LIMIT, "more than nothing"),
        ('alert "x" on $A when close crosses above 5 at 5m close fire once', (1, 44), NOT_YET, "`at 5m close`"),
        ('alert "x" on $A when close crosses above 5 at tck fire once', (1, 47), SYNTAX, "did you mean `tick`?"),
        (
            'alert "x" on $A when close crosses above 5 at tick fire once per day',
            (1, 52),
            NOT_YET,
            "`fire once per day`",
        ),
        ('alert "x" on $A when close crosses above 5 at tick fire oncee', (1, 57), SYNTAX, "expected `once`"),
        ('alert "x" on $A when close crosses above 5 at tick', (1, 1), NOT_YET, "without `fire once`"),
        (f'alert "x" on NIFTY50 when close crosses above 5 {TAIL}', (1, 14), NOT_YET, "`on NIFTY50`"),
        (f'alert "x" on $A when vwap crosses above 5 {TAIL}', (1, 22), NOT_YET, "this expression"),
        ('screen "x" on ALL when close > 5', (1, 1), NOT_YET, "`screen`"),
        (f'# rule_uid: 7\nalert "x" on $A when close crosses above 5 {TAIL}', (1, 1), SYNTAX, "not a UUID"),
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
alert "two" on $B when close crosses above 6 {TAIL} hold 5m
alert "two" on $B when close crosses above 6 {TAIL}
"""
    assert [(line, column) for line, column, _, _ in errors(text)] == [(2, 24), (5, 23), (6, 64), (7, 1)]


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


def test_what_people_write_is_at_most_too_new(shared_data: Path) -> None:
    page = (shared_data.parent / "language.md").read_text()
    texts = re.findall(r"^\d+ +(alert .*)$", page, re.MULTILINE)
    assert len(texts) == 25
    judged = {text: _reasons(text) for text in texts}
    assert [text for text in texts if not judged[text]] == [texts[1]]
    assert set().union(*judged.values()) == {NOT_YET}


def _reasons(text: str) -> set[object]:
    try:
        parse_file(text)
    except RuleErrors as caught:
        return {error.facts["reason"] for error in caught.errors}
    return set()


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
