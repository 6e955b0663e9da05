"""What can be written at a place: asked of the grammar, the registry and a person's names."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.language.completion import Completion, Names, complete
from marketbell.core.language.errors import RuleErrors
from marketbell.core.language.reader import parse_file
from marketbell.core.primitives.errors import InvalidRuleError

KEYS = (("NSE:INFY", "Infosys"), ("NSE:M&M", "Mahindra"), ("US:INFY", "Infosys ADR"))
NAMES = Names(
    lambda text: [one for one in KEYS if text.upper() in one[0]],
    ("NIFTY500", "BANKS"),
    ("core", 'with "quotes"'),
    ("Cheap",),
    ("slack:desk",),
)


def at(text: str, kind: str = "rule") -> Completion:
    """Completion at the bar in the text."""
    return complete(text.replace("|", ""), text.index("|"), kind, NAMES)  # type: ignore[arg-type]


def inserts(text: str, kind: str = "rule") -> list[str]:
    return [item.insert for item in at(text, kind).items]


RULE = 'alert "x" on BANKS when close > 5 '


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("|", {'alert "', 'screen "'}),
        ("al|", {'alert "'}),
        ('alert "x" on |', {"NIFTY500", "ALL", "portfolio", 'watchlist "core"', 'screen "Cheap"', "$NSE:INFY"}),
        ('alert "x" on $inf|', {"$NSE:INFY", "$US:INFY"}),
        ('alert "x" on ${M&|', {"${NSE:M&M}"}),
        ('alert "x" on watchlist "|', {'"core"', r'"with \"quotes\""'}),
        ('alert "x" on screen "c|', {'"Cheap"'}),
        ('alert "x" on BANKS |', {"where", "when", "at", "notify"}),
        ('alert "x" on BANKS when |', {"close", "sma(", "not"}),
        ('alert "x" on BANKS when close |', {">", "crosses", "between", "is", "rises"}),
        ('alert "x" on BANKS when close crosses |', {"above", "below", "close"}),
        ('alert "x" on BANKS when close > sma(close, 20)@|', {"15m", "1d"}),
        ('alert "x" on BANKS when bb(close, 20, 2).|', {"upper", "mid", "lower", "width"}),
        ('alert "x" on BANKS when bb(sma(close, 3), 20, 2).w|', {"width"}),
        ('alert "x" on BANKS when $NIFTY.cl|', {"close"}),
        ('alert "x" on BANKS when $NIFTY.ro|', {"roc("}),
        ('alert "x" on BANKS when rank(close, |', {"BANKS", "ALL"}),
        ('alert "x" on BANKS when opt.pcr_oi(expiry: "n|', {'"nearest"', '"next"'}),
        (RULE + "|", {"and", "or", "for", "fire", "cooldown"}),
        (RULE + "at |", {"tick", "5m close", "update shareholding"}),
        (RULE + "at 5m |", {"close", "live"}),
        (RULE + "at update |", {"shareholding"}),
        (RULE + "fire |", {"once", "once per bar", "on enter"}),
        (RULE + "fire once per |", {"bar", "day", "session"}),
        (RULE + "rearm |", {"when", "after 30m", "on false", "never"}),
        (RULE + "cooldown 2h per |", {"symbol", "rule"}),
        (RULE + "limit 20 per |", {"day"}),
        (RULE + "severity h|", {"high"}),
        (RULE + "notify |", {"slack:desk", "telegram"}),
        (RULE + "notify slack:|", {"desk"}),
        (RULE + "notify slack:desk fallback |", {"sms"}),
        (RULE + '\nalert "y" |', {"on", "when"}),
        ('screen "s" when pe < 5 |', {"order", "limit", "columns"}),
        ('screen "s" when pe < 5 order by ro|', {"roc(", "fund.roe"}),
        ('screen "s" when pe < 5 columns sy|', {"symbol"}),
    ],
)
def test_what_may_stand_there_is_offered(text: str, wanted: set[str]) -> None:
    assert wanted <= set(inserts(text))


@pytest.mark.parametrize(
    ("text", "unwanted"),
    [
        (RULE + "|", {"when", "on", "close", ">"}),
        (RULE + "fire on enter |", {"fire", "once", "when"}),
        (RULE + "fire |", {"skip", "close"}),
        (RULE + "cooldown 2h per |", {"day", "close"}),
        ('alert "x" on BANKS when rank(close, |', {"close", "sma("}),
        ('screen "s" when pe < 5 |', {"fire", "notify", "at"}),
        ('alert "x" on BANKS when close > 5 and |', {"at", "fire"}),
    ],
)
def test_what_may_not_stand_there_is_not(text: str, unwanted: set[str]) -> None:
    assert not unwanted & set(inserts(text))


def test_the_word_under_the_cursor_is_replaced_also_behind_it() -> None:
    found = at('alert "x" on BANKS when clo|se > 5')
    assert (found.start, found.end) == (24, 29)
    assert found.items[0].insert == "close"
    found = at('alert "é" on watchlist "co|re" when close > 5')
    assert (found.start, found.end) == (23, 29)


def test_the_likeliest_comes_first_and_says_what_it_is() -> None:
    first, *_ = at("pe|", "expression").items
    assert (first.label, first.kind) == ("fund.pe", "field")
    assert first.detail.startswith("P/E · a number")
    rsi = next(item for item in at("rs|", "expression").items if item.label == "rsi")
    assert rsi.detail.startswith("rsi(x = close, n = 14) · Relative strength index")


def test_an_expression_knows_no_clauses() -> None:
    assert "at" not in inserts("close > 5 |", "expression")
    assert {"and", "or"} <= set(inserts("close > 5 |", "expression"))


def test_a_text_that_is_wrong_before_the_cursor_is_still_helped() -> None:
    assert "close" in inserts('alert "x" on BANKS when )) and cl|')
    assert "once per day" in inserts('alert "x" on BANKS when )) fire |')


SCRAPS = 'alert screen "x" on BANKS $INFY when where close sma( ) , > 5 crosses above at 5m tick fire once per . @ ${ "'
WORDS = st.lists(st.sampled_from(SCRAPS.split()), max_size=14)


@settings(max_examples=150, deadline=None)
@given(WORDS, st.integers(0, 60), st.sampled_from(["rule", "expression"]))
def test_no_text_is_too_broken_and_offers_lie_inside_it(words: list[str], position: int, kind: str) -> None:
    text = " ".join(words)
    found = complete(text, position, kind, NAMES)  # type: ignore[arg-type]
    assert 0 <= found.start <= found.end <= len(text)
    assert found.start <= min(position, len(text))
    assert len({item.insert for item in found.items}) == len(found.items)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_keywords_that_are_offered_are_taken_by_the_reader(data: st.DataObject) -> None:
    """Whatever is chosen, the reader never complains about that word."""
    text = 'alert "x" on BANKS when close > 5 '
    for _ in range(data.draw(st.integers(1, 5))):
        offers = [item for item in complete(text, len(text), "rule", NAMES).items if item.kind == "keyword"]
        if not offers:
            break
        chosen = data.draw(st.sampled_from(offers))
        column = len(text) + 1
        text += chosen.insert + " "
        wrong = [
            one
            for one in errors(text)
            if one.column <= column and "twice" not in one.message and one.facts.get("reason") == "syntax"
        ]
        assert not wrong, (text, wrong)


def errors(text: str) -> list[InvalidRuleError]:
    try:
        parse_file(text)
    except RuleErrors as found:
        return found.errors
    return []
