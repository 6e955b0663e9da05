"""Why documents: they say the truth that was evaluated, and name everything that was read."""

from math import isnan, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.language import expression as ex
from marketbell.core.language.reader import parse_rule
from marketbell.core.language.rule_plan import compile_rule
from marketbell.core.rules.why import Evaluation, document

RULES = (
    "close > 100 and volume > 50",
    "close > 100 or high > 200",
    "not (close > 100 and low < 90)",
    "close > 100 and (high > 200 or not low < 90)",
    "not (close > 100 or (high > 200 and low < 90))",
    "close between 90 and 110 and high >= low",
    "close in (90, 110) or low <= 80",
)
FIELDS = ("close", "high", "low", "volume")
values = st.one_of(st.just(nan), st.sampled_from([50.0, 80.0, 90.0, 100.0, 110.0, 200.0, 250.0]))


def evaluated(node: ex.Expression, seen: dict[str, float]) -> bool | None:
    """Three-valued logic, written down once more and plainly."""
    match node:
        case ex.Logic(operator=operator, parts=parts):
            found = [evaluated(one, seen) for one in parts]
            decides = operator == "or"
            return decides if decides in found else None if None in found else not decides
        case ex.Not(of=of):
            found_one = evaluated(of, seen)
            return None if found_one is None else not found_one
        case ex.Comparison(left=left, operator=operator, right=right):
            a, b = number(left, seen), number(right, seen)
            if isnan(a) or isnan(b):
                return None
            return {">": a > b, ">=": a >= b, "<": a < b, "<=": a <= b}[operator]
        case ex.Between():
            numbers = [number(one, seen) for one in ex.children(node)]
            return None if nan_in(numbers) else numbers[1] <= numbers[0] <= numbers[2]
        case ex.In():
            numbers = [number(one, seen) for one in ex.children(node)]
            return None if nan_in(numbers) else numbers[0] in numbers[1:]
    raise AssertionError(node)


def nan_in(numbers: list[float]) -> bool:
    return any(isnan(one) for one in numbers)


def number(node: ex.Expression, seen: dict[str, float]) -> float:
    if isinstance(node, ex.Number):
        return node.value
    assert isinstance(node, ex.Field)
    return seen[node.name]


def why(
    condition: str, seen: dict[str, float], *, where: str = "", previous: dict[str, float] | None = None
) -> dict[str, Any]:
    """The document of a rule whose parts have the values that `evaluated` gives."""
    rule = parse_rule(f'alert "a" on $NSE:A {f"where {where} " if where else ""}when {condition} at 1m close')
    plan = compile_rule(rule)
    given_values = {}
    before = {}
    for part in plan.parts:
        node = part.node
        while isinstance(node, ex.At):
            node = node.of
        if isinstance(node, (ex.Number, ex.Field)):
            given_values[part.place] = number(node, seen)
            if previous and isinstance(node, ex.Field) and node.name in previous:
                before[part.place] = previous[node.name]
        elif not isinstance(node, ex.Crosses):
            truth = evaluated(node, seen)
            given_values[part.place] = nan if truth is None else float(truth)
        else:
            given_values[part.place] = 0.0
    return document(rule, plan, Evaluation(1_000, given_values, before), event="fire")


@pytest.mark.parametrize("condition", RULES)
@settings(max_examples=60, deadline=None)
@given(seen=st.fixed_dictionaries(dict.fromkeys(FIELDS, values)))
def test_it_says_the_truth_that_was_evaluated(condition: str, seen: dict[str, float]) -> None:
    told = why(condition, seen)
    tree = parse_rule(f'alert "a" on $NSE:A when {condition} at 1m close').when
    assert told["truth"] is evaluated(tree, seen)
    read = {one.name for one in ex.walk(tree) if isinstance(one, ex.Field)}
    assert {one["expression"] for one in told["terms"]} == read
    assert {one["expression"]: one["value"] for one in told["terms"]} == {
        name: None if isnan(seen[name]) else seen[name] for name in read
    }
    assert (told["first_false"] is not None) == (told["truth"] is False)
    if told["truth"] is None:
        assert {one["expression"] for one in told["missing"]} <= {one for one in read if isnan(seen[one])}
        assert told["missing"]
    for clause in told["clauses"]:
        assert (clause["truth"] is None) == any(one["value"] is None for one in clause["terms"])
        assert clause["distance"] is None or (clause["truth"] is False and clause["distance"] >= 0)


SEEN = {"close": 95.0, "high": 150.0, "low": 95.0, "volume": 10.0}


def test_of_an_and_the_first_false_clause_is_told() -> None:
    told = why("low > 90 and close > 100 and volume > 50", SEEN)
    assert told["first_false"]["text"] == "close > 100"
    assert told["first_false"]["distance"] == 5.0
    assert [one["truth"] for one in told["clauses"]] == [True, False, False]
    assert [one["distance_pct"] for one in told["clauses"]] == [None, 5.0, 80.0]


def test_of_an_or_the_nearest_is_told() -> None:
    assert why("high > 200 or close > 100", SEEN)["first_false"]["text"] == "close > 100"
    assert why("not (high < 200 and close < 100)", SEEN)["first_false"]["text"] == "not close < 100"


def test_what_is_filtered_out_is_told_first() -> None:
    told = why("close > 100", SEEN, where="volume > 50")
    assert told["first_false"]["text"] == "volume > 50"
    assert [one["role"] for one in told["clauses"]] == ["where", "when"]


def test_a_comparison_says_value_and_level() -> None:
    told = why("close crosses above 100", SEEN, previous={"close": 94.0})
    assert (told["value"], told["previous"], told["level"]) == (95.0, 94.0, 100.0)
    assert (told["truth"], told["first_false"]["distance"]) == (False, 5.0)
    assert told["sentence"].endswith(".")
