"""A plan cut in two: what a shard can compute of its own rows, and what needs the rows of others.

A node that reads across a universe (CROSS) or another instrument (FOREIGN), or reads such a node, lies beyond
the shard. The near part runs in every shard; its results are told as columns. The far part runs behind all
shards, over the same bars: where it read a near node it reads the column of that name. Both together give
what the whole plan gives over one table.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b

from marketbell.core.language.plan import Input, Node, Op, Plan

_BEYOND = frozenset({Op.FOREIGN, Op.CROSS})


@dataclass(frozen=True, slots=True)
class Cut:
    """`near` results bear the names of columns; `far` has the plan's own results and reads columns as FIELD nodes.

    A column's name follows from what it holds, so equal parts of different plans share it, on every machine.
    """

    near: Plan
    far: Plan

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that shards tell for the far part, each sampled at the bars of its FIELD's timeframe."""
        return tuple(name for name, _ in self.near.results)


def is_far(plan: Plan) -> bool:
    """True where a plan needs rows of other shards."""
    return any(node.op in _BEYOND for node in plan.nodes)


def cut(plan: Plan) -> Cut:
    """Cut a plan. Of one that needs no other rows, the far part only reads the columns."""
    far: list[bool] = []
    words: list[str] = []
    for node in plan.nodes:
        far.append(node.op in _BEYOND or any(far[item.node] for item in node.inputs))
        words.append(_word(node, words))
    nodes: list[Node] = []
    moved: dict[int, int] = {}
    columns: dict[Input, int] = {}

    def place(item: Input) -> Input:
        """Where the far part finds an output of the plan."""
        if far[item.node]:
            return Input(moved[item.node], item.output)
        if item not in columns:
            node = plan.nodes[item.node]
            columns[item] = len(nodes)
            nodes.append(node if node.op is Op.CONSTANT else _column(node, f"{words[item.node]}.{item.output}"))
        return Input(columns[item])

    for number, node in enumerate(plan.nodes):
        if far[number]:
            inputs = tuple(place(item) for item in node.inputs)
            moved[number] = len(nodes)
            nodes.append(replace(node, inputs=inputs))
    results = tuple((name, place(item)) for name, item in plan.results)
    told = [(nodes[at].name, item) for item, at in columns.items() if nodes[at].op is Op.FIELD]
    return Cut(part(plan, told), Plan(tuple(nodes), results))


def _column(node: Node, name: str) -> Node:
    return Node(Op.FIELD, node.timeframe, name, lookback=node.lookback, warm_up=node.warm_up)


def part(plan: Plan, results: Iterable[tuple[str, Input]]) -> Plan:
    """The plan with these results and what they need."""
    wanted = tuple(results)
    needed = {item.node for _, item in wanted}
    for number in range(len(plan.nodes) - 1, -1, -1):
        if number in needed:
            needed.update(item.node for item in plan.nodes[number].inputs)
    moved = {number: at for at, number in enumerate(sorted(needed))}
    nodes = (
        replace(
            plan.nodes[number], inputs=tuple(Input(moved[item.node], item.output) for item in plan.nodes[number].inputs)
        )
        for number in sorted(needed)
    )
    return Plan(tuple(nodes), tuple((name, Input(moved[item.node], item.output)) for name, item in wanted))


def _word(node: Node, words: list[str]) -> str:
    """A name of a node that says all that it is: a digest of itself and the names of its inputs."""
    parts = [
        node.op.value,
        str(node.timeframe),
        node.name,
        node.universe,
        *(float(one).hex() for one in node.parameters),
        *(f"{words[item.node]}.{item.output}" for item in node.inputs),
    ]
    return "~" + blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()


def words(plan: Plan) -> list[str]:
    """Of each node a name that says all that it is; equal nodes of different plans have the same."""
    found: list[str] = []
    for node in plan.nodes:
        found.append(_word(node, found))
    return found
