"""An expression as plain values and back: `{"is": NAME OF THE NODE, …its fields}`.

What is read is checked: each field has its kind, and the tree is no deeper than a text could make it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from marketbell.core.language import expression as ex
from marketbell.core.language.symbols import Symbol
from marketbell.core.language.syntax import MAX_DEPTH
from marketbell.core.market.timeframe import Timeframe

_Read = Callable[[Any, int], Any]
_DEEPEST = 2 * MAX_DEPTH
"""A node of the tree can be two levels of the text."""


def expression_to_json(node: ex.Expression) -> dict[str, Any]:
    """A node and all that is below it."""
    kind = type(node)
    return {"is": _NAMES[kind]} | {name: _plain(getattr(node, name)) for name in _FIELDS[kind]}


def expression_from_json(values: Any) -> ex.Expression:
    """The inverse. KeyError, TypeError or ValueError where it is none."""
    return _node(values, 1)


def _plain(value: Any) -> Any:
    match value:
        case ex.Expression():
            return expression_to_json(value)
        case Symbol():
            return {"name": value.name, "venue": value.venue}
        case Timeframe():
            return str(value)
        case ex.Span():
            return {"amount": value.amount, "unit": value.unit}
        case tuple():
            return [_plain(one) for one in value]
    return value


def _node(values: Any, depth: int) -> ex.Expression:
    if depth > _DEEPEST:
        message = f"it is nested deeper than {_DEEPEST} levels"
        raise ValueError(message)
    kind = _KINDS[values["is"]]
    fields = _FIELDS[kind]
    if values.keys() - fields.keys() != {"is"}:
        message = f"`{values['is']}` has the fields {', '.join(fields)}"
        raise ValueError(message)
    return kind(**{name: read(values[name], depth + 1) for name, read in fields.items()})


def _of(kind: type) -> _Read:
    def read(value: Any, _: int) -> Any:
        if type(value) is not kind:
            message = f"{value!r} is no {kind.__name__}"
            raise TypeError(message)
        return value

    return read


def _real(value: Any, _: int) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        message = f"{value!r} is no number"
        raise TypeError(message)
    return float(value)


def _word(*choices: str) -> _Read:
    def read(value: Any, _: int) -> str:
        if value not in choices:
            message = f"{value!r} is none of {', '.join(choices)}"
            raise ValueError(message)
        return str(value)

    return read


def _many(read: _Read) -> _Read:
    def read_all(value: Any, depth: int) -> tuple[Any, ...]:
        if not isinstance(value, list):
            message = f"{value!r} is no list"
            raise TypeError(message)
        return tuple(read(one, depth) for one in value)

    return read_all


def _named(value: Any, depth: int) -> tuple[str, ex.Expression]:
    name, of = value
    return str(_text(name, depth)), _node(of, depth)


def _symbol(value: Any, depth: int) -> Symbol | None:
    return None if value is None else Symbol(_text(value["name"], depth), _text(value["venue"], depth))


def _span(value: Any, depth: int) -> ex.Span:
    return ex.Span(_real(value["amount"], depth), _text(value["unit"], depth))


def _timeframe(value: Any, depth: int) -> Timeframe:
    return Timeframe.parse(_text(value, depth))


_text = _of(str)
_signs = _many(_word("+", "-", "*", "/"))
_pair: Mapping[str, _Read] = {"left": _node, "right": _node}
_FIELDS: Mapping[type[ex.Expression], Mapping[str, _Read]] = {
    ex.Number: {"value": _real},
    ex.Percent: {"value": _real},
    ex.Duration: {"amount": _real, "unit": _text},
    ex.Text: {"value": _text},
    ex.Truth: {"value": _of(bool)},
    ex.Field: {"name": _text, "symbol": _symbol},
    ex.Universe: {"name": _text},
    ex.Call: {"name": _text, "arguments": _many(_node), "named": _many(_named), "symbol": _symbol},
    ex.Member: {"of": _node, "name": _text},
    ex.Offset: {"of": _node, "amount": _of(int), "unit": _text},
    ex.At: {"of": _node, "timeframe": _timeframe},
    ex.Negative: {"of": _node},
    ex.Chain: {"operands": _many(_node), "operators": _signs},
    ex.Comparison: {"operator": _word(">", ">=", "<", "<=", "=", "!="), **_pair},
    ex.Between: {"of": _node, "low": _node, "high": _node},
    ex.In: {"of": _node, "choices": _many(_node)},
    ex.Crosses: {"direction": _word("above", "below", "either"), **_pair},
    ex.Passes: {"of": _node, "verb": _word("enters", "leaves"), "low": _node, "high": _node},
    ex.Moves: {"of": _node, "verb": _word("rises", "falls", "moves"), "by": _node, "within": _span},
    ex.Trend: {"of": _node, "direction": _word("rising", "falling")},
    ex.Known: {"of": _node},
    ex.Not: {"of": _node},
    ex.Logic: {"operator": _word("and", "or"), "parts": _many(_node)},
    ex.HeldFor: {"of": _node, "span": _span},
    ex.Seen: {"of": _node, "span": _span},
    ex.Then: {"first": _node, "second": _node, "within": _span},
}
_NAMES = {kind: kind.__name__.lower() for kind in _FIELDS}
_KINDS = {name: kind for kind, name in _NAMES.items()}
