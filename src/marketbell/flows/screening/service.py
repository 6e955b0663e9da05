"""Screens for a person: the ready ones and those that the person keeps; ask one, keep one, see who came and went.

Keeping a screen stores it and its command for the ordered log in one transaction; it stands in the stream when the log
has it. A text that nobody keeps is asked once and forgotten.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import orjson

from marketbell.core.language.errors import RuleErrors
from marketbell.core.language.expression import Expression
from marketbell.core.language.expression_printer import print_expression
from marketbell.core.language.expression_reader import read_text
from marketbell.core.language.json_form import to_json
from marketbell.core.language.printer import print_screen
from marketbell.core.language.reader import MAX_NAME, parse_screen
from marketbell.core.language.rule_plan import compile_screen
from marketbell.core.language.tree import Position, Screen
from marketbell.core.language.types import judge_column
from marketbell.core.primitives.errors import ConflictError, InvalidRuleError, NotFoundError, UserError
from marketbell.core.rules.resolve import Market
from marketbell.core.rules.words import sentence
from marketbell.core.screening.templates import TEMPLATES, Template
from marketbell.flows.screening.settling import settled
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.screens import NOW, PRICED, ScreenAnswer, ScreenRequest
from marketbell.ports.stores import SavedScreen, ScreenEvent, ScreenStore, Stay

MOST_SCREENS = 200
"""That one owner may keep: each of them stands in the stream."""
MOST_COLUMNS = 40

Names = Callable[[str], Market]
"""What an owner's screens may name: instruments, watchlists, other screens."""
Ask = Callable[[ScreenRequest], ScreenAnswer]
"""Puts the question to the stream and waits; see flows/market_views/screens.py."""


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wants to see: a text or a screen by its id, with other columns and another order.

    `as_of` is ns UTC, None: now. `columns`, where given, take the place of the screen's own. `offset`: how many rows
    were shown before.
    """

    text: str | None = None
    screen_id: str | None = None
    as_of: int | None = None
    columns: Sequence[str] | None = None
    sort: str | None = None
    descending: bool = False
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """What the stream said of a question. `total`: how many rows there are over all pages, the screen's limit applied.

    Of the past (`is_past`) the answer's last columns are PRICED: what the market shows now says nothing of that day.
    """

    screen: Screen
    answer: ScreenAnswer
    total: int
    is_past: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A ready screen (`template`) or one that the owner keeps (`saved`), with how many are in it at `as_of` (ns UTC).

    None: nobody has counted. `leave_when`: the condition at which a member leaves, where that is not its own.
    """

    screen_id: str
    kind: str
    tree: Screen
    text: str
    description: str
    count: int | None
    as_of: int | None
    leave_when: str | None = None


