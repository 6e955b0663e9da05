"""What the engine says after it applied a piece of the log."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from marketbell.core.columns.frame import Columns
from marketbell.core.engine.chain_book import ChainUpdate
from marketbell.core.engine.firings import Fired, Firings

__all__ = ["BAR_COLUMNS", "QUALITY_COLUMNS", "Fired", "Firings", "Gap", "Outputs", "RuleFiring", "empty", "joined"]

BAR_COLUMNS: tuple[tuple[str, str], ...] = (
    ("instrument_id", "i8"),
    ("start", "i8"),
    ("open", "f8"),
    ("high", "f8"),
    ("low", "f8"),
    ("close", "f8"),
    ("volume", "f8"),
    ("trades", "i8"),
    ("vwap", "f8"),
)
QUALITY_COLUMNS: tuple[tuple[str, str], ...] = (
    ("instrument_id", "i8"),
    ("kind", "u1"),  # QualityKind
    ("event_time", "i8"),
    ("count", "i8"),
)


def empty(columns: tuple[tuple[str, str], ...]) -> Columns:
    """No rows of these columns."""
    return {name: np.empty(0, dtype) for name, dtype in columns}


def joined(parts: list[Columns], columns: tuple[tuple[str, str], ...]) -> Columns:
    """Rows of all parts, one after the other."""
    if not parts:
        return empty(columns)
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name, _ in columns}


@dataclass(frozen=True, slots=True)
class RuleFiring:
    """A rule fired on an instrument. `nth` counts its firings there at this event_time (ns UTC), from 1.

    `event` is `exit` where the condition became false, else `enter`. `suppressed` names what kept it from being told,
    or is empty. `values` are the parts of the rule by their places (see language/rule_plan), `previous` those of
    crosses at the evaluation before; NaN is unknown. `as_of` are the ends of the bars that were read, by timeframe.
    `payload` is the command that armed it. `origins` tell of what it read of option chains and futures, by the field's
    canonical name, when it was captured (ns UTC) and by whom.
    """

    rule_uid: str
    version: int
    rule: str
    owner_id: str
    instrument_id: int
    key: str
    event_time: int
    nth: int
    definition_hash: str
    notify: tuple[str, ...]
    event: str
    suppressed: str
    values: dict[str, float]
    previous: dict[str, float]
    as_of: dict[str, int]
    payload: dict[str, Any]
    origins: dict[str, tuple[int, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gap:
    """The producer's positions jumped: what lay between them never came."""

    producer: int
    partition: int
    expected: int
    got: int


@dataclass(slots=True)
class Outputs:
    """Everything that came of one call, in log order.

    `bars_1m` and `bars_1d` are final and never change (BAR_COLUMNS); `history` are daily and minute
    bars from elsewhere as they came (BAR frames without a source role, `timeframe_s` included).
    `late` are the rows for the topic `late`, `depth` the newest books (DEPTH schema).
    """

    bars_1m: Columns = field(default_factory=lambda: empty(BAR_COLUMNS))
    bars_1d: Columns = field(default_factory=lambda: empty(BAR_COLUMNS))
    quality: Columns = field(default_factory=lambda: empty(QUALITY_COLUMNS))
    fired: Firings = field(default_factory=Firings)
    rule_firings: list[RuleFiring] = field(default_factory=list)
    late: Columns = field(default_factory=dict)
    depth: list[Columns] = field(default_factory=list)
    book_states: list[tuple[int, str, int]] = field(default_factory=list)
    """Instrument id, state (BookState) and event time (ns UTC) of the books that BOOK frames changed."""
    chains: list[ChainUpdate] = field(default_factory=list)
    """Option chains that came, the late ones too."""
    history: list[Columns] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    rejected_rules: list[tuple[str, str]] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    defined: list[str] = field(default_factory=list)
    """Keys of instruments that were defined or redefined."""
