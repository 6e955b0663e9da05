"""A channel's card: what a person fills in, how fast it takes messages, and what may be shown of it again.

One source for the check of what was typed, for `/api/channels`, for the form in the browser and for the docs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from marketbell.core.alerts.pace import Pace
from marketbell.core.primitives.errors import UserError

FieldType = Literal["text", "secret", "url", "number", "email", "bool"]
LONGEST = 2_000
WAY = "way"
SECRET = "secret"  # noqa: S105 — the key of a reference
"""A value may be `{"secret": NAME}`: looked up when a message is sent, never stored with the channel."""

_EMAIL = re.compile(r"[^\s@,;<>\"'()\[\]\\]+@[^\s@,;<>\"'()\[\]\\]+\Z")
_URL = re.compile(
    r"https?://(?P<user>[^/?#]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#@:\[\]\s]+)(?::(?P<port>\d{1,5}))?(?:[/?#]\S*)?\Z",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*(#[A-Za-z0-9_.-]+)?\Z")
_LONGEST_NAME = 200
_LONGEST_EMAIL = 254
_LAST_PORT = 65_535
_HIDDEN = frozenset({"secret", "url", "email"})


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to fill in.

    `is_address`: it says where messages go, so it is told as a label only. `is_label`: the label is made of it, and
    it may be shown whole. `is_target`: secrets are sent to the
    place that it names, so a change of it asks for them again. `pattern` is a whole match; `words` are all that
    may stand there; `low`, `high` bound a number.
    """

    name: str
    label: str
    type: FieldType = "text"
    required: bool = False
    help: str = ""
    is_address: bool = False
    is_label: bool = False
    is_target: bool = False
    pattern: str = ""
    words: tuple[str, ...] = ()
    low: int = 0
    high: int = 0

    @property
    def is_public(self) -> bool:
        """True where the value may be shown again."""
        return not self.is_address and self.type not in _HIDDEN


@dataclass(frozen=True, slots=True)
class Way:
    """One of several ways to reach the same kind: `needs` must be filled, `may` can be."""

    name: str
    title: str
    needs: tuple[str, ...]
    may: tuple[str, ...] = ()
    help: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A kind of channel. `honours_key`: a repeat with the same id is told once. `sends_links`: its text can hold them.

    Where there are `ways`, a configuration says under "way" which it is; fields of other ways do not stand in it.
    """

    kind: str
    title: str
    fields: tuple[Field, ...] = ()
    pace: Pace = field(default_factory=Pace)
    honours_key: bool = False
    sends_links: bool = True
    ways: tuple[Way, ...] = ()
    help: str = ""


def checked(card: Card, config: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A configuration as it is stored. UserError naming the field that is wrong.

    `before` is the stored one that is edited: what is not given stays, None or "" takes it out.
    """
    fields = {one.name: one for one in card.fields}
    for name in config:
        if name not in fields and not (name == WAY and card.ways):
            known = ", ".join(fields) or "nothing"
            raise UserError(f"{card.title} has no field {name[:60]!r}; it has {known}", field=f"config.{name}")
    given = {name: _value(fields[name], value) for name, value in config.items() if name in fields}
    kept = {name: value for name, value in (before or {}).items() if name in fields and name not in given}
    filled = {name: value for name, value in (kept | given).items() if value is not None}
    way = _way(card, config, before, set(given) if before is None else set(filled))
    if way is not None:
        others = {name for one in card.ways for name in (*one.needs, *one.may)} - {*way.needs, *way.may}
        strange = sorted(name for name in others if given.get(name) is not None)
        if strange:
            raise UserError(f"{strange[0]} does not belong to “{way.title}”", field=f"config.{strange[0]}")
        filled = {name: value for name, value in filled.items() if name not in others}
    if before is not None:
        _asks_secrets_again(card, before, given, filled)
    required = {one.name for one in card.fields if one.required} | set(way.needs if way else ())
    for one in card.fields:
        if one.name in required and one.name not in filled:
            raise UserError(f"{card.title}: {one.label} is missing", field=f"config.{one.name}")
    return filled | ({WAY: way.name} if way is not None else {})


def label(card: Card, config: Mapping[str, Any]) -> str:
    """Where its messages go: enough to recognise the place, not enough to use it."""
    for one in card.fields:
        value = config.get(one.name) if one.is_address or one.is_label else None
        if isinstance(value, Mapping):
            return f"secret {value.get(SECRET, '')}"
        if value:
            return str(value) if one.is_label else _masked(one, str(value))
    return "…" if card.fields else "this app"


