"""The text of a rule or an expression to a parse tree, and a parser's complaint to a sentence that helps."""

from typing import Literal

from lark import Token
from lark import Tree as ParseTree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from marketbell.core.language.errors import LIMIT, SYNTAX
from marketbell.core.language.grammar import parser
from marketbell.core.language.source import Source
from marketbell.core.language.symbols import Position
from marketbell.core.language.vocabulary import hint
from marketbell.core.primitives.errors import InvalidRuleError

MAX_BYTES = 8_192
MAX_DEPTH = 64

Tree = ParseTree[Token]
Node = Tree | Token
Kind = Literal["rule", "expression"]

_SAID = {
    "STRING": 'a text in quotes ("…")',
    "NAME": "a name",
    "NUMBER": "a number",
    "PERCENT": "a percent",
    "DURATION": "a duration (10m, 2h, 30d)",
    "SYMBOL": "a symbol ($NSE:RELIANCE)",
    "DATE": "a date (2026-12-31)",
    "TIME": "a time (09:30)",
    "CROSS_DIRECTION": "`above` or `below`",
    "$END": "the end",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "RSQB": "`]`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "MINUS": "`-`",
}
_TOO_MANY = 5


def parse(source: Source, kind: Kind = "rule") -> Tree:
    """Parse one rule, or an expression alone. InvalidRuleError at the offending token; also where it is too long.

    Or too deep: the tree has at most 64 levels, brackets included.
    """
    size = len(source.text.encode())
    if size > MAX_BYTES:
        article = "an" if kind == "expression" else "a"
        raise _error(source.start, f"{article} {kind} may hold {MAX_BYTES} bytes; this one has {size}", LIMIT)
    try:
        tree = parser().parse(source.text, start="expression" if kind == "expression" else "start")
    except UnexpectedInput as error:
        raise _explain(source, error, kind) from error
    _check_depth(source, tree, kind)
    return tree


def dotted(node: Node) -> str | None:
    """`fund.pe` for a chain of names, None for anything else."""
    if isinstance(node, ParseTree) and node.data == "name":
        return str(node.children[0])
    if isinstance(node, ParseTree) and node.data == "member":
        head = dotted(node.children[0])
        return None if head is None else head + str(node.children[1])
    return None


def _error(position: Position, message: str, reason: str = SYNTAX) -> InvalidRuleError:
    return InvalidRuleError(message, position.line, position.column, reason=reason)


def _explain(source: Source, error: UnexpectedInput, kind: Kind) -> InvalidRuleError:  # noqa: PLR0911 — one a case
    if isinstance(error, UnexpectedEOF) or (isinstance(error, UnexpectedToken) and error.token.type == "$END"):
        expected = getattr(error, "accepts", None) or getattr(error, "expected", ())
        return _error(source.end(), f"the {kind} ends too early{_expected(expected)}")
    position = source.position(error.line, error.column)
    if isinstance(error, UnexpectedCharacters):
        found = source.text[error.pos_in_stream or 0]
        if found == '"':
            return _error(position, "this text has no closing quote")
        if found == "$":
            return _error(position, "a symbol is written $RELIANCE, $NSE:RELIANCE or ${M&M}")
        return _error(position, f"unexpected character `{found}`{_expected(error.allowed or ())}")
    if not isinstance(error, UnexpectedToken):
        return _error(position, "this cannot be read")
    token, expected = error.token, error.accepts or error.expected
    if token.type == "COMMA" and _inside_number(source.text, token):
        return _error(position, "a number is written without commas: `1500`, not `1,500`")
    if str(token) == "-" and source.text[: token.start_pos or 0].rstrip().endswith("["):
        return _error(position, "an offset looks back: `close[1]` is the bar before; nothing reads what is to come")
    known = [_keyword(name) for name in expected if _keyword(name)]
    if token.type == "NAME":
        near = hint(str(token), [word for word in known if word])
        if near:
            return _error(position, f"unexpected `{token}`{near}")
    return _error(position, f"unexpected `{token}`{_expected(expected)}")


def _inside_number(text: str, token: Token) -> bool:
    at = token.start_pos or 0
    return 0 < at < len(text) - 1 and text[at - 1].isdigit() and text[at + 1].isdigit()


def _keyword(terminal: str) -> str:
    """The word behind a keyword's terminal, "" for other terminals."""
    if terminal in _SAID:
        return ""
    definition = next((t for t in parser().terminals if t.name == terminal), None)
    if definition is None or definition.pattern.type != "str":
        return ""
    return str(definition.pattern.value)


def _expected(terminals: object) -> str:
    names = sorted(str(name) for name in terminals) if isinstance(terminals, (set, frozenset, list, tuple)) else []
    if "ON" in names and "WHEN" in names:
        return ": a clause is expected here (on, when, at, fire, expires, notify …)"
    said = [_SAID.get(name) or (f"`{_keyword(name)}`" if _keyword(name) else "") for name in names]
    said = sorted(word for word in said if word)
    if not said:
        return ""
    if len(said) > _TOO_MANY:
        return ": a value or a field is expected here" if "a number" in said else ""
    return ": expected " + (said[0] if len(said) == 1 else ", ".join(said[:-1]) + " or " + said[-1])


def _check_depth(source: Source, tree: Tree, kind: Kind) -> None:
    """Walk without recursion: the text decides how deep it goes."""
    stack: list[tuple[Tree, int]] = [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            position = source.position(node.meta.line, node.meta.column) if not node.meta.empty else source.start
            raise _error(position, f"the {kind} is nested deeper than {MAX_DEPTH} levels", LIMIT)
        stack.extend((child, depth + 1) for child in node.children if isinstance(child, ParseTree))
