"""The timeframe of an expression that nothing gives one (definitions.md, rules, 6)."""

from marketbell.core.indicators.catalogue import BY_NAME as SERIES
from marketbell.core.language import expression as ex
from marketbell.core.market.timeframe import DAY_1, TICK, Timeframe


def default_timeframe(expression: ex.Expression, bars: Timeframe = DAY_1, bare: Timeframe = TICK) -> Timeframe:
    """The timeframe of an expression that nothing gives one.

    Series functions and offsets that name no bar are of `bars`, bare fields have their newest value (`bare`).
    The expression is evaluated at the closes of the smallest timeframe used; bare fields beside series
    functions follow these; beside named timeframes alone they are evaluated at each tick, and so is `live`.
    """
    named: set[Timeframe] = set()
    has_window = has_bare = False
    waiting: list[tuple[ex.Expression, bool]] = [(expression, True)]
    while waiting:
        node, is_open = waiting.pop()
        inside = is_open
        if isinstance(node, ex.At):
            named.add(node.timeframe)
            inside = False
        elif is_open:
            name = node.name if isinstance(node, ex.Call) else ""
            has_bare |= isinstance(node, ex.Field) or name == "live"
            has_window |= isinstance(node, ex.Offset) or name in SERIES
        waiting += [(child, inside) for child in ex.children(node)]
    if has_window:
        return min([*named, bars], key=lambda one: one.rank)
    if has_bare or not named:
        return bare
    return min(named, key=lambda one: one.rank)
