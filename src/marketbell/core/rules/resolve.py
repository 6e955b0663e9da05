"""What the names in a rule mean: which instruments, whose watchlist, which screen.

The language does not know who there is; that is judged here, where a rule meets the market that it is armed in.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from marketbell.core.engine.universes import Universes
from marketbell.core.language import expression as ex
from marketbell.core.language.errors import NAME, RuleErrors
from marketbell.core.language.json_form import to_json
from marketbell.core.language.literals import write_symbol
from marketbell.core.language.tree import Position, Rule, Scope, ScopeKind, Screen, Symbol, expressions
from marketbell.core.language.vocabulary import nearest
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import InvalidRuleError, UserError
from marketbell.core.rules.arming import arm_command

_SHOWN = 5
_NO_LISTS: Mapping[str, Sequence[str]] = {}
_NO_SCREENS: Mapping[str, Screen] = {}


class Market:
    """Who there is: instruments, and a person's watchlists (keys by name) and screens (by name)."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        watchlists: Mapping[str, Sequence[str]] = _NO_LISTS,
        screens: Mapping[str, Screen] = _NO_SCREENS,
        *,
        lists_hint: str = "",
        gives: Collection[str] | None = None,
    ) -> None:
        """`lists_hint` is said where there is no watchlist at all. `gives`: what its feeds give, None unknown."""
        self.gives = gives
        self.instruments = list(instruments)
        self.universes = Universes(self.instruments)
        self.watchlists = watchlists
        self.screens = screens
        self.lists_hint = lists_hint
        self._by_key = {one.key: one for one in self.instruments}
        self._by_symbol: dict[str, list[Instrument]] = {}
        for one in self.instruments:
            self._by_symbol.setdefault(one.symbol, []).append(one)

    def instrument(self, symbol: Symbol) -> Instrument:
        """The one instrument that a symbol names; without a venue it must be known on one venue only.

        InvalidRuleError at the symbol's place: with the candidates where there are several, with the nearest names
        where there is none.
        """
        found = self._by_symbol.get(symbol.name, [])
        if symbol.venue:
            found = [one for one in found if one.key == symbol.key]
        if len(found) == 1:
            return found[0]
        if found:
            keys = ", ".join(sorted(one.key for one in found)[:_SHOWN])
            raise _wrong(symbol.position, f"`{symbol.name}` is traded on several venues: write one of {keys}")
        near = self._near(symbol)
        hint = f": did you mean {near}?" if near else ""
        raise _wrong(symbol.position, f"there is no instrument `{write_symbol(symbol)}` in the data{hint}")

    def with_screens(self, more: Mapping[str, Screen]) -> "Market":
        """The same with other screens beside its own."""
        if not more:
            return self
        found = copy(self)
        found.screens = {**self.screens, **more}
        return found

    def key(self, symbol: Symbol) -> str:
        """The key of a symbol; see `instrument`."""
        return self.instrument(symbol).key

    def _near(self, symbol: Symbol) -> str:
        others = sorted(write_symbol(Symbol(one.symbol, one.venue)) for one in self._by_symbol.get(symbol.name, ()))
        if others:
            return " or ".join(others[:_SHOWN])
        name = nearest(symbol.name.upper(), list(self._by_symbol))
        return (
            ""
            if name is None
            else " or ".join(write_symbol(Symbol(one.symbol, one.venue)) for one in self._by_symbol[name])
        )

    def members(self, universe: str, at: int) -> list[str]:
        """Keys of an index, sector or list, as the rows stand. UserError where nobody knows it."""
        mask = self.universes.mask(universe, at)
        return [one.key for one, is_in in zip(self.instruments, mask.tolist(), strict=True) if is_in]


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a rule's names mean. `keys` are the instruments that it is about now, sorted.

    `instrument` is the only one that it can be about, None where it names lists. `members` and `screens` go into its
    command (see arming.py).
    """

    keys: tuple[str, ...]
    instrument: Instrument | None = None
    members: Mapping[str, Sequence[str]] = field(default_factory=dict)
    screens: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def resolve(tree: Rule | Screen, market: Market, now: int = 0) -> Resolved:
    """What the names of a tree mean at `now` (ns UTC). RuleErrors with everything that nobody knows."""
    errors: list[InvalidRuleError] = []
    keys: set[str] = set()
    members: dict[str, Sequence[str]] = {}
    screens: dict[str, Mapping[str, Any]] = {}
    for scope in tree.on:
        try:
            keys.update(_scope(scope, market, now, members, screens))
        except InvalidRuleError as error:
            errors.append(error)
    for _, expression in expressions(tree):
        errors += _strangers(expression, market, now)
    if errors:
        raise RuleErrors(errors)
    only = tree.on[0] if len(tree.on) == 1 and tree.on[0].kind is ScopeKind.SYMBOL else None
    instrument = None if only is None else market.instrument(only.symbol)
    return Resolved(tuple(sorted(keys)), instrument, members, screens)


def commands(rules: Sequence[Rule], market: Market, owner_id: str, now: int = 0) -> list[dict[str, Any]]:
    """The arm commands of a file's rules, version 1. RuleErrors where names mean nothing in this market."""
    errors: list[InvalidRuleError] = []
    armed: list[dict[str, Any]] = []
    for rule in rules:
        try:
            found = resolve(rule, market, now)
        except RuleErrors as error:
            errors += error.errors
        else:
            armed.append(arm_command(rule, found.instrument, owner_id, members=found.members, screens=found.screens))
    if errors:
        raise RuleErrors(errors)
    return armed


