"""Functions as the language calls them: the series functions of the catalogue, and those that are built in.

`bind` puts the arguments of a call where the catalogue's signature wants them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from marketbell.core.indicators.catalogue import BY_NAME, MAX_WINDOW, Parameter, Signature
from marketbell.core.language import expression as ex
from marketbell.core.language.errors import LIMIT, NAME, SYNTAX, TYPE
from marketbell.core.language.expression_printer import print_expression
from marketbell.core.language.fields import Field, Setting
from marketbell.core.language.literals import write_duration, write_number, write_string
from marketbell.core.language.symbols import Position
from marketbell.core.language.vocabulary import hint
from marketbell.core.market.session import DAY, MINUTE, SECOND

Report = Callable[[Position, str, str], None]
"""Takes what is wrong: where, what, and the reason (see errors.py)."""

MAX_SETTING = 366 * DAY
"""The longest time that a field with settings can be asked for."""

_NANOSECONDS = {"s": SECOND, "m": MINUTE, "h": 60 * MINUTE, "d": DAY, "w": 7 * DAY}


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A function that is not a series function. `most` None: any number of arguments; `result` as in a Signature."""

    name: str
    least: int
    most: int | None
    result: str
    usage: str
    summary: str


BUILT_INS: dict[str, BuiltIn] = {
    one.name: one
    for one in (
        BuiltIn("abs", 1, 1, "same", "abs(x)", "The value without its sign."),
        BuiltIn("min", 2, None, "same", "min(x, y, …)", "The smallest; unknown where one of them is."),
        BuiltIn("max", 2, None, "same", "max(x, y, …)", "The largest; unknown where one of them is."),
        BuiltIn("round", 1, 2, "same", "round(x, digits = 0)", "To so many decimals, halves away from zero."),
        BuiltIn("coalesce", 2, None, "same", "coalesce(x, y, …)", "The first that is known."),
        BuiltIn("if", 3, 3, "same", "if(condition, x, y)", "x where the condition holds, y where it does not."),
        BuiltIn("live", 1, 1, "same", "live(x@1d)", "The value at the forming bar: it may still change."),
        BuiltIn("rank", 2, 2, "count", "rank(x, UNIVERSE)", "Place among the universe by x, 1 being the highest."),
        BuiltIn("pct_of", 2, 2, "percent", "pct_of(UNIVERSE, condition)", "Percentage of it that meets the condition."),
        BuiltIn("avg_of", 2, 2, "same", "avg_of(UNIVERSE, x)", "Mean of x over the universe."),
    )
}

NAMES: tuple[str, ...] = (*BY_NAME, *BUILT_INS)
"""Every function."""

UNIVERSE_AT: dict[str, int] = {"rank": 1, "pct_of": 0, "avg_of": 0}
"""Which argument names a universe."""

MEMBER_TYPES: dict[tuple[str, str], str] = {("bb", "width"): "percent", ("supertrend", "dir"): "number"}
"""Members that are not of the type of their function."""


def usage(name: str) -> str:
    """How a function is called, with its defaults: `rsi(x = close, n = 14)`."""
    if name in BUILT_INS:
        return BUILT_INS[name].usage
    signature = BY_NAME[name]
    words = [
        f"{argument} = {signature.default_x}" if has_default(signature, argument) else argument
        for argument in signature.arguments
    ]
    words += [_parameter_usage(parameter) for parameter in signature.parameters]
    return f"{name}({', '.join(words)})"


def _parameter_usage(parameter: Parameter) -> str:
    if parameter.default is None:
        return parameter.name
    return f"{parameter.name} = {write_number(parameter.default)}"


def has_default(signature: Signature, argument: str) -> bool:
    """`x` may be left out, but not where a second series says that both are meant to be chosen."""
    return argument == "x" and "y" not in signature.arguments


