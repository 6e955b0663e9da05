"""Screens for a person: the ready ones and those that the person keeps; ask one, keep one, see who came and went.

Keeping a screen stores it and its command for the ordered log in one transaction; it stands in the stream when the log
has it. A text that nobody keeps is asked once and forgotten.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

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
from marketbell.core.rules.words import sentence
from marketbell.core.screening.templates import TEMPLATES, Template
from marketbell.flows.market_views.numbers import NS, utc
from marketbell.flows.market_views.paging import decode_cursor, encode_cursor
from marketbell.flows.market_views.reader import Market as View
from marketbell.flows.rules.people import People
from marketbell.flows.screening import results
from marketbell.flows.screening.settling import settled
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.screens import NOW, ScreenAnswer, ScreenRequest
from marketbell.ports.stores import SavedScreen, ScreenStore

DAY_NS = 86_400 * NS
MOST_SCREENS = 200
"""That one owner may keep: each of them stands in the stream."""
MOST_COLUMNS = 40
_DATE = len("2021-04-28")

Ask = Callable[[ScreenRequest], ScreenAnswer]
"""Puts the question to the stream and waits; see flows/market_views/screens.py."""


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wants to see: a text or a screen by its id, with other columns and another order.

    `as_of` is a date (2021-04-28: the end of that day at the venue) or a time; None is now. `columns`, where given,
    take the place of the screen's own.
    """

    text: str | None = None
    screen_id: str | None = None
    as_of: str | None = None
    columns: Sequence[str] | None = None
    sort: str | None = None
    descending: bool = False
    limit: int = 100
    cursor: str | None = None


