"""Joins the rule service to its stores."""

from marketbell.flows.rules.service import RuleService
from marketbell.ports.clock import Clock
from marketbell.ports.stores import ChannelStore, InstrumentStore, RuleStore


def rule_desk(rules: RuleStore, instruments: InstrumentStore, channels: ChannelStore, clock: Clock) -> RuleService:
    """The use cases of rules over these stores."""
    return RuleService(rules, instruments, channels, clock)
