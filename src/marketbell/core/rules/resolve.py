"""Which instrument a rule's symbol means."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from marketbell.core.language.errors import NAME, RuleErrors
from marketbell.core.language.literals import write_symbol
from marketbell.core.language.tree import Rule, Symbol
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import InvalidRuleError
from marketbell.core.rules.arming import arm_command

_SHOWN = 5


def resolve(symbol: Symbol, instruments: Iterable[Instrument]) -> Instrument:
    """The one instrument that a symbol names; a symbol without a venue must be known on one venue only.

    InvalidRuleError at the symbol's place: with the candidates where there are several, with the
    nearest names where there is none.
    """
    universe = list(instruments)
    if symbol.venue:
        found = [item for item in universe if item.key == symbol.key]
    else:
        found = [item for item in universe if item.symbol == symbol.name]
    if len(found) == 1:
        return found[0]
    line, column = symbol.position.line, symbol.position.column
    if found:
        keys = sorted(item.key for item in found)
        shown = ", ".join(keys[:_SHOWN])
        raise InvalidRuleError(f"`{symbol.name}` is traded on several venues: write one of {shown}", line, column)
    near = _near(symbol, universe)
    hint = f": did you mean {near}?" if near else ""
    raise InvalidRuleError(
        f"there is no instrument `{write_symbol(symbol)}` in the data{hint}", line, column, reason=NAME
    )


def commands(rules: Sequence[Rule], instruments: Iterable[Instrument], owner_id: str) -> list[dict[str, Any]]:
    """The arm commands of a file's rules, version 1. RuleErrors where symbols name no instrument."""
    universe = list(instruments)
    errors: list[InvalidRuleError] = []
    armed: list[dict[str, Any]] = []
    for rule in rules:
        try:
            armed.append(arm_command(rule, resolve(rule.universe, universe), owner_id))
        except InvalidRuleError as error:
            errors.append(error)
    if errors:
        raise RuleErrors(errors)
    return armed


def _near(symbol: Symbol, universe: list[Instrument]) -> str:
    others = [write_symbol(Symbol(item.symbol, item.venue)) for item in universe if item.symbol == symbol.name]
    if others:
        return " or ".join(sorted(others)[:_SHOWN])
    by_symbol = {item.symbol.upper(): item for item in universe}
    close = get_close_matches(symbol.name.upper(), list(by_symbol), n=2, cutoff=0.6)
    return " or ".join(write_symbol(Symbol(by_symbol[name].symbol, by_symbol[name].venue)) for name in close)
