"""Forms: what an editor sends is a tree, or everything that is wrong with it at its place."""

from typing import Any

import pytest

from marketbell.core.language.form import FormErrors, form_of, tree_of_form
from marketbell.core.language.printer import print_tree
from marketbell.core.language.reader import parse_rule, parse_screen, rule_uid

ALERT: dict[str, Any] = {
    "kind": "alert",
    "name": "x",
    "on": [{"kind": "symbol", "name": "A", "venue": "NSE"}],
    "when": {"op": "crosses", "direction": "above", "left": "close", "right": "1500"},
}


COMPARE = {"op": "compare", "operator": ">", "left": "close", "right": "5"}


def test_the_form_of_a_rule() -> None:
    rule = parse_rule(
        'alert "x" on $NSE:A, watchlist "core" where pe < 15 '
        "when close > 5 and (not close between 1 and 2 or close moves by 2% within 10m) and close is known "
        "at 5m close hold 60s fire on change rearm when close < 4 cooldown 2h per rule limit 20 per day "
        "session NSE 09:30-11:00 expires after 30d stale hold max_age 90s severity high "
        'notify slack:desk fallback mail:"a b" digest 1d action paper_close(qty: 50%)'
    )
    assert form_of(rule) == {
        "kind": "alert",
        "name": "x",
        "rule_uid": rule_uid("x"),
        "on": [
            {"kind": "symbol", "name": "A", "venue": "NSE"},
            {"kind": "watchlist", "name": "core", "venue": ""},
        ],
        "where": {"op": "compare", "operator": "<", "left": "fund.pe", "right": "15"},
        "when": {
            "op": "and",
            "parts": [
                {"op": "compare", "operator": ">", "left": "close", "right": "5"},
                {
                    "op": "or",
                    "parts": [
                        {"op": "not", "of": {"op": "between", "of": "close", "low": "1", "high": "2"}},
                        {"op": "moves", "verb": "moves", "of": "close", "by": "2%", "within": "10m"},
                    ],
                },
                {"op": "text", "text": "close is known"},
            ],
        },
        "at": {"kind": "close", "timeframe": "5m", "word": ""},
        "hold": "1m",
        "fire": "on change",
        "rearm": {
            "kind": "when",
            "when": {"op": "compare", "operator": "<", "left": "close", "right": "4"},
            "after": None,
        },
        "cooldown": {"duration": "2h", "per": "rule"},
        "limit": 20,
        "session": {"venue": "NSE", "from": "09:30", "to": "11:00"},
        "expires": {"after": "30d"},
        "stale": "hold",
        "max_age": "90s",
        "severity": "high",
        "notify": ["slack:desk"],
        "fallback": 'mail:"a b"',
        "digest": "1d",
        "action": "paper_close(qty: 50%)",
        "order_by": None,
        "descending": False,
        "columns": [],
    }
    assert tree_of_form(form_of(rule)) == rule


def test_the_form_of_a_screen() -> None:
    screen = parse_screen('screen "x" on FNO when pe < 15 order by roe desc limit 5 columns symbol, close')
    form = form_of(screen)
    assert (form["kind"], form["order_by"], form["descending"], form["limit"], form["columns"]) == (
        "screen", "fund.roe", True, 5, ["symbol", "close"]
    )  # fmt: skip
    assert tree_of_form(form) == screen
    nameless = form | {"name": "", "rule_uid": ""}
    assert print_tree(tree_of_form(nameless)).startswith('screen "" on FNO when fund.pe < 15 order by')


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, 'alert "x" on $NSE:A when close crosses above 1500'),
        ({"hold": "1m", "limit": None, "notify": None}, 'alert "x" on $NSE:A when close crosses above 1500 hold 1m'),
        ({"when": {"op": "and", "parts": [ALERT["when"]]}}, 'alert "x" on $NSE:A when close crosses above 1500'),
        (
            {"when": {"op": "and", "parts": [{"op": "text", "text": "pe > 1 and pe < 5"}, ALERT["when"]]}},
            'alert "x" on $NSE:A when fund.pe > 1 and fund.pe < 5 and close crosses above 1500',
        ),
        (
            {"when": {"op": "moves", "of": "ltp", "by": "2%", "within": "5 bars"}},
            'alert "x" on $NSE:A when close moves by 2% within 5 bars',
        ),
        ({"on": [{"kind": "all"}, {"kind": "portfolio"}]}, 'alert "x" on ALL, portfolio when close crosses above 1500'),
    ],
)  # fmt: skip
def test_a_form_says_what_a_text_says(more: dict[str, Any], text: str) -> None:
    assert print_tree(tree_of_form(ALERT | more)) == text


