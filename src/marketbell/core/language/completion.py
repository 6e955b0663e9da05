"""What can be written at a place of a text: fields, functions, words that may follow, names of instruments and lists.

The parser itself says which words the grammar accepts there; what a bare name can be follows from the clause that the
place is in. Nothing here judges: a text may be half written.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lark import Token
from lark.exceptions import UnexpectedInput

from marketbell.core.indicators.catalogue import BY_NAME as SERIES
from marketbell.core.language.declared import DECLARED
from marketbell.core.language.fields import ALIASES, FIELDS, Field
from marketbell.core.language.functions import BUILT_INS, NAMES, UNIVERSE_AT, usage
from marketbell.core.language.grammar import parser
from marketbell.core.language.literals import write_string, write_symbol
from marketbell.core.language.source import split
from marketbell.core.language.symbols import Symbol
from marketbell.core.language.vocabulary import ACTIONS, BAR_FIELDS, CHANNELS, TEXT_FIELDS, TYPE_NAMES, UPDATES, VENUES

MOST_ITEMS = 120
TIMEFRAMES = ("1m", "5m", "15m", "30m", "1h", "1d", "1w", "1mo", "tick")
_OPERATORS = (">", ">=", "<", "<=", "=", "!=")
_CHOICES = {
    "CROSS_DIRECTION": ("above", "below"),
    "MOVE": ("rises", "falls", "moves"),
    "TREND": ("rising", "falling"),
    "TRUTH": ("true", "false"),
}
_DETAILS = {
    "alert": "tell me when something happens",
    "screen": "who matches now",
    "on": "about whom: $NSE:INFY, NIFTY500, watchlist, ALL",
    "where": "only where this holds",
    "when": "the condition",
    "at": "when it is looked at: tick, 5m close",
    "hold": "it must hold for so long",
    "fire": "how often: once, once per bar, on enter",
    "rearm": "what makes it ready again",
    "cooldown": "rest between two alerts",
    "limit": "at most so many",
    "session": "only at these hours",
    "expires": "how long it lives",
    "stale": "what a missing value counts for",
    "max_age": "a message that is older says so",
    "severity": "low, normal, high",
    "notify": "who is told",
    "digest": "gathered in one message",
    "action": "a paper order",
    "fallback": "told where the others fail",
    "order": "sorted by",
    "columns": "what the table shows",
    "and": "both",
    "or": "one of them",
    "not": "the opposite",
    "between": "between a and b, both inside",
    "in": "one of a list",
    "crosses": "goes through",
    "enters": "comes into a range",
    "leaves": "goes out of a range",
    "is": "is rising, is falling, is known",
    "for": "held for so many bars, or so long",
    "seen": "seen in last 30m",
    "then": "and afterwards",
    "within": "within 5 bars, within 10m",
    "rises": "rises by 2% within 10m",
    "falls": "falls by 2% within 10m",
    "moves": "either way",
}
_EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "AT": (
        ("tick", "with every price"),
        ("1m close", "each minute's close"),
        ("5m close", "each 5-minute close"),
        ("15m close", "each 15-minute close"),
        ("1h close", "each hour's close"),
        ("1d close", "each day's close"),
        ("5m live", "while the bar forms: may repaint"),
        *((f"update {word}", f"when there is news of the kind {word}") for word in UPDATES),
        ('schedule "0 15 * * 1-5"', "at a time of day"),
    ),
    "FIRE": (
        ("once", "then never again"),
        ("once per bar", "at most once a bar"),
        ("once per day", "at most once a day"),
        ("once per session", "at most once a session"),
        ("every time", "at each evaluation that holds"),
        ("on enter", "when it becomes true"),
        ("on exit", "when it becomes false"),
        ("on change", "both"),
    ),
    "REARM": (("on false", "when it is false again"), ("after 30m", "some time later"), ("never", "not at all")),
    "EXPIRES": (("after 30d", "so long after arming"), ("never", "it stays")),
    "STALE": (("skip", "it is not looked at"), ("hold", "its last value counts"), ("fire", "it counts as true")),
    "SEVERITY": (("low", "quietly"), ("normal", "as usual"), ("high", "as urgent")),
    "SESSION": tuple((f"{venue} 09:30-15:00", "hours of the venue's day") for venue in VENUES[:4]),
    "HOLD": (("60s", "a minute"), ("5m", "five minutes")),
    "COOLDOWN": (("15m", "a quarter of an hour"), ("30m", "half an hour"), ("2h", "two hours"), ("1d", "a day")),
    "LIMIT": (("20 per day", "at most twenty a day"),),
    "DIGEST": (("1h", "every hour"), ("1d", "every day")),
    "MAX_AGE": (("10m", "ten minutes"),),
    "ACTION": tuple((f"{name}(", "in the paper account") for name in ACTIONS),
}
"""What may stand behind a clause's word."""
_PER: dict[str, tuple[tuple[str, str], ...]] = {
    "COOLDOWN": (("symbol", "each instrument for itself"), ("rule", "the rule as a whole")),
    "FIRE": (("bar", "at most once a bar"), ("day", "at most once a day"), ("session", "at most once a session")),
    "LIMIT": (("day", "so many a day"),),
}
"""What may stand behind a clause's `per`."""
_COMMON = 24
"""So many fields stand before the functions where nothing is typed."""
_IN_EXPRESSIONS = frozenset({"WHEN", "WHERE", "BY", "COLUMNS"})
_CLAUSES = (
    "ON", "WHERE", "WHEN", "AT", "HOLD", "FIRE", "REARM", "COOLDOWN", "LIMIT", "SESSION", "EXPIRES", "STALE", "MAX_AGE",
    "SEVERITY", "NOTIFY", "DIGEST", "ACTION", "ORDER", "COLUMNS",
)  # fmt: skip
_WORD = re.compile(r"[A-Za-z0-9_.]*\Z")
_SYMBOL = re.compile(r"\$\{[^{}\"\n]*\Z|\$[A-Za-z0-9_:]*\Z")
_TIMEFRAME = re.compile(r"@\s*([0-9a-z]*)\Z")
_OPEN_STRING = re.compile(r'"((?:\\["\\]|[^"\\\n])*)\Z')
_BEFORE_STRING = re.compile(r"([A-Za-z_]+)\s*:?\s*\Z")
_MEMBER = re.compile(r"\.([A-Za-z0-9_]*)\Z")


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be written: `insert` replaces the word under the cursor."""

    label: str
    insert: str
    kind: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """What may stand between `start` and `end` (characters of the text)."""

    start: int
    end: int
    items: tuple[Item, ...] = ()


def _nobody(_: str) -> Iterable[tuple[str, str]]:
    return ()


@dataclass(frozen=True, slots=True)
class Names:
    """What a person may name. `instruments(text)` gives key and name of those that a text may mean, best first."""

    instruments: Callable[[str], Iterable[tuple[str, str]]] = _nobody
    universes: Sequence[str] = ()
    watchlists: Sequence[str] = ()
    screens: Sequence[str] = ()
    channels: Sequence[str] = ()


@dataclass(slots=True)
class _Place:
    """Where the cursor is. `accepts` are terminals that the grammar takes there, `clause` the word of its clause."""

    word: str
    accepts: frozenset[str] = frozenset()
    clause: str = ""
    last: str = ""
    used: frozenset[str] = frozenset()
    tokens: list[Token] = field(default_factory=list)


def complete(
    text: str, position: int, kind: Literal["rule", "expression"] = "rule", names: Names | None = None
) -> Completion:
    """What can be written at `position` (characters before the cursor)."""
    names = names or Names()
    position = max(0, min(position, len(text)))
    before = text[:position]
    end = position + len(re.match(r"[A-Za-z0-9_]*", text[position:]).group())  # type: ignore[union-attr]
    if (found := _OPEN_STRING.search(before)) is not None and _is_open(before):
        return _string(text, position, found, names)
    if (found := _SYMBOL.search(before)) is not None:
        items = [
            Item(key, write_symbol(_symbol(key)), "instrument", name)
            for key, name in names.instruments(found[0].lstrip("${"))
        ]
        return _completion(found.start(), end, items)
    if (found := _TIMEFRAME.search(before)) is not None:
        items = [Item(one, one, "keyword", "bars of this length") for one in TIMEFRAMES if one.startswith(found[1])]
        return _completion(found.start(1), end, items)
    if (found := _MEMBER.search(before)) is not None and (members := list(_members(before, found))):
        return _completion(found.start(1), end, members)
    word = _WORD.search(before)
    start = position if word is None else word.start()
    place = _place(text[:start], before[start:], kind)
    return _completion(start, end, _ranked(_items(place, names), before[start:]))


def _completion(start: int, end: int, items: Iterable[Item]) -> Completion:
    found: dict[str, Item] = {}
    for item in items:
        found.setdefault(item.insert, item)
    return Completion(start, end, tuple(found.values())[:MOST_ITEMS])


def _symbol(key: str) -> Symbol:
    venue, _, name = key.rpartition(":")
    return Symbol(name, venue)


def _is_open(before: str) -> bool:
    """True where the last quote opens a text."""
    line = before.rpartition("\n")[2]
    return len(re.findall(r'(?<!\\)"', line)) % 2 == 1


def _string(text: str, position: int, found: re.Match[str], names: Names) -> Completion:
    """A text in quotes: the name of a list, or a choice of a setting."""
    word = _BEFORE_STRING.search(text[: found.start()])
    named = "" if word is None else word[1]
    typed = found[1].lower()
    choices: list[tuple[str, str]] = []
    if named == "watchlist":
        choices = [(one, "watchlist") for one in names.watchlists]
    elif named == "screen":
        choices = [(one, "screen") for one in names.screens]
    else:
        settings = [one for item in DECLARED for one in item.settings if one.name == named]
        choices = [(choice, "keyword") for one in settings for choice in one.choices]
    rest = text[position:]
    closing = re.match(r'(?:\\["\\]|[^"\\\n])*"', rest)
    end = position + (closing.end() if closing else 0)
    items = [
        Item(choice, write_string(choice), kind, named) for choice, kind in choices if choice.lower().startswith(typed)
    ]
    return _completion(found.start(), end, items)


def _members(before: str, found: re.Match[str]) -> Iterator[Item]:
    """Behind a dot: values of a function with several, or fields of another instrument."""
    head = before[: found.start()]
    typed = found[1].lower()
    if re.search(r"\$\{[^}]*\}\Z|\$[A-Za-z0-9_:]+\Z", head):
        yield from _ranked([*_fields(), *_functions()], found[1])
        return
    if not head.endswith(")"):
        return
    depth = 0
    for at in range(len(head) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(head[at], 0)
        if depth == 0:
            name = re.search(r"([A-Za-z_][A-Za-z0-9_]*)\Z", head[:at])
            signature = SERIES.get(name[1]) if name else None
            outputs = signature.outputs if signature is not None and len(signature.outputs) > 1 else ()
            for one in outputs:
                if one.startswith(typed):
                    yield Item(one, one, "field", f"of {signature.name}(…)" if signature else "")
            return


def _place(head: str, word: str, kind: str) -> _Place:
    """What the grammar says about the place behind `head`."""
    start = "expression"
    if kind == "rule":
        start = "start"
        head = _newest_rule(head)
    place = _Place(word)
    interactive = parser().parse_interactive(head, start=start)
    try:
        for token in interactive.iter_parse():
            place.tokens.append(token)
        place.accepts = frozenset(interactive.accepts())  # type: ignore[no-untyped-call]
    except UnexpectedInput:
        # Something before is wrong: the words there are still tell which clause it is.
        place.tokens = _loose_tokens(head)
    clauses = [token.type for token in place.tokens if _is_clause(token, place.tokens)]
    place.used = frozenset(clauses)
    place.clause = clauses[-1] if clauses else ("WHEN" if kind == "expression" else "")
    place.last = place.tokens[-1].type if place.tokens else ""
    return place


def _is_clause(token: Token, tokens: Sequence[Token]) -> bool:
    """`on` and `hold` are words of other clauses too."""
    if token.type not in _CLAUSES:
        return False
    before = tokens[at - 1].type if (at := tokens.index(token)) else ""
    return not (
        (token.type == "ON" and before in {"FIRE", "REARM"})
        or (token.type in {"HOLD", "FIRE"} and before == "STALE")
        or (token.type == "WHEN" and before == "REARM")
    )


def _newest_rule(head: str) -> str:
    """The text from where the last rule begins."""
    sources, _ = split(head)
    if not sources:
        return head
    start = sources[-1].start
    lines = head.split("\n")
    at = sum(len(line) + 1 for line in lines[: start.line - 1]) + start.column - 1
    return head[at:]


def _loose_tokens(head: str) -> list[Token]:
    return [Token(word.upper(), word) for word in re.findall(r"[A-Za-z_]+", re.sub(r'"[^"\n]*"?', "", head))]


def _items(place: _Place, names: Names) -> Iterator[Item]:
    """Everything that may stand there, unsorted."""
    if not place.tokens and not place.clause:
        yield Item("alert", 'alert "', "keyword", _DETAILS["alert"])
        yield Item("screen", 'screen "', "keyword", _DETAILS["screen"])
        return
    yield from _behind(place, names)
    if "CROSS_DIRECTION" in place.accepts:
        yield from (Item(word, word, "keyword") for word in _CHOICES["CROSS_DIRECTION"])
    is_expression = place.clause in _IN_EXPRESSIONS or place.last in {"WHEN", "WHERE", "BY"}
    if is_expression and (not place.accepts or "NAME" in place.accepts):
        yield from _values(place, names)
    yield from _keywords(place)


def _behind(place: _Place, names: Names) -> Iterator[Item]:
    """What a clause's word, `per` or a comma asks for."""
    is_first = place.last in {place.clause, "COMMA"}
    if place.clause == "ON" and is_first:
        yield from _universes(names)
    elif place.clause == "NOTIFY" and (is_first or place.last == "FALLBACK"):
        for one in names.channels:
            yield Item(one, one, "channel", "your channel")
        for one in CHANNELS:
            yield Item(one, one, "channel", "every channel of that kind")
    elif place.clause == "NOTIFY" and place.last == "COLON":
        kind = f"{place.tokens[-2]}:"
        for one in names.channels:
            if one.startswith(kind):
                yield Item(one, one.removeprefix(kind), "channel", "your channel")
    else:
        for word, detail in _words_of(place):
            yield Item(word, word, "keyword", detail)


