"""Rules for a person: write one, arm it, change it, look at it, take it out, carry it away, bring a whole file.

Arming stores the rule and its command for the ordered log in one transaction; the engine has it when the log does.
A file in git is the truth of its group: `bring` arms what is new or changed and, when asked, takes out what is gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from marketbell.core.language import expression as ex
from marketbell.core.language.defaults import effective
from marketbell.core.language.errors import LIMIT, RuleErrors
from marketbell.core.language.expression_printer import print_expression
from marketbell.core.language.json_form import from_json, to_json
from marketbell.core.language.printer import print_file, print_rule, print_scopes, print_timing
from marketbell.core.language.reader import MAX_NAME, parse_file, parse_rule, rule_uid
from marketbell.core.language.tree import (
    Direction,
    Fire,
    Rule,
    Scope,
    ScopeKind,
    Screen,
    Timing,
    TimingKind,
)
from marketbell.core.primitives.errors import InvalidRuleError, NotFoundError, UserError
from marketbell.core.rules.arming import ARM_LEVEL, arm_command
from marketbell.core.rules.cost import Cost, cost_of, marks, plan_document
from marketbell.core.rules.level_form import as_level
from marketbell.core.rules.resolve import Market, Resolved, resolve
from marketbell.core.rules.words import sentence
from marketbell.flows.rules.people import People
from marketbell.flows.rules.reading import compiled_tree
from marketbell.ports.clock import Clock
from marketbell.ports.stores import EVERYWHERE, RuleStore, RuleVersion, StoredRule

MAX_PRICE = 1e12
LIVING = frozenset({"armed", "fired"})


@dataclass(frozen=True, slots=True)
class Budget:
    """What one owner may arm: so many rules, and so many evaluations of sub-expressions a day."""

    rules: int = 200_000
    evaluations_per_day: int = 50_000_000_000


@dataclass(frozen=True, slots=True)
class Brought:
    """What a file changed. `items` are its rules as they stand now."""

    armed: int
    changed: int
    unchanged: int
    disarmed: int
    items: tuple[StoredRule, ...]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A rule that could be armed now."""

    rule: Rule
    found: Resolved
    cost: Cost


