"""Feeds: where market data comes from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

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
    """Rows of one kind, in source order, with the source's position after them."""

    kind: FrameKind
    columns: Columns
    position: int
    payload: dict[str, Any] = field(default_factory=dict)


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