class ScreenService:
    """The use cases of screens. Errors are UserErrors, those of texts with line and column."""

    def __init__(self, screens: ScreenStore, people: People, cache: Cache, clock: Clock, ask: Ask) -> None:
        self._screens = screens
        self._people = people
        self._cache = cache
        self._clock = clock
        self._ask = ask

    # --- keeping -------------------------------------------------------------------------------------

    def all(self, owner_id: str) -> list[dict[str, Any]]:
        """The ready screens, then the owner's own, oldest first, each with how many are in it now."""
        ready = [self._ready(one) for one in TEMPLATES.values()]
        return ready + [self._shown(one) for one in self._screens.all(owner_id)]

    def one(self, owner_id: str, screen_id: str) -> dict[str, Any]:
        """A ready screen or one of the owner's. NotFoundError."""
        template = TEMPLATES.get(screen_id)
        return self._ready(template) if template else self._shown(self._mine(owner_id, screen_id))

    def save(self, owner_id: str, name: str, text: str) -> dict[str, Any]:
        """Keep a new screen under a name; the text may be a condition alone. RuleErrors, ConflictError."""
        if len(self._screens.all(owner_id)) >= MOST_SCREENS:
            raise UserError(f"{MOST_SCREENS} screens may be kept: delete one first", field="name")
        return self._shown(self._keep(owner_id, uuid4().hex, name, text))

    def change(self, owner_id: str, screen_id: str, name: str, text: str) -> dict[str, Any]:
        """Another name or text for one of the owner's screens. RuleErrors, ConflictError, NotFoundError."""
        if screen_id in TEMPLATES:
            raise ConflictError("a ready screen stays as it is: save it under a name of yours")
        self._mine(owner_id, screen_id)
        return self._shown(self._keep(owner_id, screen_id, name, text))

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
                definition = to_json(settled(tree, self._people.market(owner_id), self._clock.now()))
            except RuleErrors:
                continue
            if definition != saved.definition:
                self._screens.put(replace(saved, definition=definition, updated_at=0))
                changed.append(saved.screen_id)
        return changed

    # --- asking --------------------------------------------------------------------------------------

    def run(self, owner_id: str, asked: Question, view: View) -> dict[str, Any]:
        """A page of who meets a screen, with counts of its parts and of what is not known (contract of the API)."""
        kept = self._asked(owner_id, asked)
        screen = _with_columns(kept, asked.columns)
        market = self._people.market(owner_id)
        as_of = moment(asked.as_of, view)
        order = read_columns([asked.sort], "sort")[0] if asked.sort else None
        template = TEMPLATES.get(asked.screen_id or "")
        offset = decode_cursor(asked.cursor, int)[0] if asked.cursor else 0
        most = asked.limit if screen.limit is None else min(asked.limit, max(0, screen.limit - offset))
        request = ScreenRequest(
            to_json(settled(screen, market, self._clock.now() if as_of is None else as_of)),
            columns=results.PRICED if as_of is not None else (),
            order_by=order,
            is_descending=asked.descending,
            limit=max(1, most),
            offset=max(0, offset),
            as_of=as_of,
            kinds=() if template is None else template.kinds,
        )
        answer = self._ask(request)
        is_past = as_of is not None
        total = answer.count if screen.limit is None else min(answer.count, screen.limit)
        rows = results.items(answer, view, is_past=is_past)[:most]
        end = offset + len(rows)
        return {
            "items": rows,
            "columns": [_column(one) for one in results.shown_columns(answer, is_past=is_past)],
            "count": answer.count,
            "text": print_screen(kept),
            "condition": print_expression(screen.when),
            "chips": results.chips(answer),
            "unknown": results.unknown(answer),
            "as_of": utc(answer.as_of),
            "source": view.source,
            "took_ms": answer.took_ms,
            "next_cursor": encode_cursor(end) if rows and end < total else None,
        }

    def keys(self, owner_id: str, text: str, limit: int, offset: int) -> tuple[list[str], int]:
        """Keys of those who meet a text now, in its order, from `offset` on; and how many they are in all."""
        screen = replace(parse_screen(text), columns=())
        definition = to_json(settled(screen, self._people.market(owner_id), self._clock.now()))
        answer = self._ask(ScreenRequest(definition, limit=limit, offset=offset))
        total = answer.count if screen.limit is None else min(answer.count, screen.limit)
        return [row.key for row in answer.rows][: max(0, total - offset)], total

    # --- who came and went ---------------------------------------------------------------------------

    def history(self, owner_id: str, screen_id: str, days: int, view: View) -> list[dict[str, Any]]:
        """Who entered and left a screen in the last days of the market's clock, newest first. NotFoundError."""
        if screen_id not in TEMPLATES:
            self._mine(owner_id, screen_id)
        found = self._screens.history(screen_id, self._since(days, view))
        by_id = {int(one.instrument_id): one for one in view.universe.by_key.values()}
        return [
            {"instrument": one.key, "symbol": one.symbol, "event": event, "at": utc(at)}
            for event, number, at in found
            if (one := by_id.get(number)) is not None
        ]

    def of_instrument(self, owner_id: str, instrument_id: int, days: int, view: View) -> list[dict[str, Any]]:
        """In which ready screens and screens of the owner an instrument was, the newest entry first."""
        names = {one.screen_id: one.name for one in TEMPLATES.values()}
        names |= {one.screen_id: one.name for one in self._screens.all(owner_id)}
        return [
            {
                "screen_id": one.screen_id,
                "name": names[one.screen_id],
                "entered_at": utc(one.entered_at),
                "left_at": utc(one.left_at),
            }
            for one in self._screens.held(instrument_id, self._since(days, view))
            if one.screen_id in names
        ]

    # --- parts ---------------------------------------------------------------------------------------

    def _mine(self, owner_id: str, screen_id: str) -> SavedScreen:
        found = self._screens.get(owner_id, screen_id)
        if found is None:
            raise NotFoundError(f"there is no screen {screen_id}")
        return found

    def _keep(self, owner_id: str, screen_id: str, name: str, text: str) -> SavedScreen:
        called = _name(name)
        tree = replace(parse_screen(text), name=called, screen_uid=screen_id)
        market = self._people.market(owner_id)
        _judged(tree)
        definition = to_json(settled(tree, market, self._clock.now()))
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

    def _ready(self, template: Template) -> dict[str, Any]:
        return self._info(template.screen_id, template.screen, "template", template.description)

    def _shown(self, saved: SavedScreen) -> dict[str, Any]:
        tree = self._named(saved)
        return self._info(saved.screen_id, tree, "saved", sentence(tree)) | {"text": saved.text}

    def _info(self, screen_id: str, tree: Screen, kind: str, description: str) -> dict[str, Any]:
        value = self._cache.get(NOW + screen_id)
        now = orjson.loads(value) if value else {}
        return {
            "screen_id": screen_id,
            "name": tree.name,
            "description": description,
            "text": print_screen(tree),
            "kind": kind,
            "condition": print_expression(tree.when),
            "columns": [print_expression(one) for one in tree.columns],
            "order_by": None if tree.order_by is None else print_expression(tree.order_by),
            "descending": tree.is_descending,
            "limit": tree.limit,
            "count": now.get("count"),
            "as_of": utc(now.get("as_of")),
        }

    def _since(self, days: int, view: View) -> int:
        return (view.clock or self._clock.now()) - days * DAY_NS


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


def moment(text: str | None, view: View) -> int | None:
    """A past day or time as ns UTC: of a date the end of that day where the venue is. None: now, also for today."""
    if text is None or not text.strip():
        return None
    word = text.strip()
    try:
        if len(word) == 10:
            zone = ZoneInfo(str((view.summary.get("session") or {}).get("zone") or "UTC"))
            found = datetime.combine(date.fromisoformat(word) + timedelta(days=1), time(), zone)
        else:
            found = datetime.fromisoformat(word)
    except ValueError:
        raise UserError(f"as_of must be a date like 2021-04-28, not {text!r}", field="as_of") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    at = int(found.timestamp()) * NS + found.microsecond * 1_000 - (len(word) == _DATE)  # midnight is of the next day
    return None if view.clock is not None and at >= view.clock else at


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


def _judged(tree: Screen) -> None:
    """RuleErrors or UserError where the screen could not be read again, or not be evaluated."""
    try:
        parse_screen(print_screen(tree))
    except RuleErrors as error:
        raise UserError(error.errors[0].message, field="name") from error
    compile_screen(tree)


def _column(column: Any) -> dict[str, Any]:
    return {name: column[name] for name in ("expression", "label", "type", "unit")}