def _scope(
    scope: Scope,
    market: Market,
    now: int,
    members: dict[str, Sequence[str]],
    screens: dict[str, Mapping[str, Any]],
) -> Sequence[str]:
    """Keys of one scope; lists and screens are noted."""
    if scope.kind is ScopeKind.SYMBOL:
        return [market.key(scope.symbol)]
    if scope.kind is ScopeKind.ALL:
        return [one.key for one in market.instruments]
    if scope.kind is ScopeKind.NAMED:
        try:
            return market.members(scope.name, now)
        except UserError as error:
            raise _wrong(scope.position, error.message) from error
    if scope.kind is ScopeKind.WATCHLIST:
        if scope.name not in market.watchlists:
            hint = _hint(scope.name, market.watchlists) or (f": {market.lists_hint}" if market.lists_hint else "")
            raise _wrong(scope.position, f'there is no watchlist "{scope.name}"{hint}')
        members[f"watchlist:{scope.name}"] = list(market.watchlists[scope.name])
        return market.watchlists[scope.name]
    if scope.kind is ScopeKind.SCREEN:
        screen = market.screens.get(scope.name)
        if screen is None:
            hint = _hint(scope.name, market.screens)
            raise _wrong(scope.position, f'there is no screen "{scope.name}"{hint}')
        screens[scope.name] = to_json(screen)
        return [key for one in screen.on for key in _scope(one, market, now, {}, {})]
    return []  # a portfolio: its positions come and go


def _strangers(expression: ex.Expression, market: Market, now: int) -> Iterator[InvalidRuleError]:
    """Symbols and universes in an expression that nobody knows."""
    for node in ex.walk(expression):
        symbol = node.symbol if isinstance(node, (ex.Field, ex.Call)) else None
        if symbol is not None:
            try:
                market.instrument(symbol)
            except InvalidRuleError as error:
                yield error
        if isinstance(node, ex.Universe):
            try:
                market.universes.mask(node.name, now)
            except UserError as error:
                yield _wrong(node.position, error.message)


def _hint(name: str, names: Iterable[str]) -> str:
    near = nearest(name, list(names))
    return f": did you mean “{near}”?" if near else ""


def _wrong(position: Position, message: str) -> InvalidRuleError:
    return InvalidRuleError(message, position.line, position.column, reason=NAME)
