"""The jobs by name: when each is due, how long it may take, how often it is tried, how long its runs are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from marketbell.core.language.schedule import Cron, parse

NS = 1_000_000_000
_MINUTE_S = 60.0
_DAY_S = 86_400.0
_LOOK_BACK_S = 396 * 86_400


class Timing(Protocol):
    """Instants of a schedule, ns UTC."""

    def next(self, after: int) -> int | None:
        """The first instant behind `after`; None where none comes."""

    def since(self, now: int, most: int) -> int:
        """A moment behind which the newest `most` instants up to `now` lie: how far it is worth to look back."""


@dataclass(frozen=True, slots=True)
class Every:
    """Each `seconds`, counted from 1970: every clockwork names the same instants."""

    seconds: int

    def next(self, after: int) -> int:
        """The next multiple."""
        step = self.seconds * NS
        return (after // step + 1) * step

    def since(self, now: int, most: int) -> int:
        """So many multiples ago."""
        return now - (most + 1) * self.seconds * NS


@dataclass(frozen=True, slots=True)
class At:
    """Times of day by five words of cron, in a zone; a repeated hour counts once, a skipped one not at all."""

    cron: Cron
    zone: str = "UTC"

    def next(self, after: int) -> int | None:
        """The next such time."""
        return self.cron.next(after, self.zone)

    def since(self, now: int, most: int) -> int:  # noqa: ARG002 — a year has each of them
        """A year and a month ago."""
        return now - _LOOK_BACK_S * NS


@dataclass(frozen=True, slots=True)
class Job:
    """`limit_s` is how long one attempt may take, `catch_up` how many missed instants are made up for.

    `timing` None: it runs when somebody asks for it. A long one runs beside the others, one at a time.
    """

    name: str
    title: str
    timing: Timing | None
    limit_s: float
    attempts: int = 8
    catch_up: int = 1
    keep_s: float = 30 * _DAY_S
    is_long: bool = False


def at(cron: str, zone: str = "UTC") -> At:
    """UserError where the text is no schedule."""
    return At(parse(cron), zone)


BACKTEST, PULSE = "backtest", "pulse"
LONGEST_S = 1_800.0
"""No job may take longer: messages of a worker that was killed come back after this."""


def catalogue(pulse_every_s: int) -> Sequence[Job]:
    """Every job. A pulse goes the whole way from the clockwork to the store; what stops it stops all work."""
    return (
        Job(PULSE, "Proof that scheduled work is done", Every(pulse_every_s), 30.0, catch_up=60, keep_s=3_600.0),
        Job("make_partitions", "Partitions for the bars to come", at("7 * * * *"), _MINUTE_S),
        Job("forget_old", "Old bars, chains, answers, sessions and runs are deleted", at("13 2 * * *"), 15 * _MINUTE_S),
        Job("archive_ledger", "Old firings with their deliveries to the archive", at("43 2 * * *"), 15 * _MINUTE_S),
        Job("refresh_fundamentals", "Fundamentals are asked for anew", at("23 */6 * * *"), 3 * _MINUTE_S),
        Job(BACKTEST, "A rule on the past", None, LONGEST_S, attempts=3, is_long=True),
    )
