"""Joins the rule service to its stores, and files of rules to the data that they are tried on."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from marketbell.core.language.errors import RuleErrors
from marketbell.core.language.reader import parse_file
from marketbell.core.language.tree import Rule, Screen
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import InvalidRuleError, UserError
from marketbell.core.rules.resolve import Market, commands, resolve
from marketbell.core.screening.templates import TEMPLATES
from marketbell.flows.rules.people import Gives, People, Screens, no_screens, nobody_knows
from marketbell.flows.rules.service import Budget, RuleService
from marketbell.ports.clock import Clock
from marketbell.ports.stores import LOCAL_OWNER, ChannelStore, InstrumentStore, RuleStore, WatchlistStore


def people(
    instruments: InstrumentStore,
    watchlists: WatchlistStore,
    channels: ChannelStore,
    screens: Screens = no_screens,
    gives: Gives = nobody_knows,
) -> People:
    """What rules may name, and what the feeds give."""
    return People(instruments, watchlists, channels, screens, gives)


def rule_desk(rules: RuleStore, names: People, clock: Clock, budget: Budget | None = None) -> RuleService:
    """The use cases of rules over these stores."""
    return RuleService(rules, names, clock, budget)


def read_text(path: Path) -> str:
    """The text of a file. UserError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def read_file(name: str, text: str) -> list[Rule | Screen]:
    """The rules and screens of a file. InvalidRuleError with FILE:LINE:COLUMN of the first error."""
    try:
        return parse_file(text)
    except RuleErrors as error:
        raise _first(name, error, " more: marketbell rules check") from error


def file_commands(
    name: str,
    trees: Sequence[Rule | Screen],
    instruments: Iterable[Instrument],
    watchlists: Mapping[str, Sequence[str]],
) -> list[dict[str, Any]]:
    """Arm commands of a file's alerts for the instruments of a source; errors as in `read_file`.

    The file's screens can be named by its alerts, and the ready ones.
    """
    try:
        rules = [one for one in trees if isinstance(one, Rule)]
        return commands(rules, _market(trees, instruments, watchlists), LOCAL_OWNER)
    except RuleErrors as error:
        raise _first(name, error, " more") from error


def keys_of(
    name: str,
    trees: Sequence[Rule | Screen],
    instruments: Iterable[Instrument],
    watchlists: Mapping[str, Sequence[str]],
) -> list[tuple[str, ...]]:
    """The instruments of a source that each rule and screen of a file is about; errors as in `read_file`."""
    market = _market(trees, instruments, watchlists)
    try:
        return [resolve(one, market).keys for one in trees]
    except RuleErrors as error:
        raise _first(name, error, " more") from error


def _market(
    trees: Sequence[Rule | Screen], instruments: Iterable[Instrument], watchlists: Mapping[str, Sequence[str]]
) -> Market:
    screens = {one.name: one.screen for one in TEMPLATES.values()}
    screens |= {one.name: one for one in trees if isinstance(one, Screen)}
    hint = "recorded data have none; name its members with --watchlist NAME=NSE:A,NSE:B"
    return Market(instruments, watchlists, screens, lists_hint=hint)


def _first(name: str, error: RuleErrors, more: str) -> InvalidRuleError:
    first, others = error.errors[0], len(error.errors) - 1
    also = f" (and {others}{more}{f' {name}' if more.endswith('check') else ''})" if others else ""
    message = f"{name}:{first.line}:{first.column}: {first.message}{also}"
    return InvalidRuleError(message, first.line, first.column, **first.facts)