@dataclass(frozen=True, slots=True)
class Bound:
    """A call whose every argument has its place: `series` and `parameters` as in the signature."""

    signature: Signature
    series: tuple[ex.Expression, ...]
    parameters: tuple[float, ...]


def bind(call: ex.Call, report: Report) -> Bound | None:
    """The arguments of a series function's call, defaults filled in; None where something was reported."""
    signature = BY_NAME[call.name]
    given = _placed(call, signature, report)
    if given is None:
        return None
    for argument in signature.arguments:
        if argument not in given and has_default(signature, argument):
            given[argument] = ex.Field(signature.default_x, position=call.position)
    required = [*signature.arguments, *(one.name for one in signature.parameters if one.default is None)]
    missing = [f"`{name}`" for name in required if name not in given]
    if missing:
        message = f"`{call.name}` needs {' and '.join(missing)}: `{usage(call.name)}`"
        report(call.position, message, SYNTAX)
        return None
    values = [_value(call.name, parameter, given.get(parameter.name), report) for parameter in signature.parameters]
    known = tuple(value for value in values if value is not None)
    if len(known) < len(values):
        return None
    return Bound(signature, tuple(given[name] for name in signature.arguments), known)


def _placed(call: ex.Call, signature: Signature, report: Report) -> dict[str, ex.Expression] | None:
    """What was written, by the name of its place."""
    places = [*signature.arguments, *(parameter.name for parameter in signature.parameters)]
    free = places[_skipped(call, signature) :]
    given = dict(zip(free, call.arguments, strict=False))
    if len(call.arguments) > len(free):
        surplus = call.arguments[len(free)]
        message = f"`{call.name}` takes at most {_counted(len(free))}: `{usage(call.name)}`"
        report(surplus.position, message, SYNTAX)
        return None
    for word, value in call.named:
        if word not in places:
            report(value.position, f"`{call.name}` has no argument `{word}`{hint(word, places)}", NAME)
            return None
        if word in given:
            report(value.position, f"`{word}` is given twice", SYNTAX)
            return None
        given[word] = value
    return given


def _skipped(call: ex.Call, signature: Signature) -> int:
    """How many series are left out in front: `rsi(14)` is `rsi(close, 14)`."""
    first = call.arguments[0] if call.arguments else None
    is_plain = isinstance(first, (ex.Number, ex.Percent, ex.Duration))
    if signature.arguments == ("x",) and is_plain and len(call.arguments) <= len(signature.parameters):
        return 1
    return 0


def settings_usage(field: Field) -> str:
    """How a field with settings is asked: `opt.skew(delta: 25, expiry: "nearest")`."""
    words = [f"{one.name}: {one.default or write_string(one.choices[0])}" for one in field.settings]
    return f"{field.name}({', '.join(words)})" if words else field.name


def settled(node: ex.Field | ex.Call, field: Field, report: Report) -> str | None:
    """The canonical name of a field with its settings, defaults filled in; None where something was reported."""
    arguments, named = (node.arguments, node.named) if isinstance(node, ex.Call) else ((), ())
    if isinstance(node, ex.Call) and not field.settings:
        report(node.position, f"`{field.name}` is a field and takes no arguments", NAME)
        return None
    names = [one.name for one in field.settings]
    given = dict(zip(names, arguments, strict=False))
    if len(arguments) > len(names):
        surplus = arguments[len(names)]
        message = f"`{field.name}` takes at most {_counted(len(names))}: `{settings_usage(field)}`"
        report(surplus.position, message, SYNTAX)
        return None
    for word, value in named:
        if word not in names:
            report(value.position, f"`{field.name}` has no setting `{word}`{hint(word, names)}", NAME)
            return None
        if word in given:
            report(value.position, f"`{word}` is given twice", SYNTAX)
            return None
        given[word] = value
    written: list[str] = []
    for setting in field.settings:
        found = _setting(node, field, setting, given.get(setting.name), report)
        if found is None:
            return None
        written.append(f"{setting.name}: {found}")
    return f"{field.name}({', '.join(written)})" if written else field.name