def _words_of(place: _Place) -> Sequence[tuple[str, str]]:
    """Words of the clauses that have a vocabulary of their own."""
    if place.last == "PER":
        return _PER.get(place.clause, ())
    if place.last == "LIMIT" and place.tokens[0].type == "SCREEN":
        return (("50", "at most fifty rows"),)
    if place.last == place.clause:
        return _EXAMPLES.get(place.clause, ())
    if place.clause == "AT" and place.last == "DURATION":
        return (("close", "at the bar's close"), ("live", "while it forms: may repaint"))
    if place.clause == "AT" and place.last == "NAME" and str(place.tokens[-1]) == "update":
        return [(word, f"when there is news of the kind {word}") for word in UPDATES]
    return ()


def _universes(names: Names) -> Iterator[Item]:
    for one in names.universes:
        yield Item(one, one, "universe", "index, sector or list")
    yield Item("ALL", "ALL", "universe", "every instrument")
    yield Item("portfolio", "portfolio", "universe", "what the paper account holds")
    for one in names.watchlists:
        yield Item(f"watchlist {write_string(one)}", f"watchlist {write_string(one)}", "watchlist", "your watchlist")
    for one in names.screens:
        yield Item(f"screen {write_string(one)}", f"screen {write_string(one)}", "screen", "who is in a screen")
    for key, name in names.instruments(""):
        yield Item(key, write_symbol(_symbol(key)), "instrument", name)


