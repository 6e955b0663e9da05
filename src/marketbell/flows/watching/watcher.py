"""Looks every few seconds; what is not well becomes a firing in the ledger, once, whoever looks.

The store says which watches stand and since when: two senders, or one that was killed between raising and
telling, agree on the moment that a watch began, and so on the id of its firing.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import structlog

from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import InvalidSettingError
from marketbell.core.watch.feeds import FeedSeen, feed_silent
from marketbell.core.watch.finding import NS, Finding, Movement, title, watch_firing_id
from marketbell.core.watch.processes import Slice, process_silent, stream_stuck
from marketbell.core.watch.stores import dead_letters, disk, unsent
from marketbell.flows.watching.sights import Eyes, Sessions, Sight, Terms
from marketbell.ports.clock import Clock
from marketbell.ports.ledger import Firing, Ledger
from marketbell.ports.stores import LOCAL_OWNER
from marketbell.ports.watches import Raised, WatchStore

log = structlog.stdlib.get_logger("watch")

SUBJECT = Instrument("HOUSE:Marketbell", "Marketbell itself", kind="house", calendar="24/7")
"""What an operator's alert is about."""
_WORKS = frozenset({"ready", "starting", "stopping"})


@dataclass(slots=True)
class _Standing:
    """A raised watch, and when it was last found not well (steady seconds)."""

    raised: Raised
    found_s: float


