"""What a person's rules may name: the instruments that there are, the person's watchlists, screens and channels."""

from collections.abc import Callable, Collection, Mapping, Sequence

from marketbell.core.language.tree import ChannelRef, Screen
from marketbell.core.language.vocabulary import CHANNELS, SAME_CHANNEL, hint
from marketbell.core.primitives.errors import UserError
from marketbell.core.rules.resolve import Market
from marketbell.ports.stores import Channel, ChannelStore, InstrumentStore, WatchlistStore

Screens = Callable[[str], Mapping[str, Screen]]
"""The screens of an owner by name, the ready ones among them."""


def no_screens(_: str) -> Mapping[str, Screen]:
    """Nobody has any."""
    return {}


Gives = Callable[[], Collection[str] | None]
"""What the feeds of a house give (FeedCard.supports); None where nobody knows."""


def nobody_knows() -> Collection[str] | None:
    """Without a house."""
    return None


class People:
    """Looks up names for an owner. Raises what the stores raise."""

    def __init__(
        self,
        instruments: InstrumentStore,
        watchlists: WatchlistStore,
        channels: ChannelStore,
        screens: Screens = no_screens,
        gives: Gives = nobody_knows,
    ) -> None:
        """`gives` tells what the feeds give just now."""
        self._gives = gives
        self._instruments = instruments
        self._watchlists = watchlists
        self._channels = channels
        self._screens = screens

    def market(self, owner_id: str, also: Mapping[str, Screen] | None = None) -> Market:
        """Who there is for an owner; `also` are screens that stand in the same file."""
        watchlists = {one.name: one.instruments for one in self._watchlists.all(owner_id)}
        screens = dict(self._screens(owner_id)) | dict(also or {})
        return Market(self._instruments.all(), watchlists, screens, gives=self._gives())

    def channels(self, owner_id: str, wanted: Sequence[str]) -> tuple[ChannelRef, ...]:
        """Channels by kind, `kind:name` or id, each once. UserError for one that the owner does not have."""
        known = self._channels.all(owner_id) if wanted else []
        return tuple(dict.fromkeys(_channel(word, known) for word in wanted))


def _channel(word: str, channels: Sequence[Channel]) -> ChannelRef:
    for channel in channels:
        if word == channel.channel_id:
            return ChannelRef(channel.kind, channel.name)
    kind, _, target = word.partition(":")
    if kind not in CHANNELS:
        raise UserError(f"unknown channel `{word}`{hint(kind, CHANNELS)}", field="notify")
    if target and not any(
        c.kind == SAME_CHANNEL.get(kind, kind) and target in {c.name, c.channel_id} for c in channels
    ):
        raise UserError(f"you have no channel `{word}`: add it first, or write `{kind}`", field="notify")
    return ChannelRef(kind, target)