def _values(place: _Place, names: Names) -> Iterator[Item]:
    """What an expression may begin with."""
    if _wants_universe(place.tokens):
        for one in (*names.universes, "ALL"):
            yield Item(one, one, "universe", "index, sector or list")
        return
    yield from _fields()
    yield from _functions()
    if place.clause == "COLUMNS":
        for name, detail in TEXT_FIELDS.items():
            yield Item(name, name, "field", detail)


def _wants_universe(tokens: Sequence[Token]) -> bool:
    """True where `rank(x, ` or `pct_of(` asks for a universe."""
    depth, commas = 0, 0
    for at in range(len(tokens) - 1, 0, -1):
        kind = tokens[at].type
        if kind == "RPAR":
            depth += 1
        elif kind == "LPAR" and depth:
            depth -= 1
        elif kind == "LPAR":
            return UNIVERSE_AT.get(str(tokens[at - 1])) == commas
        elif kind == "COMMA" and not depth:
            commas += 1
    return False


def _fields() -> Iterator[Item]:
    for one in (*FIELDS, *DECLARED):
        yield _field(one)
    for name, (kind, text) in BAR_FIELDS.items():
        yield Item(name, name, "field", f"{name.capitalize()} · {TYPE_NAMES.get(kind, kind)} · {text}")


