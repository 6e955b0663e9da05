"""A screen as the stream can hold it: its lists are written out, and a screen inside it is its conditions."""

from collections.abc import Sequence
from dataclasses import replace

from marketbell.core.language import expression as ex
from marketbell.core.language.errors import LIMIT, NAME, RuleErrors
from marketbell.core.language.tree import Position, Scope, ScopeKind, Screen
from marketbell.core.primitives.errors import InvalidRuleError
from marketbell.core.rules.resolve import Market, resolve

MOST_INSIDE = 8
"""How deep screens may stand in screens."""


def settled(screen: Screen, market: Market, now: int = 0) -> Screen:
    """The screen without watchlists and screens in its `on`: symbols and conditions in their place.

    `now` is ns UTC. RuleErrors where a name means nothing, a list is empty, or a screen stands beside something else.
    """
    resolve(screen, market, now)
    return _settled(screen, market, 0)


def _settled(screen: Screen, market: Market, depth: int) -> Screen:
    inside = next((one for one in screen.on if one.kind is ScopeKind.SCREEN), None)
    if inside is None:
        return replace(screen, on=_written_out(screen.on, market))
    if len(screen.on) > 1:
        raise _wrong(inside.position, "a screen stands alone behind `on`: write its condition instead", NAME)
    if depth == MOST_INSIDE:
        raise _wrong(inside.position, f"more than {MOST_INSIDE} screens stand in each other here", LIMIT)
    if inside.name not in market.screens:
        raise _wrong(inside.position, f'there is no screen "{inside.name}"', NAME)
    other = _settled(market.screens[inside.name], market, depth + 1)
    return replace(screen, on=other.on, where=_all_of(other.where, other.when, screen.where))


def _written_out(scopes: Sequence[Scope], market: Market) -> tuple[Scope, ...]:
    found: list[Scope] = []
    for scope in scopes:
        if scope.kind is not ScopeKind.WATCHLIST:
            found.append(scope)
            continue
        keys = market.watchlists.get(scope.name, ())
        if not keys:
            raise _wrong(scope.position, f'the watchlist "{scope.name}" is empty', NAME)
        for key in keys:
            venue, _, symbol = key.partition(":")
            found.append(Scope(ScopeKind.SYMBOL, symbol, venue))
    return tuple(dict.fromkeys(found))


def _all_of(*conditions: ex.Expression | None) -> ex.Expression:
    """One `and` of all that are there."""
    parts: list[ex.Expression] = []
    for one in conditions:
        if isinstance(one, ex.Logic) and one.operator == "and":
            parts += one.parts
        elif one is not None:
            parts.append(one)
    return parts[0] if len(parts) == 1 else ex.Logic("and", tuple(parts))


def _wrong(position: Position, message: str, reason: str) -> RuleErrors:
    return RuleErrors([InvalidRuleError(message, position.line, position.column, reason=reason)])
