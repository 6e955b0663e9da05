"""How people want to be told: their preferences, silences, acks and snoozes."""

from typing import Protocol

from marketbell.core.alerts.acks import Mute
from marketbell.core.alerts.decide import Wishes
from marketbell.core.alerts.preferences import Preferences
from marketbell.core.alerts.silences import Silence


class WishStore(Protocol):
    """By owner. Every method is one transaction; raises StoreUnavailableError when the database does not answer."""

    def wishes(self, owner_id: str, now: int) -> Wishes:
        """Everything that holds now, in one look."""

    def preferences(self, owner_id: str) -> Preferences | None:
        """None where the owner has said nothing yet."""

    def put_preferences(self, owner_id: str, preferences: Preferences) -> None: ...

    def silences(self, owner_id: str, now: int) -> list[Silence]:
        """Those that hold or will, the one that ends first first."""

    def put_silence(self, owner_id: str, silence: Silence) -> Silence:
        """Add or replace by `silence_id`. ConflictError where the id is another owner's."""

    def end_silence(self, owner_id: str, silence_id: str) -> None:
        """NotFoundError where the owner has no such silence."""

    def mute(self, owner_id: str, mute: Mute) -> Mute:
        """Keep an ack or a snooze, one of each kind for an alert; what holds. The same again renews `until` only."""

    def unmute(self, owner_id: str, rule_uid: str, instrument: str, now: int) -> int:
        """End every ack and snooze of that rule about that instrument; how many held."""

    def mutes_of(self, owner_id: str, firing_ids: list[str]) -> dict[str, list[Mute]]:
        """Acks and snoozes that were made on these alerts, also those that are over."""