def _setting(  # noqa: C901 — one case a kind
    node: ex.Expression, field: Field, setting: Setting, given: ex.Expression | None, report: Report
) -> str | None:
    """How the value of a setting is written; None where it is wrong."""
    if given is None:
        if setting.default is None:
            report(node.position, f"`{field.name}` needs `{setting.name}`: `{settings_usage(field)}`", SYNTAX)
        return setting.default
    said = f"`{setting.name}` of `{field.name}`"
    message, reason = "", TYPE
    match setting.kind, given:
        case "text", ex.Text(value=value):
            if value in setting.choices:
                return print_expression(given)
            choices = hint(value, setting.choices) or f": it is one of {', '.join(setting.choices)}"
            message, reason = f"{said} is never `{value}`{choices}", NAME
        case "text", _:
            message = f'{said} is a text ("{setting.choices[0]}"), not `{_short(given)}`'
        case "duration", ex.Duration(amount=amount, unit=unit):
            if unit in _NANOSECONDS and 0 < amount * _NANOSECONDS[unit] <= MAX_SETTING:
                return write_duration(int(amount * _NANOSECONDS[unit]))
            message, reason = f"{said} is more than nothing and at most {write_duration(MAX_SETTING)}", LIMIT
        case "duration", _:
            message = f"{said} is a duration (1h), not `{_short(given)}`"
        case _, ex.Number(value=value):
            is_whole = setting.kind != "period" or (value == int(value) and value <= MAX_WINDOW)
            if isfinite(value) and value > 0 and is_whole and setting.least <= value <= setting.most:
                return print_expression(given)
            limits = f"a whole number from 1 to {MAX_WINDOW:,}" if setting.kind == "period" else "above 0"
            if isfinite(setting.most):
                limits = f"a number from {write_number(setting.least)} to {write_number(setting.most)}"
            message, reason = f"{said} is {limits}, not `{_short(given)}`", LIMIT
        case _:
            message = f"{said} is a number that is written out, not `{_short(given)}`"
    report(given.position, message, reason)
    return None


def _counted(count: int) -> str:
    return {0: "no argument", 1: "one argument"}.get(count, f"{count} arguments")


def _value(function: str, parameter: Parameter, given: ex.Expression | None, report: Report) -> float | None:
    if given is None:
        return parameter.default
    said = f"`{parameter.name}` of `{function}`"
    if parameter.kind == "duration":
        return _duration(said, given, report)
    if not isinstance(given, ex.Number):
        wanted = "a number of bars" if parameter.kind == "period" else "a number"
        report(given.position, f"{said} is {wanted} that is written out, not `{_short(given)}`", TYPE)
        return None
    value = given.value
    if parameter.kind == "period":
        if value != int(value) or not parameter.least <= value <= MAX_WINDOW:
            limits = f"a whole number from {parameter.least} to {MAX_WINDOW:,}"
            report(given.position, f"{said} is {limits}, not `{_short(given)}`", LIMIT)
            return None
    elif not (isfinite(value) and value > 0):
        report(given.position, f"{said} is above 0, not `{_short(given)}`", LIMIT)
        return None
    return value


def _duration(said: str, given: ex.Expression, report: Report) -> float | None:
    """Nanoseconds, at most a day."""
    if not isinstance(given, ex.Duration) or given.unit not in _NANOSECONDS:
        report(given.position, f"{said} is a duration (15m), not `{_short(given)}`", TYPE)
        return None
    value = given.amount * _NANOSECONDS[given.unit]
    if not 0 < value <= DAY:
        report(given.position, f"{said} is more than nothing and at most {write_duration(DAY)}", LIMIT)
        return None
    return value


def _short(node: ex.Expression) -> str:
    text = print_expression(node)
    return text if len(text) <= 60 else f"{text[:57]}…"
