"""Kinds of quality events, what is done about each, and the bits that travel with a tick.

The tick rules themselves run inside the engine's kernel (one pass over all ticks); their names,
order and meaning stand here. The rules for daily rows are in `daily.py`.

Order of checks for a tick: EPOCH_TIMESTAMP, BAD_PRICE, FUTURE_TIMESTAMP, OUT_OF_SESSION, DUPLICATE
and LATE end the checks; OUT_OF_ORDER and VOLUME_REGRESSION are flags and may both hold.
"""

from enum import IntEnum, IntFlag


class QualityKind(IntEnum):
    """What was wrong. The numbers are columns of the engine's counters and stay as they are."""

    EPOCH_TIMESTAMP = 0
    BAD_PRICE = 1
    FUTURE_TIMESTAMP = 2
    OUT_OF_SESSION = 3
    DUPLICATE = 4
    LATE = 5
    OUT_OF_ORDER = 6
    VOLUME_REGRESSION = 7
    VOLUME_START_UNKNOWN = 8
    UNKNOWN_INSTRUMENT = 9
    STALE_DAY = 10
    BAD_BAR = 11
    SUSPECT_SPLIT = 12
    UNIT_MISMATCH = 13
    CLOSED_DAY = 14
    BOOK_GAP = 15

    @property
    def label(self) -> str:
        """The name in files, metrics and on the screen: `out_of_order`."""
        return self.name.lower()


KINDS = tuple(kind.label for kind in QualityKind)
"""Labels by number."""

ACTIONS: dict[QualityKind, str] = {
    QualityKind.EPOCH_TIMESTAMP: "drop",
    QualityKind.BAD_PRICE: "drop",
    QualityKind.FUTURE_TIMESTAMP: "drop",
    QualityKind.OUT_OF_SESSION: "count",
    QualityKind.DUPLICATE: "drop",
    QualityKind.LATE: "drop",
    QualityKind.OUT_OF_ORDER: "flag",
    QualityKind.VOLUME_REGRESSION: "flag",
    QualityKind.VOLUME_START_UNKNOWN: "flag",
    QualityKind.UNKNOWN_INSTRUMENT: "drop",
    QualityKind.STALE_DAY: "drop",
    QualityKind.BAD_BAR: "repair",
    QualityKind.SUSPECT_SPLIT: "flag",
    QualityKind.UNIT_MISMATCH: "normalise",
    QualityKind.CLOSED_DAY: "flag",
    QualityKind.BOOK_GAP: "resync",
}

ENDING = frozenset(
    {
        QualityKind.EPOCH_TIMESTAMP,
        QualityKind.BAD_PRICE,
        QualityKind.FUTURE_TIMESTAMP,
        QualityKind.OUT_OF_SESSION,
        QualityKind.DUPLICATE,
        QualityKind.LATE,
        QualityKind.UNKNOWN_INSTRUMENT,
        QualityKind.STALE_DAY,
    }
)
"""Kinds after which a row enters nothing else (`dropped` in summaries)."""


class TickFlag(IntFlag):
    """Bits of the TRADE column `flags`, set by the reader of the source."""

    FUTURE = 1
    """The source's own clock says `future_timestamp` (see core/quality/source_clock.py)."""
    SOURCE_CLOCK = 2
    """The source has no ingest_time: the column holds its clock and is not compared with event_time."""
