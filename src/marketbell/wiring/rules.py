"""Joins the rule service to its stores."""

from marketbell.flows.rules.people import People, Screens, no_screens
from marketbell.flows.rules.service import Budget, RuleService
from marketbell.ports.clock import Clock
from marketbell.ports.stores import ChannelStore, InstrumentStore, RuleStore, WatchlistStore


def people(
    instruments: InstrumentStore,
    watchlists: WatchlistStore,
    channels: ChannelStore,
    screens: Screens = no_screens,
) -> People:
    """What rules may name."""
    return People(instruments, watchlists, channels, screens)


def rule_desk(rules: RuleStore, names: People, clock: Clock, budget: Budget | None = None) -> RuleService:
    """The use cases of rules over these stores."""
    return RuleService(rules, names, clock, budget)
