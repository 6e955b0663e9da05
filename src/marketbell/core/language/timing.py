"""The timeframe of an expression, and the timing of a rule, that nothing gives one (definitions.md, rules, 6)."""

from collections.abc import Sequence

from marketbell.core.indicators.catalogue import BY_NAME as SERIES
from marketbell.core.language import expression as ex
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


def default_timing(nodes: Sequence[ex.Expression]) -> Timing:
    """When a rule without `at` is evaluated: at the close of the smallest bar that it names.

    Bare prices are evaluated at each tick, a window that names no bar is of days. Predicates about time (`moves by …
    within`, `for 10m`) name no bar.
    """
    named: set[Timeframe] = set()
    has_window = False
    for node in nodes:
        waiting = [node]
        while waiting:
            one = waiting.pop()
            if isinstance(one, ex.At):
                named.add(one.timeframe)
            elif isinstance(one, ex.Offset) or (isinstance(one, ex.Call) and _is_window(one)):
                has_window |= not _is_named(one, node)
            waiting += ex.children(one)
    if has_window:
        named.add(DAY_1)
    finest = min(named, key=lambda one: one.rank) if named else TICK
    return Timing(TimingKind.TICK) if finest == TICK else Timing(TimingKind.CLOSE, finest)


def _is_window(call: ex.Call) -> bool:
    """A series function; `orb` is always of one-minute bars."""
    return call.name in SERIES and call.name != "orb"


def _is_named(wanted: ex.Expression, root: ex.Expression) -> bool:
    """True where something around it names its bars."""
    waiting: list[tuple[ex.Expression, bool]] = [(root, False)]
    while waiting:
        node, is_named = waiting.pop()
        if node is wanted:
            return is_named
        inside = is_named or isinstance(node, ex.At)
        waiting += [(child, inside) for child in ex.children(node)]
    return False