class RuleService:
    """The use cases of rules. Errors are UserErrors, those of texts with line and column."""

    def __init__(self, rules: RuleStore, people: People, clock: Clock, budget: Budget | None = None) -> None:
        self._rules = rules
        self._people = people
        self._clock = clock
        self._budget = budget or Budget()

    # --- arming --------------------------------------------------------------------------------------

    def arm(self, owner_id: str, text: str, notify: Sequence[str] | None = None, group: str = "") -> StoredRule:
        """Arm the one rule of a text. `notify` (kinds, `kind:name` or channel ids) replaces its own channels."""
        return self._arm(owner_id, self._told(owner_id, parse_rule(text), notify), group)

    def edit(self, owner_id: str, uid: str, text: str, notify: Sequence[str] | None = None) -> StoredRule:
        """The next version of a rule: it starts idle. NotFoundError where the owner has none of that id."""
        old = self.one(owner_id, uid)
        rule = replace(parse_rule(text), rule_uid=uid)
        return self._arm(owner_id, self._told(owner_id, rule, notify), old.group)

    def arm_again(self, owner_id: str, uid: str) -> StoredRule:
        """Arm a rule that was disabled, fired or expired, as its next version."""
        old = self.one(owner_id, uid)
        if old.state == "fired":
            self._rules.disarm(owner_id, uid)
        return self._arm(owner_id, self._told(owner_id, tree_of(old), None), old.group)

    def begin_anew(self, owner_id: str, uid: str) -> StoredRule:
        """Let a rule begin anew whatever its state, as its next version: it starts idle on every instrument."""
        if self.one(owner_id, uid).state == "armed":
            self._rules.disarm(owner_id, uid)
        return self.arm_again(owner_id, uid)

    def arm_file(self, owner_id: str, text: str, group: str = "") -> list[StoredRule]:
        """Arm every rule of a file, or none of them where one is wrong."""
        return list(self.bring(owner_id, text, group).items)

    def arm_form(
        self,
        owner_id: str,
        *,
        name: str,
        instrument: str,
        direction: Direction,
        level: float,
        notify: Sequence[str] | None = None,
    ) -> StoredRule:
        """Arm what a form of a price level says. The tree is the same as that of the text."""
        venue, colon, symbol = instrument.strip().partition(":")
        if not colon:
            venue, symbol = "", venue
        if not symbol:
            raise UserError("which instrument? (NSE:RELIANCE)", field="instrument")
        if direction not in {"above", "below"}:
            raise UserError("direction must be above or below", field="direction")
        if not 0 < level < MAX_PRICE:
            raise UserError("level must be a price above 0", field="level")
        if len(name) > MAX_NAME:
            raise UserError(f"a name may have {MAX_NAME} characters", field="name")
        cross = ex.Crosses(ex.Field("close"), direction, ex.Number(level))
        scope = Scope(ScopeKind.SYMBOL, symbol, venue)
        tree = Rule(name, rule_uid(name), (scope,), cross, at=Timing(TimingKind.TICK), fire=Fire.ONCE)
        try:
            rule = parse_rule(print_rule(tree))
        except RuleErrors as error:
            raise UserError(error.errors[0].message, field="name") from error
        told = self._told(owner_id, rule, notify)
        try:
            return self._arm(owner_id, told, "")
        except RuleErrors as error:
            raise UserError(error.errors[0].message, field="instrument") from error

    def bring(self, owner_id: str, text: str, group: str = "", *, prune: bool = False) -> Brought:
        """Arm every rule of a file as the truth of its group, or none of them where one is wrong.

        What is the same stays as it is, in the middle of a hold too. With `prune` the rules of the group that the
        file does not name are disarmed. Screens of the file can be named by its rules; they are not kept. RuleErrors.
        """
        trees = parse_file(text)
        rules = [one for one in trees if isinstance(one, Rule)]
        if not rules and not prune:
            raise UserError("there is no rule in this file", field="text")
        if prune and not group:
            raise UserError("which group? only the rules of a group can be pruned", field="group")
        screens = {one.name: one for one in trees if isinstance(one, Screen)}
        told = [self._told(owner_id, rule, None) for rule in rules]
        ready = self._ready(told, self._people.market(owner_id, screens))
        known = {one.rule_uid: one for one in self._rules.all(owner_id)}
        self._afford(known, ready)
        items, counts = [], {"armed": 0, "changed": 0, "unchanged": 0}
        for one in ready:
            old = known.get(one.rule.rule_uid)
            new = self._store(owner_id, one, group)
            kind = "armed" if old is None or old.state not in LIVING else "changed"
            counts["unchanged" if old is not None and old.version == new.version else kind] += 1
            items.append(new)
        named = {one.rule_uid for one in items}
        gone = [
            self._rules.disarm(owner_id, one.rule_uid)
            for one in known.values()
            if prune and one.group == group and one.rule_uid not in named and one.state != "disabled"
        ]
        return Brought(**counts, disarmed=len(gone), items=tuple(items))

    def follow(self, owner_id: str) -> list[StoredRule]:
        """The owner's watchlists or screens changed: arm anew what names them and has other members now.

        A rule whose list is gone stays as it is and bears the problem.
        """
        market: Market | None = None
        changed, problems = [], {}
        for stored in self._rules.all(owner_id):
            if stored.state != "armed" or not about(stored).get("has_lists"):
                continue
            market = market or self._people.market(owner_id)
            try:
                (one,) = self._ready([tree_of(stored)], market)
            except RuleErrors as error:
                problems[stored.rule_uid] = error.errors[0].message
                continue
            new = self._store(owner_id, one, stored.group)
            if new.version != stored.version:
                changed.append(new)
            elif stored.problem:
                problems[stored.rule_uid] = ""
        if problems:
            self._rules.mark_problem(problems)
        return changed

    # --- looking -------------------------------------------------------------------------------------

    def disarm(self, owner_id: str, uid: str) -> StoredRule:
        """Take a rule out of the engine; what it fired stays. NotFoundError where the owner has none of that id."""
        return self._rules.disarm(owner_id, uid)

    def one(self, owner_id: str, uid: str) -> StoredRule:
        """The owner's rule. NotFoundError."""
        found = self._rules.get(owner_id, uid)
        if found is None:
            raise NotFoundError(f"there is no rule {uid}")
        return found

    def all(self, owner_id: str) -> list[StoredRule]:
        """The owner's rules, newest first."""
        return sorted(self._rules.all(owner_id), key=lambda rule: (-rule.created_at, rule.rule_uid))

    def versions(self, owner_id: str, uid: str) -> list[RuleVersion]:
        """Every wording of a rule, newest first. NotFoundError."""
        found = self._rules.versions(owner_id, uid)
        if not found:
            raise NotFoundError(f"there is no rule {uid}")
        return found

    def explain(self, owner_id: str, uid: str) -> dict[str, Any]:
        """The plan of a stored rule, with how many of its sub-expressions other rules of the owner use too."""
        stored = self.one(owner_id, uid)
        tree = tree_of(stored)
        compiled = compiled_tree(tree)
        market = self._people.market(owner_id)
        try:
            symbols = len(resolve(tree, market, self._clock.now()).keys)
        except RuleErrors:
            symbols = 0
        mine = marks(compiled.plan)
        others: set[bytes] = set()
        for other in self._rules.all(owner_id):
            if other.rule_uid != uid and other.state in LIVING and about(other).get("kind") != "level":
                others |= marks(compiled_tree(tree_of(other)).plan)
                if others >= mine:
                    break
        return plan_document(tree, compiled, symbols, shared=len(mine & others), gives=market.gives)

    def export(self, owner_id: str, group: str | None = None) -> str:
        """The rules that are not disabled, as the text of a `.bell` file, each with its uid, oldest first."""
        kept = [rule for rule in self.all(owner_id) if rule.state != "disabled" and group in {None, rule.group}]
        return print_file(tree_of(rule) for rule in sorted(kept, key=lambda rule: (rule.created_at, rule.rule_uid)))

    # --- parts ---------------------------------------------------------------------------------------

    def _arm(self, owner_id: str, rule: Rule, group: str) -> StoredRule:
        ready = self._ready([rule], self._people.market(owner_id))
        self._afford({one.rule_uid: one for one in self._rules.all(owner_id)}, ready)
        return self._store(owner_id, ready[0], group)

    def _told(self, owner_id: str, rule: Rule, notify: Sequence[str] | None) -> Rule:
        """The rule with its channels looked up: a channel that is named must be there."""
        wanted = list(notify) if notify is not None else [str(channel) for channel in rule.notify]
        fallback = rule.fallback
        if fallback is not None:
            (fallback,) = self._people.channels(owner_id, [str(fallback)])
        return replace(rule, notify=self._people.channels(owner_id, wanted), fallback=fallback)

    def _ready(self, rules: Sequence[Rule], market: Market) -> list[_Ready]:
        """Rules whose names are known and that can be evaluated. RuleErrors with everything that is wrong."""
        errors: list[InvalidRuleError] = []
        found = []
        now = self._clock.now()
        for rule in rules:
            try:
                resolved = resolve(rule, market, now)
                found.append(_Ready(rule, resolved, cost_of(compiled_tree(rule), len(resolved.keys))))
            except RuleErrors as error:
                errors += error.errors
            except InvalidRuleError as error:
                errors.append(error)
        if errors:
            raise RuleErrors(errors)
        return found

    def _afford(self, known: Mapping[str, StoredRule], ready: Sequence[_Ready]) -> None:
        """UserError where these rules beside the others would be more than the owner's budget."""
        named = {one.rule.rule_uid for one in ready}
        others = [one for one in known.values() if one.state == "armed" and one.rule_uid not in named]
        if len(others) + len(ready) > self._budget.rules:
            raise _too_much(ready[0].rule, f"{self._budget.rules:,} rules may be armed at a time")
        spent = sum(int(about(one).get("cost", 0)) for one in others)
        for one in ready:
            spent += one.cost.total
            if spent > self._budget.evaluations_per_day:
                message = (
                    f"this is too much: {one.cost.symbols:,} instruments x {one.cost.sub_expressions:,} "
                    f"sub-expressions x {one.cost.moments:,.0f} evaluations a day, beside your other rules; "
                    f"{self._budget.evaluations_per_day:,} a day are allowed: name fewer instruments or longer bars"
                )
                raise _too_much(one.rule, message)

    def _store(self, owner_id: str, ready: _Ready, group: str) -> StoredRule:
        rule, found = ready.rule, ready.found
        command = arm_command(rule, found.instrument, owner_id, members=found.members, screens=found.screens)
        place = EVERYWHERE if found.instrument is None else int(found.instrument.instrument_id)
        stored = StoredRule(
            rule_uid=rule.rule_uid,
            owner_id=owner_id,
            name=rule.name,
            text=print_rule(rule),
            definition=to_json(rule) | _summary(command, ready),
            created_at=self._clock.now(),
            notify=tuple(command["notify"]),
            group=group,
        )
        return self._rules.arm(stored, place, command)


