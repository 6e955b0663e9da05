"""A screen over a recorded source: the source runs through the engine up to a moment, and the screen is read there."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.beyond import is_far
from marketbell.core.engine.engine import Engine
from marketbell.core.language.errors import RuleErrors
from marketbell.core.language.expression_reader import read_text
from marketbell.core.language.reader import parse_screen
from marketbell.core.language.tree import Screen
from marketbell.core.primitives.errors import InvalidRuleError, UserError
from marketbell.core.screening.compiled import Compiled, compiled, widened
from marketbell.core.screening.table import Found, Screener
from marketbell.core.screening.templates import TEMPLATES
from marketbell.flows.stream.replay import CHUNK, frame_of
from marketbell.ports.feeds import PacedFeed

_END = (1 << 63) - 1
_NANOS = 1_000_000_000
_DAY = len("2018-01-31")


def read(text: str) -> Screen:
    """A screen of an expression, a `screen "…"` text or the id of a template. InvalidRuleError with its place."""
    if text.strip() in TEMPLATES:
        return TEMPLATES[text.strip()].screen
    try:
        return parse_screen(text)
    except RuleErrors as error:
        first, others = error.errors[0], len(error.errors) - 1
        more = f" (and {others} more)" if others else ""
        message = f"{first.line}:{first.column}: {first.message}{more}"
        raise InvalidRuleError(message, first.line, first.column, **first.facts) from error


def moment(text: str | None, zone: str) -> int | None:
    """A date (the end of that day there) or an ISO time as ns UTC; UserError where it is neither."""
    if text is None:
        return None
    word = text.strip()
    try:
        if len(word) == _DAY:
            found = datetime.combine(date.fromisoformat(word) + timedelta(days=1), time(), ZoneInfo(zone))
            return _nanoseconds(found) - 1
        found = datetime.fromisoformat(word)
    except ValueError:
        raise UserError(
            f"--as-of takes a date like 2018-01-31 or a time like 2018-01-31T15:30+05:30, not {text!r}"
        ) from None
    return _nanoseconds(found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone)))


def _nanoseconds(at: datetime) -> int:
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * _NANOS + since.microseconds * 1_000


def screened(feed: PacedFeed, engine: Engine, screen: Screen, as_of: int | None, limit: int) -> Found:
    """Who meets the screen at `as_of` (ns UTC), or at the source's end. UserError where it cannot be evaluated here."""
    engine.define(list(feed.instruments()))
    screen = with_columns(screen)
    screener = Screener(engine)
    prepared = screener.prepared(screen)
    _watch(engine, prepared.compiled)
    engine.apply([frame_of(batch.kind, batch.columns, 0, 0, batch.payload) for batch in feed.reference()])
    feed.seek(0)
    position = 0
    while batches := feed.advance(_END if as_of is None else as_of, CHUNK):
        frames = []
        for batch in batches:
            frames.append(frame_of(batch.kind, batch.columns, position, batch.position, batch.payload))
            position = batch.position
        engine.apply(frames)
    now = (feed.end_time or 0) if as_of is None else as_of
    engine.apply([Frame(FrameKind.HEARTBEAT, 0, 0, 0, 0, now, now, 0, {}, b"")])
    if as_of is None:
        engine.finish()
    return screener.find(screen, limit=limit, is_every_screen_aged=True)


def _watch(engine: Engine, screen: Compiled) -> None:
    """Compute the screen's series from the source's first bar on, however long they look back."""
    if screen.closed is not None and not is_far(screen.closed):
        engine.series.watch("screen", screen.closed, engine.tick_state())


def with_columns(screen: Screen) -> Screen:
    """The screen with the values of its conditions as columns, where it names none."""
    if screen.columns:
        return screen
    parts = compiled(screen).plan.parts
    shown = {
        one.text: one.node
        for one in parts
        if one.kind == "value" and one.role in {"when", "where"} and parts[one.parent].kind == "condition"
    }
    texts = ["symbol", "close", *(text for text in shown if text != "close")]
    return widened(screen, tuple(shown.get(text) or read_text(text) for text in texts), None, is_descending=False)
