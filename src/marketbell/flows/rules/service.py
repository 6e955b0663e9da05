"""Rules for a person: write one, arm it, look at them, disarm one, carry them away.

Arming stores the rule and its command for the ordered log in one transaction; the engine has it
when the log does.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from marketbell.core.language.errors import RuleErrors
from marketbell.core.language.json_form import from_json, to_json
from marketbell.core.language.printer import print_file, print_rule
from marketbell.core.language.reader import MAX_NAME, parse_file, parse_rule, rule_uid
from marketbell.core.language.tree import ChannelRef, Cross, Direction, FieldRef, Number, Rule, Symbol
from marketbell.core.language.vocabulary import CHANNELS, hint
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import InvalidRuleError, UserError
from marketbell.core.rules.arming import arm_command
from marketbell.core.rules.resolve import resolve
from marketbell.ports.clock import Clock
from marketbell.ports.stores import Channel, ChannelStore, InstrumentStore, RuleStore, StoredRule

MAX_PRICE = 1e12


class RuleService:
    """The use cases of rules. Errors are UserErrors, those of texts with line and column."""

    def __init__(self, rules: RuleStore, instruments: InstrumentStore, channels: ChannelStore, clock: Clock) -> None:
        self._rules = rules
        self._instruments = instruments
        self._channels = channels
        self._clock = clock

    def arm(self, owner_id: str, text: str, notify: Sequence[str] | None = None) -> StoredRule:
        """Arm the one rule of a text. `notify` (kinds, `kind:name` or channel ids) replaces its own channels."""
        rule = parse_rule(text)
        return self._arm(owner_id, self._told(owner_id, rule, notify), self._instruments.all())

    def arm_file(self, owner_id: str, text: str) -> list[StoredRule]:
        """Arm every rule of a file, or none of them where one is wrong."""
        rules = parse_file(text)
        if not rules:
            raise UserError("there is no rule in this file")
        universe = self._instruments.all()
        errors: list[InvalidRuleError] = []
        for rule in rules:
            try:
                resolve(rule.universe, universe)
            except InvalidRuleError as error:
                errors.append(error)
        if errors:
            raise RuleErrors(errors)
        told = [self._told(owner_id, rule, None) for rule in rules]
        return [self._arm(owner_id, rule, universe) for rule in told]

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
        """Arm what a form says. The tree is the same as that of the text."""
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
        tree = Rule(name, rule_uid(name), Symbol(symbol, venue), Cross(FieldRef("close"), direction, Number(level)))
        try:
            rule = parse_rule(print_rule(tree))
            return self._arm(owner_id, self._told(owner_id, rule, notify), self._instruments.all())
        except RuleErrors as error:
            first = error.errors[0]
            raise UserError(first.message, field="name") from error
        except InvalidRuleError as error:
            raise UserError(error.message, field="instrument") from error

    def disarm(self, owner_id: str, uid: str) -> StoredRule:
        """Take a rule out of the engine; what it fired stays. NotFoundError where the owner has none of that id."""
        return self._rules.disarm(owner_id, uid)

    def all(self, owner_id: str) -> list[StoredRule]:
        """The owner's rules, newest first."""
        return sorted(self._rules.all(owner_id), key=lambda rule: (-rule.created_at, rule.rule_uid))

    def export(self, owner_id: str) -> str:
        """The rules that are not disabled, as the text of a `.bell` file, each with its uid."""
        kept = [rule for rule in self.all(owner_id) if rule.state != "disabled"]
        return print_file(tree_of(rule) for rule in sorted(kept, key=lambda rule: (rule.created_at, rule.rule_uid)))

    def _arm(self, owner_id: str, rule: Rule, universe: list[Instrument]) -> StoredRule:
        instrument = resolve(rule.universe, universe)
        command = arm_command(rule, instrument, owner_id)
        stored = StoredRule(
            rule_uid=rule.rule_uid,
            owner_id=owner_id,
            name=rule.name,
            text=print_rule(rule),
            definition=to_json(rule) | _summary(command, instrument),
            created_at=self._clock.now(),
            notify=tuple(command["notify"]),
        )
        return self._rules.arm(stored, int(instrument.instrument_id), command)

    def _told(self, owner_id: str, rule: Rule, notify: Sequence[str] | None) -> Rule:
        """The rule with its channels looked up: a channel that is named must be there."""
        wanted = list(notify) if notify is not None else [str(channel) for channel in rule.notify]
        channels = self._channels.all(owner_id) if wanted else []
        found = [_channel(word, channels) for word in wanted]
        return replace(rule, notify=tuple(dict.fromkeys(found)))


def tree_of(rule: StoredRule) -> Rule:
    """The tree of a stored rule."""
    return from_json(rule.definition)


def _summary(command: dict[str, Any], instrument: Instrument) -> dict[str, Any]:
    """What tables and charts want to know without reading the tree."""
    named = ("instrument_id", "field", "direction", "level", "definition_hash")
    return {"instrument": instrument.key} | {name: command[name] for name in named}


def _channel(word: str, channels: Sequence[Channel]) -> ChannelRef:
    for channel in channels:
        if word == channel.channel_id:
            return ChannelRef(channel.kind, channel.name)
    kind, _, target = word.partition(":")
    if kind not in CHANNELS:
        raise UserError(f"unknown channel `{word}`{hint(kind, CHANNELS)}", field="notify")
    if target and not any(c.kind == kind and target in {c.name, c.channel_id} for c in channels):
        raise UserError(f"you have no channel `{word}`: add it first, or write `{kind}`", field="notify")
    return ChannelRef(kind, target)