class Watcher:
    """`look` is one round. One thread calls it."""

    def __init__(
        self,
        eyes: Eyes,
        store: WatchStore,
        ledger: Ledger,
        sessions: Sessions,
        clock: Clock,
        terms: Terms,
        *,
        wanted: Sequence[str] = (),
        notify: Sequence[str] = (),
        told: Callable[[Firing], None] = lambda _: None,
    ) -> None:
        """`wanted` are the processes that must be heard of, `notify` the channels of the operator.

        `told` hears of each firing that is new in the ledger: it is shown at once to whoever looks at a page.
        """
        self._eyes = eyes
        self._store = store
        self._ledger = ledger
        self._sessions = sessions
        self._clock = clock
        self._terms = terms
        self._wanted = tuple(wanted)
        self._notify = tuple(notify)
        self._told = told
        self._movement = Movement()
        self._standing: dict[str, _Standing] = {}
        self._steady = self._began_s = clock.monotonic()
        self._unsure_s = max(terms.feed_silence_s, terms.stuck_s, terms.process_silent_s)

    def look(self) -> list[Raised]:
        """One round; what stands after it. Raises StoreUnavailableError: the next round does it all again."""
        now, self._steady = self._clock.now(), self._clock.monotonic()
        sight = self._eyes.look(now)
        found = {finding.watch: finding for finding in self.findings(sight, now)}
        known = {raised.watch: raised for raised in self._store.standing()}
        for watch, finding in found.items():
            self._raise(finding, known.get(watch))
        for watch, raised in known.items():
            if watch not in found:
                self._end(raised, sight, now)
        for gone in self._standing.keys() - found.keys() - known.keys():
            del self._standing[gone]
        return [one.raised for _, one in sorted(self._standing.items())]

    def findings(self, sight: Sight, now: int) -> list[Finding]:
        """Every condition over one look."""
        terms, found = self._terms, self._feeds(sight, now)
        found += self._stream(sight, now)
        found += self._processes(sight, now)
        waiting = unsent(sight.oldest_unsent, now, terms.unsent_s)
        is_full = sight.disk_total > 0 and sight.disk_free < terms.disk_free
        full_since = self._still("disk", is_full, now)
        given_up = sight.dead_messages + sight.dead_runs > terms.dead_letters
        letters_since = self._still("dead_letters", given_up, now)
        full = disk(sight.disk_free, terms.disk_free, sight.disk_total, full_since) if is_full else None
        letters = dead_letters(sight.dead_messages, sight.dead_runs, terms.dead_letters, letters_since)
        found += [one for one in (waiting, full, letters) if one is not None]
        return [one for one in found if one.kind not in sight.unknown]

    def _feeds(self, sight: Sight, now: int) -> list[Finding]:
        found = []
        for document in sight.feeds or ():
            name = str(document.get("name", ""))
            still = self._still(f"feed:{name}", (document.get("position"), document.get("last_event_time")), now)
            try:
                table = self._sessions(str(document.get("calendar") or "24/7"))
            except InvalidSettingError as error:
                log.warning("feed.not_watched", feed=name, error=error.message)
                continue
            finding = feed_silent(FeedSeen(document, still), table, now, self._terms.feed_silence_s)
            if finding is not None:
                found.append(finding)
        return found

    def _stream(self, sight: Sight, now: int) -> list[Finding]:
        clocks = tuple((str(one.get("name")), one.get("clock"), one.get("position")) for one in sight.feeds or ())
        moved_at = self._still("log", clocks, now)
        slices = [
            Slice(
                str(one.get("label", one.get("partition"))),
                int(one.get("offset") or 0),
                self._still(f"slice:{one.get('label')}", (one.get("epoch"), one.get("offset")), now),
            )
            for one in (sight.stream or {}).get("partitions") or ()
            if one.get("state") != "standby"
        ]
        return stream_stuck(slices, moved_at, now, self._terms.stuck_s)

    def _processes(self, sight: Sight, now: int) -> list[Finding]:
        if sight.processes is None:
            return []
        reasons: dict[str, str] = {}
        silent: dict[str, int] = {}
        for name in self._wanted:
            beat = sight.processes.get(name)
            is_well = beat is not None and beat.get("state") in _WORKS
            since = self._still(f"process:{name}", is_well, now)
            if not is_well:
                silent[name] = since
                reasons[name] = str(((beat or {}).get("detail") or {}).get("reason") or "")
        return process_silent(self._wanted, reasons, silent, now, self._terms.process_silent_s)

    def _still(self, name: str, value: Hashable, now: int) -> int:
        return self._movement.since(name, value, now, self._steady)

    def _raise(self, finding: Finding, known: Raised | None) -> None:
        raised = known or self._store.put_up(Raised(finding.watch, finding.since, finding.said))
        standing = self._standing.get(finding.watch)
        if standing is None or standing.raised != raised:
            # also where it stood before: who raised it may have been killed before it was told
            if self._write(self._firing(raised, "fire", finding.what_to_do)):
                log.warning("watch.raised", watch=raised.watch, said=raised.said)
            self._standing[finding.watch] = _Standing(raised, self._steady)
            return
        standing.found_s = self._steady

    def _end(self, raised: Raised, sight: Sight, now: int) -> None:
        standing = self._standing.setdefault(raised.watch, _Standing(raised, self._steady))
        if raised.watch.partition(":")[0] in sight.unknown:
            standing.found_s = self._steady
        # who has just begun to look does not see yet what another one, or its own earlier life, has raised
        calm_since = max(standing.found_s, self._began_s + self._unsure_s)
        if self._steady - calm_since < self._terms.calm_s:
            return
        over = replace(raised, said=f"Over after {_told(now - raised.began_at)}: {raised.said}")
        self._write(self._firing(over, "exit", ""))
        if self._store.take_down(raised.watch, raised.began_at, now):
            log.info("watch.ended", watch=raised.watch)
        del self._standing[raised.watch]

    def _write(self, firing: Firing) -> bool:
        """True where it was not there."""
        is_new = self._ledger.append([firing], [], "", 0) > 0
        if is_new:
            self._told(firing)
        return is_new

    def _firing(self, raised: Raised, event: str, what_to_do: str) -> Firing:
        name, now = title(raised.watch), self._clock.now()
        return Firing(
            firing_id=watch_firing_id(raised.watch, raised.began_at, event),
            rule_uid=f"watch:{raised.watch.partition(':')[0]}",
            rule=name,
            owner_id=LOCAL_OWNER,
            instrument_id=int(SUBJECT.instrument_id),
            instrument=SUBJECT.key,
            event_time=now if event == "exit" else raised.began_at,
            values={
                "condition": name,
                "event": event,
                "sentence": " ".join(part for part in (raised.said, what_to_do) if part),
                "watch": raised.watch,
                "began_at": raised.began_at,
            },
            notify=self._notify,
            recorded_at=now,
            event=event,
            severity="high" if event == "fire" else "normal",
        )


def _told(ns: int) -> str:
    seconds = max(0, ns) // NS
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7_200 else f"{seconds // 3_600} h"
