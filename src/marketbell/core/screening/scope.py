"""Among whom a screen looks."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from marketbell.core.language.tree import Scope, ScopeKind, Screen, Symbol
from marketbell.core.primitives.errors import UserError
from marketbell.core.screening.newest import Who

_NOBODY: Mapping[str, Sequence[str]] = {}


def rows_of(
    screen: Screen,
    who: Who,
    now: int,
    *,
    members: Mapping[str, Sequence[str]] = _NOBODY,
    kinds: Collection[str] = (),
    is_strict: bool = True,
) -> NDArray[np.bool_]:
    """A mask over the instruments of `who` that a screen looks among at `now` (ns UTC).

    `members`: keys of watchlists, under `watchlist:NAME`; of `kinds` alone where any are given. UserError for a name
    that nobody knows; without `is_strict` (a part of the market) it has no members.
    """
    found = np.zeros(len(who.instruments), np.bool_)
    rows = who.row_of
    for scope in screen.on:
        if scope.kind is ScopeKind.ALL:
            found[:] = True
        elif scope.kind is ScopeKind.NAMED:
            if is_strict or who.universes.has(scope.name):
                found |= who.universes.mask(scope.name, now)
        else:
            keys = _keys(scope, rows, members, is_strict=is_strict)
            found[[rows[key] for key in keys if key in rows]] = True
    if kinds:
        found &= who.of_kinds(kinds)
    return found


def _keys(
    scope: Scope, rows: Collection[str], members: Mapping[str, Sequence[str]], *, is_strict: bool
) -> Sequence[str]:
    if scope.kind is ScopeKind.SYMBOL:
        key = key_in(scope.symbol, rows)
        if key is None and is_strict:
            raise UserError(f"there is no instrument `{scope.symbol.key}` in this data")
        return [] if key is None else [key]
    if scope.kind is ScopeKind.WATCHLIST:
        listed = members.get(f"watchlist:{scope.name}")
        if listed is None:
            raise UserError(f'there is no watchlist "{scope.name}" here')
        return listed
    if scope.kind is ScopeKind.SCREEN:
        raise UserError(f'a screen looks among instruments, not among those of "{scope.name}": write its condition')
    return []  # a portfolio has no positions before there is a paper account


def key_in(symbol: Symbol, keys: Collection[str]) -> str | None:
    """The key of a symbol; without a venue the first that bears its name. None where nobody does."""
    if symbol.venue:
        return symbol.key if symbol.key in keys else None
    return next((key for key in keys if key.partition(":")[2] == symbol.name), None)
