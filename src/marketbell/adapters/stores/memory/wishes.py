"""Preferences, silences, acks and snoozes in dictionaries."""

import threading
from dataclasses import replace

from marketbell.core.alerts.acks import Mute
from marketbell.core.alerts.decide import Wishes
from marketbell.core.alerts.preferences import DEFAULTS, Preferences
from marketbell.core.alerts.silences import Silence
from marketbell.core.primitives.errors import ConflictError, NotFoundError


class MemoryWishes:
    """What each owner asked for."""

    def __init__(self) -> None:
        self._preferences: dict[str, Preferences] = {}
        self._silences: dict[str, tuple[str, Silence]] = {}
        self._mutes: dict[tuple[str, str], tuple[str, Mute]] = {}
        self._lock = threading.Lock()

    def wishes(self, owner_id: str, now: int) -> Wishes:
        """Everything that holds now."""
        silences = self.silences(owner_id, now)
        with self._lock:
            mutes = [mute for owner, mute in self._mutes.values() if owner == owner_id and now < mute.until]
            found = self._preferences.get(owner_id, DEFAULTS)
        return Wishes(found, tuple(silences), tuple(sorted(mutes, key=lambda one: (one.firing_id, one.kind))))

    def preferences(self, owner_id: str) -> Preferences | None:
        """None where the owner has said nothing yet."""
        with self._lock:
            return self._preferences.get(owner_id)

    def put_preferences(self, owner_id: str, preferences: Preferences) -> None:
        """What counts from now on."""
        with self._lock:
            self._preferences[owner_id] = preferences

    def silences(self, owner_id: str, now: int) -> list[Silence]:
        """Those that are not over, the one that ends first first."""
        with self._lock:
            found = [one for owner, one in self._silences.values() if owner == owner_id and now < one.until]
        return sorted(found, key=lambda one: (one.until, one.silence_id))

    def put_silence(self, owner_id: str, silence: Silence) -> Silence:
        """Add or replace by id."""
        with self._lock:
            owner, _ = self._silences.get(silence.silence_id, (owner_id, silence))
            if owner != owner_id:
                raise ConflictError(f"the id {silence.silence_id} is taken")
            self._silences[silence.silence_id] = (owner_id, silence)
            return silence

    def end_silence(self, owner_id: str, silence_id: str) -> None:
        """NotFoundError where the owner has no such silence."""
        with self._lock:
            owner, _ = self._silences.get(silence_id, ("", None))
            if not owner or owner != owner_id:
                raise NotFoundError(f"there is no silence {silence_id}")
            del self._silences[silence_id]

    def mute(self, owner_id: str, mute: Mute) -> Mute:
        """Keep an ack or a snooze; the first one's moment and maker stay."""
        with self._lock:
            _, known = self._mutes.get((mute.firing_id, mute.kind), (owner_id, mute))
            kept = replace(known, until=mute.until)
            self._mutes[mute.firing_id, mute.kind] = (owner_id, kept)
            return kept

    def unmute(self, owner_id: str, rule_uid: str, instrument: str, now: int) -> int:
        """End every ack and snooze of that rule about that instrument."""
        ended = 0
        with self._lock:
            for key, (owner, mute) in self._mutes.items():
                is_meant = (owner, mute.rule_uid, mute.instrument) == (owner_id, rule_uid, instrument)
                if is_meant and now < mute.until:
                    self._mutes[key] = (owner, replace(mute, until=now))
                    ended += 1
        return ended

    def mutes_of(self, owner_id: str, firing_ids: list[str]) -> dict[str, list[Mute]]:
        """Acks and snoozes that were made on these alerts."""
        wanted = set(firing_ids)
        found: dict[str, list[Mute]] = {}
        with self._lock:
            for owner, mute in self._mutes.values():
                if owner == owner_id and mute.firing_id in wanted:
                    found.setdefault(mute.firing_id, []).append(mute)
        return {key: sorted(several, key=lambda one: (one.at, one.kind)) for key, several in found.items()}
