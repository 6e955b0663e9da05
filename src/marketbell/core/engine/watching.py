"""What a watch is made of: texts to a plan, and a plan as a checkpoint holds it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marketbell.core.engine.cells import as_list, from_list
from marketbell.core.language.compile import Compiler
from marketbell.core.language.expression_reader import parse_expression
from marketbell.core.language.plan import Input, Plan
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.primitives.errors import UserError


def compile_texts(expressions: object, timeframe: Timeframe) -> Plan:
    """A plan of texts by name; `timeframe` is that of what names none. UserError for the first that is wrong."""
    if not isinstance(expressions, Mapping) or not all(isinstance(text, str) for text in expressions.values()):
        raise UserError("a watch needs `expressions`: texts by name")
    compiler = Compiler()
    for name, text in expressions.items():
        compiler.add(str(name), parse_expression(text), timeframe)
    return compiler.plan()


def inputs_form(items: Iterable[tuple[str, Input]]) -> list[tuple[str, int, int]]:
    """Places of results as JSON can hold them."""
    return [(name, item.node, item.output) for name, item in items]


def inputs_of(form: Iterable[Sequence[Any]]) -> tuple[tuple[str, Input], ...]:
    """The inverse."""
    return tuple((str(name), Input(int(node), int(output))) for name, node, output in form)


def plan_form(plan: Plan) -> dict[str, Any]:
    """A plan as JSON can hold it."""
    return {"nodes": [as_list(node) for node in plan.nodes], "results": inputs_form(plan.results)}


def plan_of(form: Mapping[str, Any]) -> Plan:
    """The inverse. KeyError, ValueError or UserError where it is none."""
    return Plan(tuple(from_list(item) for item in form["nodes"]), inputs_of(form["results"]))
