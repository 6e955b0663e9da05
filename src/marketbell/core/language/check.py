"""Names and types of an expression, judged on the parse tree of the whole language.

Everything is checked, also what cannot be evaluated yet: a misspelt field in a rule that is too new
is still a misspelt field.
"""

from collections.abc import Callable

from lark import Token
from lark import Tree as ParseTree

from marketbell.core.language.errors import NAME, TYPE
from marketbell.core.language.fields import ALIASES, BY_NAME, resolve
from marketbell.core.language.vocabulary import (
    FUNCTIONS,
    RESERVED_FIELDS,
    RESERVED_NAMESPACES,
    TYPE_NAMES,
    hint,
)

Tree = ParseTree[Token]
Node = Tree | Token
Report = Callable[[Node, str, str], None]

LITERAL = "literal"
"""The type of a plain number: it fits every numeric type."""

_NUMERIC = frozenset({"price", "number", "percent", "money", "count", "duration", LITERAL})
_PREDICATES = frozenset(
    {"comparison", "between", "in_", "crosses", "crosses_either", "enters", "leaves", "moves", "is_trend", "is_known"}
    | {"conjunction", "expression", "not_", "then_", "held_for", "seen"}
)


def dotted(node: Node) -> str | None:
    """`fund.pe` for a chain of names, None for anything else."""
    if isinstance(node, ParseTree) and node.data == "name":
        return str(node.children[0])
    if isinstance(node, ParseTree) and node.data == "member":
        head = dotted(node.children[0])
        return None if head is None else head + str(node.children[1])
    return None


def _value(argument: Node) -> Node:
    """The expression of an argument, without its wrapper or name."""
    while isinstance(argument, ParseTree) and argument.data in {"argument", "named_argument"}:
        argument = argument.children[-1]
    return argument


class Checker:
    """Walks one expression. `report(node, message, reason)` takes what it finds; `text` is the rule's text."""

    def __init__(self, text: str, report: Report) -> None:
        self._text = text
        self._report = report

    def condition(self, node: Node) -> None:
        """Check an expression that must be true or false."""
        kind = self.infer(node)
        if kind is not None and kind != "bool":
            name = TYPE_NAMES.get(kind, "a number")
            self._report(node, f"a condition is needed here, and `{self.source(node)}` is {name}", TYPE)

    def source(self, node: Node) -> str:
        """How the node was written."""
        if isinstance(node, Token):
            return str(node)
        return " ".join(self._text[node.meta.start_pos : node.meta.end_pos].split())

    def infer(self, node: Node) -> str | None:  # noqa: PLR0911 — one line a kind of node
        """The type of an expression, None where it is not known; reports what is wrong below."""
        if isinstance(node, Token):
            return None
        kind = str(node.data)
        if kind in _PREDICATES:
            return self._predicate(kind, node)
        if kind in {"name", "member"}:
            return self._field(node)
        if kind in {"group", "negative"}:
            return self.infer(node.children[0])
        if kind in {"offset", "timeframe"}:
            return self.infer(node.children[0])
        if kind == "call":
            return self._call(node)
        if kind in {"sum", "product"}:
            return self._arithmetic(kind, node)
        if kind == "named_argument":
            return self.infer(node.children[1])
        literals = {"number": LITERAL, "percent": "percent", "duration": "duration", "text": "text", "truth": "bool"}
        return literals.get(kind)

    def _predicate(self, kind: str, node: Tree) -> str:
        parts = [(child, self.infer(child)) for child in node.children if isinstance(child, ParseTree)]
        if kind in {"conjunction", "expression", "not_", "then_", "held_for", "seen"}:
            for child, type_ in parts:
                if type_ is not None and type_ != "bool":
                    name = TYPE_NAMES.get(type_, "a number")
                    self._report(child, f"a condition is needed here, and `{self.source(child)}` is {name}", TYPE)
        elif kind not in {"moves", "is_trend", "is_known"}:
            left, left_type = parts[0]
            for right, right_type in parts[1:]:
                self._compare(left, left_type, right, right_type)
        return "bool"

    def _compare(self, left: Node, left_type: str | None, right: Node, right_type: str | None) -> None:
        if left_type is None or right_type is None or left_type == right_type:
            return
        if LITERAL in {left_type, right_type} and {left_type, right_type} <= _NUMERIC:
            return
        if "enum" in {left_type, right_type} and "text" in {left_type, right_type}:
            return
        said = [
            f"`{self.source(node)}` is {TYPE_NAMES.get(type_, 'a number')}"
            for node, type_ in ((left, left_type), (right, right_type))
        ]
        self._report(right, f"{said[0]} and {said[1]}: they cannot be compared", TYPE)

    def _field(self, node: Tree) -> str | None:
        name = dotted(node)
        if name is None:  # a member of something computed, or of another symbol
            head, member = node.children
            if isinstance(head, ParseTree) and head.data == "symbol":
                return self._named(node, str(member)[1:])
            self.infer(head)
            return None
        return self._named(node, name)

    def _named(self, node: Tree, name: str) -> str | None:
        field = resolve(name)
        if field is not None:
            return str(field.type)
        if name in RESERVED_FIELDS or name.partition(".")[0] in RESERVED_NAMESPACES:
            return None
        if name in FUNCTIONS:
            return None
        self._report(node, f"unknown field `{name}`{hint(name, [*BY_NAME, *ALIASES])}", NAME)
        return None

    def _call(self, node: Tree) -> str | None:
        head = node.children[0]
        types: list[str | None] = []
        arguments = node.children[1] if len(node.children) > 1 else None
        for argument in arguments.children if isinstance(arguments, ParseTree) else []:
            inner = _value(argument)
            word = dotted(inner)
            if word is not None and word.isupper():  # a universe: NIFTY500
                continue
            types.append(self.infer(inner))
        name = dotted(head)
        if name is None and isinstance(head, ParseTree) and head.data == "member":
            owner = head.children[0]
            if isinstance(owner, ParseTree) and owner.data == "symbol":
                name = str(head.children[1])[1:]
        if name is None:
            self.infer(head)
            return None
        if name not in FUNCTIONS:
            if name.partition(".")[0] not in RESERVED_NAMESPACES and resolve(name) is None:
                self._report(head, f"unknown function `{name}`{hint(name, list(FUNCTIONS))}", NAME)
            return None
        result = FUNCTIONS[name]
        if result != "same":
            return result
        return types[0] if types and types[0] != LITERAL else None

    def _arithmetic(self, kind: str, node: Tree) -> str | None:
        operands = [child for child in node.children if isinstance(child, ParseTree)]
        types = [self.infer(child) for child in operands]
        for child, type_ in zip(operands, types, strict=True):
            if type_ in {"text", "bool", "enum"}:
                self._report(child, f"`{self.source(child)}` is {TYPE_NAMES[type_]}: it cannot be reckoned with", TYPE)
        known = {type_ for type_ in types if type_ != LITERAL}
        if not known:
            return LITERAL
        return known.pop() if len(known) == 1 and kind == "sum" else None