class ScreenService:
    """The use cases of screens. Errors are UserErrors, those of texts with line and column."""

    def __init__(self, screens: ScreenStore, names: Names, cache: Cache, clock: Clock, ask: Ask) -> None:
        self._screens = screens
        self._names = names
        self._cache = cache
        self._clock = clock
        self._ask = ask

    # --- keeping -------------------------------------------------------------------------------------

    def all(self, owner_id: str) -> list[Kept]:
        """The ready screens, then the owner's own, oldest first, each with how many are in it now."""
        ready = [self._ready(one) for one in TEMPLATES.values()]
        return ready + [self._shown(one) for one in self._screens.all(owner_id)]

    def one(self, owner_id: str, screen_id: str) -> Kept:
        """A ready screen or one of the owner's. NotFoundError."""
        template = TEMPLATES.get(screen_id)
        return self._ready(template) if template else self._shown(self._mine(owner_id, screen_id))

    def save(
        self, owner_id: str, name: str, text: str, leave_when: str | None = None, screen_id: str | None = None
    ) -> Kept:
        """Keep a new screen under a name; the text may be a condition alone. RuleErrors, ConflictError.

        With `leave_when` (a condition) a member stays until that holds, however often its own condition turns.
        """
        if len(self._screens.all(owner_id)) >= MOST_SCREENS:
            raise UserError(f"{MOST_SCREENS} screens may be kept: delete one first", field="name")
        return self._shown(self._keep(owner_id, screen_id or uuid4().hex, name, text, leave_when))

    def change(self, owner_id: str, screen_id: str, name: str, text: str, leave_when: str | None = None) -> Kept:
        """Another name or text for one of the owner's screens. RuleErrors, ConflictError, NotFoundError.

        `leave_when`: None leaves it as it is, an empty text takes it away.
        """
        if screen_id in TEMPLATES:
            raise ConflictError("a ready screen stays as it is: save it under a name of yours")
        old = self._mine(owner_id, screen_id)
        leaves = old.leave_when if leave_when is None else leave_when
        return self._shown(self._keep(owner_id, screen_id, name, text, leaves))

    def delete(self, owner_id: str, screen_id: str) -> None:
        """Forget one of the owner's screens and take it out of the stream. NotFoundError."""
        if screen_id in TEMPLATES:
            raise ConflictError("a ready screen cannot be deleted")
        self._screens.delete(owner_id, screen_id)

    def follow(self, owner_id: str) -> list[str]:
        """The owner's watchlists or screens changed: ids of the screens that name them and look elsewhere now.

        A screen whose list is gone or empty stays as it stands.
        """
        changed = []
        for saved in self._screens.all(owner_id):
            try:
                tree = self._named(saved)
                found = to_json(settled(tree, self._names(owner_id), self._clock.now()))
            except RuleErrors:
                continue
            definition = _definition(found, saved.leave_when)
            if definition != saved.definition:
                self._screens.put(replace(saved, definition=definition, updated_at=0))
                changed.append(saved.screen_id)
        return changed

    # --- asking --------------------------------------------------------------------------------------

    def run(self, owner_id: str, asked: Question) -> Answered:
        """A page of who meets a screen, with counts of its parts and of what is not known."""
        kept = self._asked(owner_id, asked)
        screen = _with_columns(kept, asked.columns)
        template = TEMPLATES.get(asked.screen_id or "")
        order = read_columns([asked.sort], "sort")[0] if asked.sort else None
        offset = max(0, asked.offset)
        most = asked.limit if screen.limit is None else min(asked.limit, screen.limit - offset)
        is_past = asked.as_of is not None
        request = ScreenRequest(
            to_json(settled(screen, self._names(owner_id), self._clock.now() if asked.as_of is None else asked.as_of)),
            columns=PRICED if is_past else (),
            order_by=order,
            is_descending=asked.descending,
            limit=max(1, most),
            offset=offset,
            as_of=asked.as_of,
            kinds=() if template is None else template.kinds,
        )
        answer = self._ask(request)
        return Answered(kept, answer, _total(screen, answer), is_past)

    def keys(self, owner_id: str, text: str, limit: int, offset: int) -> tuple[list[str], int]:
        """Keys of those who meet a text now, in its order, from `offset` on; and how many they are in all."""
        screen = replace(parse_screen(text), columns=())
        definition = to_json(settled(screen, self._names(owner_id), self._clock.now()))
        answer = self._ask(ScreenRequest(definition, limit=limit, offset=offset))
        total = _total(screen, answer)
        return [row.key for row in answer.rows][: max(0, total - offset)], total

    # --- who came and went ---------------------------------------------------------------------------

    def history(self, owner_id: str, screen_id: str, since: int) -> list[ScreenEvent]:
        """Who entered and left a screen since then (ns UTC), newest first. NotFoundError."""
        if screen_id not in TEMPLATES:
            self._mine(owner_id, screen_id)
        return self._screens.history(screen_id, since)

    def of_instrument(self, owner_id: str, instrument_id: int, since: int) -> list[tuple[Stay, str]]:
        """On which ready screens and screens of the owner an instrument was, with their names; newest entry first."""
        names = {one.screen_id: one.name for one in TEMPLATES.values()}
        names |= {one.screen_id: one.name for one in self._screens.all(owner_id)}
        found = self._screens.held(instrument_id, since)
        return [(one, names[one.screen_id]) for one in found if one.screen_id in names]

    # --- parts ---------------------------------------------------------------------------------------

    def _mine(self, owner_id: str, screen_id: str) -> SavedScreen:
        found = self._screens.get(owner_id, screen_id)
        if found is None:
            raise NotFoundError(f"there is no screen {screen_id}")
        return found

    def _keep(self, owner_id: str, screen_id: str, name: str, text: str, leave_when: str | None) -> SavedScreen:
        called = _name(name)
        tree = replace(parse_screen(text), name=called, screen_uid=screen_id)
        market = self._names(owner_id)
        _judged(tree)
        now = self._clock.now()
        definition = _definition(to_json(settled(tree, market, now)), _leaves(leave_when, market, now))
        return self._screens.put(SavedScreen(screen_id, owner_id, called, print_screen(tree), definition))

    def _named(self, saved: SavedScreen) -> Screen:
        return replace(parse_screen(saved.text), name=saved.name, screen_uid=saved.screen_id)

    def _asked(self, owner_id: str, asked: Question) -> Screen:
        """The tree that is meant."""
        if (asked.text is None) == (asked.screen_id is None):
            raise UserError("send either text or screen_id", field="text")
        if asked.text is not None:
            tree = parse_screen(asked.text)
        else:
            screen_id = str(asked.screen_id)
            template = TEMPLATES.get(screen_id)
            tree = template.screen if template else self._named(self._mine(owner_id, screen_id))
        return tree

    def _ready(self, template: Template) -> Kept:
        tree = template.screen
        return self._counted(template.screen_id, "template", tree, print_screen(tree), template.description)

    def _shown(self, saved: SavedScreen) -> Kept:
        tree = self._named(saved)
        kept = self._counted(saved.screen_id, "saved", tree, saved.text, sentence(tree))
        return replace(kept, leave_when=saved.leave_when)

    def _counted(self, screen_id: str, kind: str, tree: Screen, text: str, description: str) -> Kept:
        value = self._cache.get(NOW + screen_id)
        now = orjson.loads(value) if value else {}
        return Kept(screen_id, kind, tree, text, description, now.get("count"), now.get("as_of"))


