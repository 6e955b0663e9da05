"""The predicate table says what core/engine/elementwise says, for blocks and for single elements."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.engine import elementwise
from marketbell.core.engine import predicate_kernel as pk
from marketbell.core.engine.predicates import PredicateTable
from marketbell.core.language.compile import compile_plan
from marketbell.core.language.expression_reader import parse_expression
from marketbell.core.language.plan import Op
from marketbell.core.market.timeframe import Timeframe

NUMBERS = st.sampled_from([np.nan, 0.0, 1.0, -1.0, 2.0, 0.5, 1.5, 2.5, -2.5, 1e300, -1e300, 1e-300, np.inf])
SMALL = st.floats(-1e6, 1e6) | NUMBERS
TRUTHS = st.sampled_from([0.0, 1.0, np.nan])
OVER_NUMBERS = ("+", "-", "*", "/", "min", "max", "neg", "abs", "round", "coalesce", ">", ">=", "<", "<=", "=", "!=")
OVER_TRUTHS = ("and", "or", "not", "known")
ARITY = {"neg": 1, "abs": 1, "round": 1, "not": 1, "known": 1}


def _both_ways(name: str, x: list[list[float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = PredicateTable()
    slot = table.operation(name, [table.column(n) for n in range(len(x))])
    columns = np.array(x)
    blocks = table.batch([slot]).run(columns)[0]
    code, constants = table.arrays
    values = np.empty(len(table))
    singles = np.empty(columns.shape[1])
    for at in range(columns.shape[1]):
        pk.one(code, constants, pk.TENS, columns, at, table.cone(slot), values, np.empty(0), False)
        singles[at] = values[slot]
    known = np.where(np.isfinite(columns), columns, np.nan)
    return blocks, singles, elementwise.apply(name, list(known))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(OVER_NUMBERS), st.lists(st.tuples(SMALL, SMALL), min_size=1, max_size=300))
def test_numbers_are_those_of_the_elementwise_operators(name: str, pairs: list[tuple[float, float]]) -> None:
    x = [list(column) for column in zip(*pairs, strict=True)][: ARITY.get(name, 2)]
    blocks, singles, expected = _both_ways(name, x)
    np.testing.assert_array_equal(blocks, expected)
    np.testing.assert_array_equal(singles, expected)


@settings(deadline=None)
@given(st.sampled_from(OVER_TRUTHS), st.lists(st.tuples(TRUTHS, TRUTHS, TRUTHS), min_size=1, max_size=40))
def test_truths_are_those_of_the_elementwise_operators(name: str, rows: list[tuple[float, ...]]) -> None:
    x = [list(column) for column in zip(*rows, strict=True)][: ARITY.get(name, 3)]
    blocks, singles, expected = _both_ways(name, x)
    np.testing.assert_array_equal(blocks, expected)
    np.testing.assert_array_equal(singles, expected)


def test_if_and_rounding() -> None:
    blocks, singles, expected = _both_ways("if", [[1.0, 0.0, np.nan], [5.0, 5.0, 5.0], [6.0, np.nan, 6.0]])
    np.testing.assert_array_equal(blocks, expected)
    np.testing.assert_array_equal(singles, expected)
    blocks, singles, expected = _both_ways("round", [[2.345, -2.345, np.nan], [2.0, 1.0, 1.0]])
    np.testing.assert_array_equal(blocks, expected)
    np.testing.assert_array_equal(singles, expected)


CROSS = [  # left, right, left before, right before, above, below
    (11.0, 10.0, 10.0, 10.0, 1.0, 0.0),
    (10.0, 10.0, 9.0, 10.0, 0.0, 0.0),
    (9.0, 10.0, 10.0, 10.0, 0.0, 1.0),
    (11.0, 10.0, 11.0, 10.0, 0.0, 0.0),
    (11.0, 10.0, np.nan, 10.0, np.nan, np.nan),
    (np.nan, 10.0, 9.0, 10.0, np.nan, np.nan),
]


@pytest.mark.parametrize("case", CROSS)
def test_crosses(case: tuple[float, ...]) -> None:
    table = PredicateTable()
    columns = [table.column(n) for n in range(4)]
    slots = [table.operation(f"crosses {word}", columns) for word in ("above", "below")]
    x = np.array(case[:4])[:, None]
    np.testing.assert_array_equal(table.batch(slots).run(x)[:, 0], case[4:])
    code, constants = table.arrays
    values, nothing = np.empty(len(table)), np.empty(0)
    pk.one(code, constants, pk.TENS, x, 0, table.cone(*slots), values, nothing, False)
    np.testing.assert_array_equal(values[slots], case[4:])
    pk.one(code, constants, pk.TENS, x, 0, table.cone(*slots), values, nothing, True)
    assert np.isnan(values[slots]).all(), "a first evaluation cannot cross"


def test_a_reader_with_its_own_past_takes_what_it_saw() -> None:
    table = PredicateTable()
    left, right = table.column("left"), table.column("right")
    shared = table.operation("crosses above", [left, right, table.column("l1"), table.column("r1")])
    root = table.operation("and", [shared, table.operation(">", [left, table.constant(0.0)])])
    own, places = table.with_own_past(root)
    assert places == 2
    assert table.columns_of(own) == [0, 1], "what stood before is not read from columns"
    code, constants = table.arrays
    past, values = np.full(2, np.nan), np.empty(len(table))
    found = []
    for at, (now, is_first) in enumerate([(11.0, True), (9.0, False), (12.0, False), (13.0, False)]):
        x = np.array([[now], [10.0], [0.0], [0.0]])
        pk.one(code, constants, pk.TENS, x, 0, table.cone(own), values, past, is_first)
        found.append(values[own])
        assert past.tolist() == [now, 10.0], at
    assert np.isnan(found[0])
    assert found[1:] == [0.0, 1.0, 0.0]


def test_equal_parts_of_two_plans_are_one_operation() -> None:
    table = PredicateTable()
    keys: dict[str, int] = {}
    for text in ("close > 10 and volume > 5", "volume > 5 and open < 3", "not (close > 10)"):
        plan = compile_plan([("r", parse_expression(text))], Timeframe("m"))
        place = plan.results[0][1]
        table.add(plan, place, lambda item, plan=plan: plan.nodes[item.node].name)
        keys[text] = len(table)
    names = set(table.columns)
    assert names == {"close", "volume", "open"}
    # 3 columns, 3 constants, 3 comparisons, 2 ands, 1 not
    assert len(table) == 12


def test_a_plan_in_the_table_is_the_plan() -> None:
    text = "(close - open) / open > 0.01 or (volume > 100 and not (high < 5))"
    plan = compile_plan([("r", parse_expression(text))], Timeframe("m"))
    table = PredicateTable()
    slot = table.add(plan, plan.results[0][1], lambda item: plan.nodes[item.node].name)
    rng = np.random.default_rng(7)
    values = {name: rng.uniform(1, 200, 1_000) for name in ("close", "open", "volume", "high")}
    values["open"][::7] = np.nan
    x = np.stack([values[str(key)] for key in table.columns])
    found: dict[int, np.ndarray] = {}
    for number, node in enumerate(plan.nodes):
        if node.op is Op.CONSTANT:
            found[number] = np.full(1_000, node.parameters[0])
        elif node.op is Op.BAR:
            found[number] = values[node.name]
        else:
            found[number] = elementwise.apply(node.name, [found[item.node] for item in node.inputs])
    np.testing.assert_array_equal(table.batch([slot]).run(x)[0], found[plan.results[0][1].node])