def public(card: Card, config: Mapping[str, Any]) -> dict[str, Any]:
    """What may be shown of a configuration: no address, no secret; names of secrets may."""
    shown = {one.name: config[one.name] for one in card.fields if one.name in config and one.is_public}
    shown |= {name: value for name, value in config.items() if isinstance(value, Mapping) and SECRET in value}
    return shown | ({WAY: config[WAY]} if WAY in config else {})


def _masked(one: Field, value: str) -> str:
    if one.type == "url":
        found = _URL.match(value)
        return f"{found['host'].lower()}/…" if found else "…"
    if one.type == "email":
        user, _, domain = value.rpartition("@")
        return f"{user[:1]}…@{domain}"
    if one.type == "secret":
        scheme, is_url, _ = value.partition("://")
        return f"{scheme}://…" if is_url else "…"
    return f"…{value[-4:]}" if len(value) > 6 else "…"


def _way(card: Card, config: Mapping[str, Any], before: Mapping[str, Any] | None, filled: set[str]) -> Way | None:
    if not card.ways:
        return None
    named = config.get(WAY) or (before or {}).get(WAY)
    if named is not None:
        for one in card.ways:
            if one.name == named:
                return one
        raise UserError(f"a way is {' or '.join(one.name for one in card.ways)}, not {named!r}", field=f"config.{WAY}")
    fitting = [one for one in card.ways if filled >= set(one.needs)]
    if not fitting:
        words = "; or ".join(f"{', '.join(one.needs)} ({one.title})" for one in card.ways)
        raise UserError(f"{card.title} needs {words}", field=f"config.{card.ways[0].needs[0]}")
    return max(fitting, key=lambda one: len(one.needs))


def _asks_secrets_again(
    card: Card, before: Mapping[str, Any], given: Mapping[str, Any], filled: Mapping[str, Any]
) -> None:
    """A stored secret must not travel to a place that was put in beside it later."""
    moved = [one for one in card.fields if one.is_target and filled.get(one.name) != before.get(one.name)]
    for one in card.fields:
        if moved and one.type == SECRET and one.name in filled and given.get(one.name) is None:
            raise UserError(
                f"{one.label} must be given again, because {moved[0].label} changed", field=f"config.{one.name}"
            )


def _value(one: Field, value: object) -> Any:
    if value is None or value == "":
        return None
    where = f"config.{one.name}"
    if isinstance(value, Mapping):
        return _reference(one, value, where)
    if one.type == "bool":
        if not isinstance(value, bool):
            raise UserError(f"{one.label} is true or false", field=where)
        return value
    if one.type == "number":
        return _number(one, value, where)
    if not isinstance(value, str):
        raise UserError(f"{one.label} is a text", field=where)
    text = value.strip()
    if len(text) > LONGEST or any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise UserError(f"{one.label} has at most {LONGEST} characters, all on one line", field=where)
    problem = _problem(one, text)
    if problem:
        raise UserError(f"{one.label} {problem}", field=where)
    return text or None


def _reference(one: Field, value: Mapping[Any, Any], where: str) -> dict[str, str]:
    name = value.get(SECRET)
    if one.type in {"bool", "number"} or set(value) != {SECRET} or not is_secret_name(name):
        raise UserError(f'{one.label} is a value, or {{"secret": NAME}} for a stored one', field=where)
    return {SECRET: str(name)}


def is_secret_name(name: object) -> bool:
    """True for `smtp`, `desk/slack`, `desk/slack#token`: no way out of the place where secrets lie."""
    return isinstance(name, str) and len(name) <= _LONGEST_NAME and _NAME.match(name) is not None


def _number(one: Field, value: object, where: str) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not (text.isascii() and text.isdigit()):
        raise UserError(f"{one.label} is a whole number", field=where)
    number = int(text) if len(text) < 10 else one.high + 1
    if one.high and not one.low <= number <= one.high:
        raise UserError(f"{one.label} lies between {one.low} and {one.high}", field=where)
    return number


def _problem(one: Field, text: str) -> str:
    """What is wrong with a text, as the end of a sentence; "" where nothing is."""
    if one.type == "url":
        return _url_problem(text)
    if one.type == "email" and not (text.isascii() and len(text) <= _LONGEST_EMAIL and _EMAIL.match(text)):
        return "is one address, like asha@example.com"
    if one.words and text not in one.words:
        return f"is {' or '.join(one.words)}"
    if one.pattern and not re.fullmatch(one.pattern, text):
        return f"looks different: {one.help}" if one.help else "looks different"
    return ""


def _url_problem(text: str) -> str:
    found = _URL.match(text)
    if found is None or not 0 < int(found["port"] or 443) <= _LAST_PORT:
        return "is an address that begins with https://"
    return "must not carry a user or password" if found["user"] else ""