def _field(one: Field) -> Item:
    insert = f"{one.name}(" if one.settings and any(setting.default is None for setting in one.settings) else one.name
    return Item(
        one.name, insert, "field", f"{one.label} · {TYPE_NAMES.get(str(one.type), str(one.type))} · {one.source}"
    )


def _functions() -> Iterator[Item]:
    for name in NAMES:
        summary = BUILT_INS[name].summary if name in BUILT_INS else SERIES[name].summary
        said = usage(name)
        yield Item(name, f"{name}()" if said == f"{name}()" else f"{name}(", "function", f"{said} · {summary}")


def _keywords(place: _Place) -> Iterator[Item]:
    """Words that the grammar takes: what goes on with the expression first, then other clauses in their order."""
    words: list[str] = [*_OPERATORS] if "COMPARISON" in place.accepts else []
    for terminal in sorted(place.accepts - set(_CLAUSES)):
        if terminal in _CHOICES:
            words += _CHOICES[terminal]
        elif word := _spelling(terminal):
            words.append(word)
    for terminal in _CLAUSES:
        is_new = terminal not in place.used or place.last in {"REARM", "STALE", "FIRE"}
        if terminal in place.accepts and is_new:  # a clause stands once
            words.append(_spelling(terminal))
    for word in words:
        yield Item(word, word, "keyword", _DETAILS.get(word, ""))


