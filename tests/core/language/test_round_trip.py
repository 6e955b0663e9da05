"""Text, tree, JSON and form are four views of one thing: going round loses nothing."""

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.core.language.trees import conditions, rules, screens

from marketbell.core.language.errors import LIMIT, RuleErrors
from marketbell.core.language.form import form_of, tree_of_form
from marketbell.core.language.json_form import from_json, to_json
from marketbell.core.language.printer import print_file, print_rule, print_screen, rule_clauses
from marketbell.core.language.reader import parse_file, parse_rule, parse_screen, rule_uid
from marketbell.core.language.rule_plan import compile_rule, compile_screen, faults
from marketbell.core.language.tree import Rule, Screen
from marketbell.core.primitives.errors import UserError

trees = st.one_of(rules(), screens())
some = settings(max_examples=150, deadline=None)


def read_back(text: str) -> list[Rule | Screen]:
    """Its trees. What is too deep in brackets cannot be written: that is no loss."""
    try:
        return parse_file(text)
    except RuleErrors as caught:
        assert {error.facts["reason"] for error in caught.errors} == {LIMIT}  # noqa: PT017 — several may be wrong
        assume(False)
        raise


def uid(tree: Rule | Screen) -> tuple[bool, str]:
    return isinstance(tree, Rule), tree.rule_uid if isinstance(tree, Rule) else tree.screen_uid


@given(st.lists(trees, max_size=3, unique_by=uid))
@some
def test_a_printed_file_reads_back_as_the_same_trees(written: list[Rule | Screen]) -> None:
    assert not [fault for tree in written for fault in faults(tree)]
    text = print_file(written)
    read = read_back(text)
    assert read == written
    assert print_file(read) == text


@given(trees)
@some
def test_json_reads_back_as_the_same_tree(tree: Rule | Screen) -> None:
    assert from_json(json.loads(json.dumps(to_json(tree), allow_nan=False))) == tree


@given(trees)
@some
def test_a_form_reads_back_as_the_same_tree(tree: Rule | Screen) -> None:
    read_back(print_file([tree]))
    assert tree_of_form(json.loads(json.dumps(form_of(tree), allow_nan=False))) == tree


@given(rules(), st.randoms(use_true_random=False))
@some
def test_clauses_come_in_any_order(rule: Rule, random: object) -> None:
    head, *clauses = rule_clauses(rule)
    random.shuffle(clauses)  # type: ignore[attr-defined]
    assert read_back(f"# rule_uid: {rule.rule_uid}\n" + "\n  ".join([head, *clauses])) == [rule]


@given(trees)
@some
def test_every_part_of_a_plan_has_its_place(tree: Rule | Screen) -> None:
    """Parts follow what they are part of, print as themselves, and have a result in the plan."""
    plan = compile_rule(tree) if isinstance(tree, Rule) else compile_screen(tree)
    results = dict(plan.plan.results)
    assert [part.place for part in plan.parts] == [f"p{at}" for at in range(len(plan.parts))]
    for at, part in enumerate(plan.parts):
        assert -1 <= part.parent < at
        assert plan.plan.nodes[results[part.place].node].timeframe == part.timeframe
        if part.parent >= 0:
            assert plan.parts[part.parent].role == part.role
    roots = [part for part in plan.parts if part.parent < 0]
    assert [part.place for part in roots] == list(plan.roots.values())


@given(conditions)
@some
def test_a_condition_alone_is_a_screen(condition: object) -> None:
    bare = Screen("", "", condition)  # type: ignore[arg-type]
    try:
        assert parse_screen(print_screen(bare)) == bare
    except RuleErrors as caught:
        assert {error.facts["reason"] for error in caught.errors} == {LIMIT}  # noqa: PT017 — several may be wrong
        return
    assert tree_of_form(form_of(bare)) == bare


def test_a_uid_depends_on_the_name_alone() -> None:
    one = parse_rule('alert "Price level" on $A when close crosses above 5 at tick fire once')
    other = parse_rule('alert "Price level" on $NSE:B when close crosses below 7 at tick fire once')
    assert one.rule_uid == other.rule_uid == "35269819-9bfd-88a4-b325-5fcdd087ee07"


def test_a_uid_line_names_the_rule_behind_it_only() -> None:
    uid = "0e2b1c7e-26d4-4a43-8c35-5d0f7cf1a111"
    text = f'# rule_uid: {uid}\n# and a word\nalert "a" on $A when close crosses above 5 at tick fire once\n'
    second = 'alert "b" on $A when close crosses above 5 at tick fire once'
    assert [uid_of for _, uid_of in map(uid_pair, parse_file(text + second))] == [uid, rule_uid("b")]


def uid_pair(tree: Rule | Screen) -> tuple[bool, str]:
    return uid(tree)


def test_the_first_version_of_json_is_still_read() -> None:
    stored = {
        "language": 1, "kind": "alert", "name": "x", "rule_uid": rule_uid("x"), "on": {"symbol": "A", "venue": "NSE"},
        "when": {"op": "crosses below", "left": {"field": "close"}, "right": {"number": 1500.05}}, "at": "tick",
        "fire": "once", "expires": {"after_ns": 86_400_000_000_000}, "notify": [{"kind": "slack", "target": "desk"}],
    }  # fmt: skip
    rule = from_json(stored)
    assert isinstance(rule, Rule)
    assert print_rule(rule) == (
        'alert "x" on $NSE:A when close crosses below 1500.05 at tick fire once expires after 1d notify slack:desk'
    )


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"language": 3, "kind": "alert"},
        {"language": "x"},
        {"language": 2, "kind": "alert", "name": "x"},
        {"language": 1, "kind": "alert", "name": "x", "rule_uid": "u", "on": {"symbol": "A", "venue": ""},
         "when": {"op": "crosses"}, "at": "tick", "fire": "once", "expires": None, "notify": []},
    ],
)  # fmt: skip
def test_other_json_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(UserError):
        from_json(values)


@pytest.mark.parametrize(
    "broken",
    [
        {"is": "comparison", "operator": ">", "left": {"is": "field", "name": "close", "symbol": None}},
        {"is": "nothing"},
        {"is": "number", "value": 5, "more": 1},
        {"is": "expression"},
        {"is": "field", "name": 5, "symbol": None},
        {"is": "not", "of": 5},
        {"is": "logic", "operator": "and", "parts": [5]},
        5,
        None,
    ],
)
def test_a_broken_expression_is_refused(broken: object) -> None:
    good = to_json(parse_rule('alert "x" on $A when close > 5'))
    with pytest.raises(UserError):
        from_json({**good, "when": broken})
    nested: object = good["when"]
    for _ in range(3_000):
        nested = {"is": "not", "of": nested}
    with pytest.raises(UserError):
        from_json({**good, "when": nested})
