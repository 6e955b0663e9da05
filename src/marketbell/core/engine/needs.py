"""How far back a plan must look: bars of each timeframe before all that it says is known.

A node *remembers* so many bars before the newest one. What reads it wants its values that far back too, in bars of
its own timeframe: so the bars that are needed follow from the results down.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any

from marketbell.core.indicators.catalogue import BY_NAME, PREDICATES
from marketbell.core.language.plan import Node, Op, Plan
from marketbell.core.market.session import MINUTE
from marketbell.core.market.timeframe import TICK, Timeframe

SESSION_MINUTES = 375
"""Of a session that nobody says the length of."""
OPEN_ENDED = 100
"""Bars that are looked back over by what counts from the beginning (`obv`, `bars_since`, `value_when`)."""
_FROM_THE_OPEN = frozenset({"vwap", "orb"})
_FROM_THE_BEGINNING = frozenset({"obv", "bars_since", "value_when"})
_OF_BARS = frozenset({Op.BAR, Op.FUNCTION, Op.SHIFT, Op.LIVE})
_DAYS = {"d": 1, "w": 5, "mo": 23}


def is_of_minutes(timeframe: Timeframe) -> bool:
    """True for bars that consist of whole minutes: those that stored minutes can tell the past of."""
    length = timeframe.nanoseconds
    return length is not None and length % MINUTE == 0


def memory(node: Node, minutes: int = SESSION_MINUTES, *, source: Timeframe | None = None) -> int:
    """Bars before the newest one that a node itself looks at. `source`: whose forming bar it reads, if any.

    `minutes` is the length of a session: what begins with it looks back to its open.
    """
    if node.op is Op.FUNCTION:
        return _of_function(node, minutes)
    if node.op is Op.SHIFT:
        return int(node.parameters[0])
    if node.op is Op.LIVE and source is not None:
        return ceil(_width(source, minutes) / max(_width(node.timeframe, minutes), 1))
    return 0


def _of_function(node: Node, minutes: int) -> int:
    if node.name in PREDICATES:
        return _span(node)
    if node.name in _FROM_THE_OPEN:
        return ceil(minutes * MINUTE / max(_width(node.timeframe, minutes), 1))
    if node.name in _FROM_THE_BEGINNING:
        return OPEN_ENDED
    known = BY_NAME.get(node.name)
    return 0 if known is None else int(known.warm_up(node.parameters))


def seen_needed(nodes: Mapping[int, Node], minutes: int = SESSION_MINUTES) -> dict[int, int]:
    """Of each node (by number, inputs before who reads them) the bars of its timeframe after which it is known."""
    found: dict[int, int] = {}
    for number, node in nodes.items():
        below = [(found[item.node], nodes[item.node].timeframe) for item in node.inputs]
        own = memory(node, minutes, source=below[0][1] if below else None)
        found[number] = own + max([bars for bars, timeframe in below if timeframe == node.timeframe], default=1)
    return found


def bars_needed(plan: Plan, minutes: int = SESSION_MINUTES) -> dict[Timeframe, int]:
    """Bars of whole minutes, by timeframe, after which every result of a plan is known."""
    wanted = [0] * len(plan.nodes)
    for _, item in plan.results:
        wanted[item.node] = 1
    for number in range(len(plan.nodes) - 1, -1, -1):
        node = plan.nodes[number]
        if not wanted[number]:
            continue
        source = plan.nodes[node.inputs[0].node].timeframe if node.inputs else None
        back = wanted[number] + memory(node, minutes, source=source)
        for item in node.inputs:
            below = plan.nodes[item.node]
            bars = back
            if below.timeframe != node.timeframe:
                bars = _bars_of(below.timeframe, node.timeframe, wanted[number], minutes)
            wanted[item.node] = max(wanted[item.node], bars)
    found: dict[Timeframe, int] = {}
    for node, bars in zip(plan.nodes, wanted, strict=True):
        if bars and node.op in _OF_BARS and is_of_minutes(node.timeframe):
            source = plan.nodes[node.inputs[0].node].timeframe if node.inputs else None
            own = bars + memory(node, minutes, source=source)
            found[node.timeframe] = max(found.get(node.timeframe, 0), own)
    return found


def _bars_of(below: Timeframe, reader: Timeframe, bars: int, minutes: int) -> int:
    """Bars of `below` that so many bars of `reader` see.

    One more where the reader's are shorter: where nobody traded at the end of the newest one of `below`, the reader's
    newest ended before it, and saw the one before.
    """
    width, own = _width(below, minutes), _width(reader, minutes)
    return ceil((bars - 1) * own / width) + 1 + (0 < own < width) if width else 1


def _width(timeframe: Timeframe, minutes: int) -> int:
    """Session time of a bar, ns; 0 of ticks and instants."""
    if timeframe == TICK or timeframe.is_instant:
        return 0
    return timeframe.nanoseconds or minutes * MINUTE * _DAYS[timeframe.unit] * timeframe.count


def _span(node: Node) -> int:
    """Bars of a predicate over time: it says how many, or how long."""
    names = [one.name for one in PREDICATES[node.name].parameters]
    told: dict[str, Any] = dict(zip(names, node.parameters, strict=True))
    if not told["of_time"]:
        return int(told["span"])
    width = node.timeframe.nanoseconds
    return 1 if width is None else ceil(told["span"] / width)