def _spelling(terminal: str) -> str:
    """The word behind a keyword's terminal, "" for others."""
    definition: Any = next((one for one in parser().terminals if one.name == terminal), None)
    if definition is None or definition.pattern.type != "str" or not str(definition.pattern.value).isidentifier():
        return ""
    return str(definition.pattern.value)


def _ranked(items: Iterable[Item], word: str) -> list[Item]:
    """Those that the word may mean, the likeliest first."""
    typed = word.lower()
    bare = {name: alias for alias, name in ALIASES.items()}
    found: list[tuple[int, int, Item]] = []
    for at, item in enumerate(items):
        rank = _rank(item, typed, bare.get(item.label, ""))
        if rank is not None:
            is_rare = not typed and item.kind == "field" and at >= _COMMON
            found.append((rank + is_rare, at, item))
    return [item for _, _, item in sorted(found, key=lambda one: one[:2])]


def _rank(item: Item, typed: str, alias: str) -> int | None:
    label = item.label.lower()
    if not typed or label.startswith(typed) or (alias and alias.startswith(typed)):
        return 0
    if any(part.startswith(typed) for part in re.split(r"[._ ]", label)):
        return 1
    return 2 if any(part.startswith(typed) for part in re.split(r"\W+", item.detail.lower())) else None