def _too_much(rule: Rule, message: str) -> InvalidRuleError:
    return InvalidRuleError(message, rule.position.line, rule.position.column, reason=LIMIT)


def tree_of(rule: StoredRule) -> Rule:
    """The tree of a stored rule."""
    tree = from_json(rule.definition)
    if not isinstance(tree, Rule):
        raise UserError(f"{rule.rule_uid} is no rule")
    return tree


def about(stored: StoredRule) -> dict[str, Any]:
    """What lists of rules show of one: `{kind (level or rule), condition, universe, timing, severity, sentence, …}`."""
    found = stored.definition.get("about")
    if isinstance(found, dict):
        return found
    tree = tree_of(stored)  # stored by a version that did not write it down
    return described(tree) | {"kind": "rule" if as_level(tree) is None else "level"}


def described(rule: Rule) -> dict[str, Any]:
    """A rule's clauses as texts, the defaults filled in."""
    whole = effective(rule)
    return {
        "condition": print_expression(rule.when),
        "universe": print_scopes(rule.on),
        "timing": "" if whole.at is None else print_timing(whole.at),
        "severity": whole.severity,
        "sentence": sentence(rule),
    }


def _summary(command: Mapping[str, Any], ready: _Ready) -> dict[str, Any]:
    """What tables and charts want to know without reading the tree."""
    is_level = command["type"] == ARM_LEVEL
    told: dict[str, Any] = {
        "definition_hash": command["definition_hash"],
        "about": described(ready.rule)
        | {
            "kind": "level" if is_level else "rule",
            "cost": ready.cost.total,
            "symbols": len(ready.found.keys),
            "has_lists": bool(ready.found.members or ready.found.screens),
        },
    }
    instrument = ready.found.instrument
    if instrument is not None:
        told |= {"instrument": instrument.key, "instrument_id": int(instrument.instrument_id)}
    if is_level:
        told |= {name: command[name] for name in ("field", "direction", "level")}
    return told
