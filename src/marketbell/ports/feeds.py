"""Feeds: where market data comes from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from marketbell.core.columns.frame import Columns, FrameKind
from marketbell.core.market.instrument import Instrument


@dataclass(frozen=True, slots=True)
class FeedCard:
    """A feed's quality card: what it supports, its limits, how it was tested. Shown on Data health."""

    name: str
    label: str
    kind: str  # demo, replay, live, push
    is_simulated: bool
    supports: tuple[str, ...]  # trades, quotes, depth, history, fundamentals, shareholding
    limits: str
    tested: str
    calendar: str = "XNSE"


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one kind, in source order, with the source's position after them.

    `first` is the position before them where that is not the end of the batch before: the hole of a live feed.
    """

    kind: FrameKind
    columns: Columns
    position: int
    payload: dict[str, Any] = field(default_factory=dict)
    first: int | None = None


class PacedFeed(Protocol):
    """A feed whose events all carry a time and which waits for its reader: replay and the demo market.

    The runner in flows/ingest decides how fast market time runs; the feed only hands out what has
    happened up to a moment. It is deterministic: the same arguments give the same rows at the same
    positions, so that a runner that died can go on from the position found on the bus.
    """

    card: FeedCard
    producer: str

    def instruments(self) -> Sequence[Instrument]: ...
    def reference(self) -> Sequence[Batch]:
        """What is known before the first event: BAR history, PROFILE, REFERENCE facts (payload)."""

    @property
    def start_time(self) -> int:
        """Source clock of the first event, ns UTC."""

    @property
    def end_time(self) -> int | None:
        """Source clock of the last event; None for a feed without end."""

    def seek(self, position: int) -> int:
        """Go on behind `position`; returns the source clock there, ns UTC."""

    def advance(self, until: int, max_rows: int) -> list[Batch]:
        """The next rows whose source clock is not after `until`, at most `max_rows` of them; [] when none are due."""

    def next_time(self) -> int | None:
        """Source clock of the next event, None at the end."""


@runtime_checkable
class Prerolled(Protocol):
    """A paced feed whose first part is there to fill charts: run it at full speed, then as asked."""

    preroll_until: int
    """Source clock, ns UTC. A runner that resumes behind it has no pre-roll."""


@runtime_checkable
class PushedFeed(Protocol):
    """A feed that speaks when the venue does: a connector to a live provider.

    It cannot be asked again for what was missed. Positions rise by one a row; the first row of a batch
    has position - rows + 1. A hole between two batches means that rows may have been missed there (a lost
    connection, another start of ours), and positions of a later start always lie above earlier ones.
    """

    card: FeedCard
    producer: str

    def instruments(self) -> Sequence[Instrument]: ...
    def reference(self) -> Sequence[Batch]:
        """What is known before the first event; may ask the provider. Raises FeedUnavailableError."""

    def run(self, publish: Callable[[Batch], None], is_stopping: Callable[[], bool]) -> None:
        """Hand every batch to `publish` until `is_stopping()`; blocks.

        Reconnects by itself, with back-off. Raises InvalidSettingError where trying again cannot help
        (a refused key). `publish` may raise BusFullError: the batch is lost and the hole is seen.
        """

    def health(self) -> str:
        """Why nothing comes just now, in words for people; empty while connected."""
