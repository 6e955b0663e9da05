"""The timeframe of an expression, and the timing of a rule, that nothing gives one (definitions.md, rules, 6)."""

from collections.abc import Iterator, Sequence

from marketbell.core.indicators.catalogue import BY_NAME as SERIES
from marketbell.core.language import expression as ex
from marketbell.core.language.declared import declared
from marketbell.core.language.tree import Timing, TimingKind
from marketbell.core.market.timeframe import DAY_1, TICK, Timeframe


def default_timeframe(expression: ex.Expression, bars: Timeframe = DAY_1, bare: Timeframe = TICK) -> Timeframe:
    """The timeframe of an expression that nothing gives one.

    Series functions and offsets that name no bar are of `bars`, bare fields have their newest value (`bare`).
    The expression is evaluated at the closes of the smallest timeframe used; bare fields beside series
    functions follow these; beside named timeframes alone they are evaluated at each tick, and so is `live`.
    """
    named: set[Timeframe] = set()
    has_window = has_bare = False
    for node, is_open in _open(expression):
        if isinstance(node, ex.At):
            named.add(node.timeframe)
        elif is_open:
            name = node.name if isinstance(node, ex.Call) else ""
            has_bare |= isinstance(node, ex.Field) or name == "live" or declared(name) is not None
            has_window |= isinstance(node, ex.Offset) or name in SERIES
    if has_window:
        return min([*named, bars], key=lambda one: one.rank)
    if has_bare or not named:
        return bare
    return min(named, key=lambda one: one.rank)


def is_of_bars(expression: ex.Expression) -> bool:
    """True where every value in it is of bars: named ones, or those of windows."""
    match expression:
        case ex.At() | ex.Offset():
            return True
        case ex.Call(name=name) if name in SERIES:
            return name != "orb"
        case ex.Field() | ex.Call(name="live"):
            return False
        case ex.Call(name=name) if declared(name) is not None:
            return False
    return all(is_of_bars(one) for one in ex.children(expression))


def default_timing(nodes: Sequence[ex.Expression]) -> Timing:
    """When a rule without `at` is evaluated: at the close of the smallest bar that it uses, else at each tick.

    A window that names no bar is of days; `orb` has bars of its own. Predicates about time (`moves by … within`,
    `for 10m`) name no bar. A bar that is still open (`live`) changes with each tick.
    """
    used: set[Timeframe] = set()
    for expression in nodes:
        for node, is_open in _open(expression):
            if isinstance(node, ex.Call) and node.name == "live":
                return Timing(TimingKind.TICK)
            if isinstance(node, ex.At):
                used.add(node.timeframe)
            elif is_open and (isinstance(node, ex.Offset) or (isinstance(node, ex.Call) and _is_window(node))):
                used.add(DAY_1)
    finest = min(used, key=lambda one: one.rank) if used else TICK
    return Timing(TimingKind.TICK) if finest == TICK else Timing(TimingKind.CLOSE, finest)


def _is_window(call: ex.Call) -> bool:
    return call.name in SERIES and call.name != "orb"


def _open(expression: ex.Expression) -> Iterator[tuple[ex.Expression, bool]]:
    """Every node, and whether nothing around it names its bars."""
    waiting: list[tuple[ex.Expression, bool]] = [(expression, True)]
    while waiting:
        node, is_open = waiting.pop()
        yield node, is_open
        inside = is_open and not isinstance(node, ex.At)
        waiting += [(child, inside) for child in ex.children(node)]