@pytest.mark.parametrize(
    ("more", "path", "says"),
    [
        ({"name": " "}, "name", "needs a name"),
        ({"name": 5}, "name", "a text is needed here"),
        ({"on": []}, "on", "which instruments is it about?"),
        ({"on": [{"kind": "symbol", "name": ""}]}, "on.0.name", "which symbol?"),
        ({"on": [{"kind": "planet", "name": "x"}]}, "on.0.kind", "is none of symbol, universe"),
        ({"when": None}, "when", "a condition is needed here"),
        ({"when": {"op": "xor"}}, "when", "a condition is needed here"),
        ({"when": {"op": "and", "parts": []}}, "when", "`and` needs conditions"),
        ({"when": {"op": "text", "text": "clos > 5"}}, "when.text", "unknown field `clos`: did you mean `close`?"),
        ({"when": {"op": "text", "text": "close >"}}, "when.text", "the expression ends too early"),
        ({"when": {"op": "text", "text": "close"}}, "when.text", "a condition is needed here, and `close` is a price"),
        ({"when": COMPARE | {"left": "clos"}}, "when.left", "did you mean `close`?"),
        ({"when": COMPARE | {"right": None}}, "when.right", "an expression is needed here"),
        ({"when": COMPARE | {"operator": "~"}}, "when.operator", "is none of"),
        ({"when": COMPARE | {"operator": None}}, "when.operator", "how do they compare?"),
        ({"when": COMPARE | {"right": "5%"}}, "when", "they cannot be compared"),
        ({"when": {"op": "or", "parts": [COMPARE, COMPARE | {"right": "5%"}]}}, "when.parts.1", "cannot be compared"),
        ({"when": {"op": "moves", "of": "close", "by": "2%", "within": "soon"}}, "when.within", "write 10m or 5 bars"),
        ({"when": {"op": "moves", "of": "close", "by": "2%", "within": "5m and pe > 1"}}, "when.within", "is no span"),
        ({"when": {"op": "not", "of": {"op": "or", "parts": [{"op": "text", "text": ""}]}}}, "when.of.parts.0.text",
         "an expression is needed here"),
        ({"at": {"kind": "close", "timeframe": "5x"}}, "at.timeframe", "no timeframe"),
        ({"at": {"kind": "update"}}, "at.word", "which news?"),
        ({"at": {"kind": "update", "word": "chian"}}, "", "did you mean `chain`?"),
        ({"at": {"kind": "schedule", "word": "x"}}, "", "five words"),
        ({"at": {"kind": "soon"}}, "at.kind", "is none of"),
        ({"at": {}}, "at.kind", "when is it evaluated"),
        ({"hold": "soon"}, "hold", "write 30s, 15m, 2h, 1d or 2w"),
        ({"fire": "twice"}, "fire", "`twice` is none of once"),
        ({"rearm": {"kind": "after"}}, "rearm.after", "no length of time"),
        ({"rearm": {"kind": "when"}}, "rearm.when", "a condition is needed here"),
        ({"cooldown": {"duration": "2h", "per": "day"}}, "cooldown.per", "is none of symbol, rule"),
        ({"limit": 2.5}, "limit", "a whole number above 0"),
        ({"limit": True}, "limit", "a whole number above 0"),
        ({"session": {"venue": "NSE", "from": "9", "to": "11:00"}}, "session.from", "write 09:30"),
        ({"session": {"venue": "NSE", "from": "11:30", "to": "11:00"}}, "", "ends behind its begin"),
        ({"expires": {"on": "2026-02-30"}}, "expires.on", "there is no day"),
        ({"notify": "slack"}, "notify", "a list is needed here"),
        ({"notify": ["slack:a b"]}, "notify.0", "is no channel"),
        ({"notify": ["slak"]}, "", "did you mean `slack`?"),
        ({"action": "5"}, "action", "paper_close(…)"),
        ({"action": "paper_by(5)"}, "", "did you mean `paper_buy`?"),
        ({"kind": "screen", "columns": ["clos"]}, "columns.0", "did you mean `close`?"),
        ({"kind": "screen", "order_by": "close >"}, "order_by", "ends too early"),
        ({"rule_uid": "x"}, "", "not a UUID"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_place(more: dict[str, Any], path: str, says: str) -> None:
    with pytest.raises(FormErrors) as caught:
        tree_of_form(ALERT | more)
    assert [error["path"] for error in caught.value.errors] == [path]
    assert says in caught.value.errors[0]["message"]


def test_all_errors_of_a_form_are_told() -> None:
    with pytest.raises(FormErrors) as caught:
        tree_of_form(ALERT | {"name": "", "hold": "x", "when": {"op": "text", "text": "clos > opn"}})
    assert [error["path"] for error in caught.value.errors] == ["name", "when.text", "when.text", "hold"]


def test_no_form_is_too_deep() -> None:
    node: dict[str, Any] = {"op": "text", "text": "close > 5"}
    for _ in range(500):
        node = {"op": "not", "of": node}
    with pytest.raises(FormErrors, match="deeper than 64 levels"):
        tree_of_form(ALERT | {"when": node})


@pytest.mark.parametrize("form", [{}, {"kind": "screen"}, {"kind": "alert", "name": "x", "on": 5, "when": 5}])
def test_what_is_no_form_is_refused(form: dict[str, Any]) -> None:
    with pytest.raises(FormErrors):
        tree_of_form(form)
