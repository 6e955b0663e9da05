"""A rule that is compiled through its shape is the rule that is compiled for itself."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.engine.frontier import Frontier, frontier
from marketbell.core.language.defaults import effective
from marketbell.core.language.plan import Input, Op, Plan
from marketbell.core.language.reader import parse_rule
from marketbell.core.language.rule_plan import compile_rule
from marketbell.core.language.tree import Rule
from marketbell.core.rules.shapes import Shapes

CONDITIONS = (
    "close > {a}",
    "close crosses above {a} at 1m close",
    "rsi(close, 14)@15m < {a} and close > sma(close, 20)@15m",
    "volume > {a} * avg(volume, 20) and not (rsi(close, 14) > {b} or close < {a}) at 5m close",
    "close between {a} and {b} and close[1] > {a}",
    "close > {a} for 3 bars at 1m close",
    "close > {a} then close < {b} within 5 bars at 1m close",
    "change_pct > {a}% and close / {b} > 1 at tick",
    "close > {a} + 2 * 3 and close - {b} > 0 at 5m close",
    "sma(close * {a}, 10) > {b} at 1m close",
    "close > {a} and close > {a} at 1m close rearm when close < {b}",
    "close@1d > {a} and close > {b} at 5m close",
    "close > highest(high, 3)[1] + {a} at 2m live",
    "close - $NSE:B.close > {a} at 1m close",
    "max(close, {a}) > {b} at 1m close",
    "close moves by 2% within 2m and close > {a} at tick",
    "0 - {a} < close at 1m close",
)
NUMBER = st.sampled_from(["0", "1", "2", "2.5", "3", "100", "1000000", "0.1"])


def _nodes(plan: Plan, item: Input, known: dict[Input, Any]) -> Any:
    """What stands at a place, whatever the numbers of nodes and the order of what may stand in any."""
    if item in known:
        return known[item]
    node = plan.nodes[item.node]
    below = [_nodes(plan, one, known) for one in node.inputs]
    if node.op is Op.MAP and node.name in {"+", "*", "=", "!=", "and", "or", "min", "max"}:
        below.sort(key=repr)
    known[item] = (node.op, str(node.timeframe), node.name, node.parameters, item.output, node.warm_up, tuple(below))
    return known[item]


def _shown(cut: Frontier) -> dict[str, Any]:
    known: dict[Input, Any] = {}
    series: dict[Input, Any] = {}
    results = dict(cut.plan.results)
    return {
        "places": {name: _nodes(cut.whole, item, known) for name, item in cut.places.items()},
        "befores": {name: _nodes(cut.whole, item, known) for name, item in cut.befores.items()},
        "columns": sorted(repr(_nodes(cut.whole, item, known)) for item in cut.columns),
        "series": sorted(repr(_nodes(cut.plan, results[name], series)) for name in cut.columns.values()),
        "ends": sorted(map(str, cut.ends)),
    }


def _rule(condition: str, a: str, b: str) -> Rule:
    when, _, at = condition.partition(" at ")
    rearm = at.partition(" rearm ")
    clauses = (f" at {rearm[0]}" if at else "") + (f" rearm {rearm[2]}" if rearm[2] else "")
    return effective(parse_rule(f'alert "x" on $NSE:A when {when.format(a=a, b=b)}{clauses.format(a=a, b=b)}'))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CONDITIONS), st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=3))
def test_a_shape_filled_in_is_what_the_rule_compiles_to(condition: str, numbers: list[tuple[str, str]]) -> None:
    shapes = Shapes()
    for a, b in numbers:
        rule = _rule(condition, a, b)
        shape, cut = shapes.of(rule, lambda symbol: symbol.key)
        alone = compile_rule(rule, lambda symbol: symbol.key)
        assert (shape.timing, dict(shape.roots)) == (alone.timing, dict(alone.roots))
        assert _shown(cut) == _shown(frontier(alone))


@pytest.mark.parametrize(
    ("condition", "is_shared"),
    [
        ("close > {a} and rsi(close, 14)@1m < {b}", True),
        ("sma(close * {a}, 10) > 5 at 1m close", False),
        ("close > 5 for {a} bars at 1m close", False),
        ("close > sma(close, {a}) at 1m close", False),
    ],
)
def test_rules_share_what_does_not_depend_on_their_numbers(condition: str, is_shared: bool) -> None:  # noqa: FBT001
    shapes = Shapes()
    first, _ = shapes.of(_rule(condition, "2", "3"), lambda symbol: symbol.key)
    second, _ = shapes.of(_rule(condition, "4", "7"), lambda symbol: symbol.key)
    assert (first is second) is is_shared
    assert (first.watch == second.watch) is is_shared or condition.startswith("close > 5 for")


def test_a_symbol_without_a_venue_is_of_one_rule_alone() -> None:
    shapes = Shapes()
    rule = effective(parse_rule('alert "x" on $NSE:A when close - $B.close > 1 at 1m close'))
    found = [shapes.of(rule, lambda symbol, venue=venue: f"{venue}:{symbol.name}") for venue in ("NSE", "US")]
    assert [shape.is_fixed for shape, _ in found] == [False, False]
    assert [{node.name for node in one.plan.nodes if node.op is Op.FOREIGN} for _, one in found] == [
        {"NSE:B"},
        {"US:B"},
    ]