def _total(screen: Screen, answer: ScreenAnswer) -> int:
    return answer.count if screen.limit is None else min(answer.count, screen.limit)


def read_columns(texts: Sequence[str], field: str) -> tuple[str, ...]:
    """Columns or an order in the language's own spelling, each once. RuleErrors of the first that is wrong."""
    found = []
    for text in texts:
        try:
            found.append(print_expression(_column_of(text)))
        except RuleErrors as error:
            error.facts["field"] = field
            raise
    return tuple(dict.fromkeys(found))


def _column_of(text: str) -> Expression:
    errors: list[InvalidRuleError] = []

    def report(position: Position, message: str, reason: str) -> None:
        errors.append(InvalidRuleError(message, position.line, position.column, reason=reason))

    node = read_text(text)
    judge_column(node, report)
    if errors:
        raise RuleErrors(errors)
    return node


def _with_columns(screen: Screen, columns: Sequence[str] | None) -> Screen:
    """The screen with other columns in the place of its own."""
    if columns:
        wanted = read_columns(columns, "columns")
        screen = replace(screen, columns=tuple(read_text(one) for one in wanted))
    if len(screen.columns) > MOST_COLUMNS:
        raise UserError(f"a screen may have {MOST_COLUMNS} columns", field="columns")
    return screen


def _name(name: str) -> str:
    called = name.strip()
    if not called:
        raise UserError("give the screen a name", field="name")
    if len(called) > MAX_NAME:
        raise UserError(f"a name may have {MAX_NAME} characters", field="name")
    if any(one.name.casefold() == called.casefold() for one in TEMPLATES.values()):
        raise ConflictError(f'there is a ready screen "{called}": choose another name', field="name")
    return called


def _leaves(text: str | None, market: Market, now: int) -> str | None:
    """The condition at which members leave, in the language's own spelling; None where nothing is said of it."""
    if text is None or not text.strip():
        return None
    try:
        tree = parse_screen(text)
        settled(tree, market, now)
        compile_screen(tree)
    except UserError as error:
        error.facts["field"] = "leave_when"
        raise
    if tree != Screen("", "", tree.when):
        message = "write a condition alone: who is looked at, and in which order, the screen itself says"
        raise UserError(message, field="leave_when")
    return print_expression(tree.when)


def _definition(screen: dict[str, Any], leave_when: str | None) -> dict[str, Any]:
    return screen if leave_when is None else screen | {"leave_when": leave_when}


def _judged(tree: Screen) -> None:
    """RuleErrors or UserError where the screen could not be read again, or not be evaluated."""
    try:
        parse_screen(print_screen(tree))
    except RuleErrors as error:
        raise UserError(error.errors[0].message, field="name") from error
    compile_screen(tree)
