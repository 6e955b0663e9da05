"""The faults that `--dirty` injects: what real feeds do wrong, at stated rates and with an exact count.

Every fault is one extra row beside a sound trade, its victim, and carries exactly one fault as
definitions.md §1 counts them; the sound rows stay as they are. Faults keep away from the session's
first and last minutes, where the same stamp could be read as another fault.
"""

from dataclasses import astuple, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketbell.core.primitives.identity import InstrumentId

KINDS = (
    "epoch_timestamp",
    "bad_price",
    "future_timestamp",
    "out_of_session",
    "duplicate",
    "late",
    "out_of_order",
    "volume_regression",
)
_SECOND = 1_000_000_000
_FIRST_MINUTE, _LAST_MINUTE = 5, 355
MAX_SHARE = 0.25
"""At most this share of a minute's trades become victims, whatever the rates say."""


@dataclass(frozen=True, slots=True)
class FaultRates:
    """Faults a trade, by kind. The defaults are near what the recorded NSE days show, where they show it."""

    epoch_timestamp: float = 0.0005
    bad_price: float = 0.0003
    future_timestamp: float = 0.0002
    out_of_session: float = 0.0003
    duplicate: float = 0.0100
    late: float = 0.0010
    out_of_order: float = 0.0030
    volume_regression: float = 0.0050

    def counts(self, rng: np.random.Generator, trades: NDArray[np.int64]) -> NDArray[np.int64]:
        """Faults a minute (row) and kind (column)."""
        rates = np.array(astuple(self))
        rates = rates * min(1.0, MAX_SHARE / max(float(rates.sum()), 1e-12))
        minutes = np.arange(len(trades))
        eligible = (minutes >= _FIRST_MINUTE) & (minutes < _LAST_MINUTE)
        drawn = rng.poisson(trades[:, None] * rates * eligible[:, None]).astype(np.int64)
        # A very unlucky draw is cut, so that every fault finds a victim of its own in each chapter.
        drawn[drawn.sum(axis=1) * 2 > trades] = 0
        return drawn


class Injection(NamedTuple):
    """One injected fault; `position` is the feed's position after its row."""

    position: int
    instrument_id: InstrumentId
    kind: str
    event_time: int


class Faulty(NamedTuple):
    """Rows to insert: columns, and behind which sound row each one comes."""

    victim: NDArray[np.int64]
    kind: NDArray[np.int64]
    event_time: NDArray[np.int64]
    price: NDArray[np.float64]
    volume: NDArray[np.float64]


def make_faults(
    rng: np.random.Generator,
    counts: NDArray[np.int64],
    candidates: NDArray[np.int64],
    event_time: NDArray[np.int64],
    price: NDArray[np.float64],
    volume: NDArray[np.float64],
    session_open: int,
) -> Faulty:
    """Spoil copies of `sum(counts)` of the candidate rows, kind 1 being the first of KINDS (0 is sound)."""
    total = int(counts.sum())
    kind = np.repeat(np.arange(1, len(KINDS) + 1), counts)
    rng.shuffle(kind)
    victim = np.sort(rng.choice(candidates, total, replace=False))
    when, paid, traded = event_time[victim].copy(), price[victim].copy(), volume[victim].copy()
    chance = rng.random(total)

    def of(name: str) -> NDArray[np.bool_]:
        chosen: NDArray[np.bool_] = kind == KINDS.index(name) + 1
        return chosen

    def span(low_s: float, high_s: float) -> NDArray[np.int64]:
        return ((low_s + (high_s - low_s) * chance) * _SECOND).astype(np.int64)

    when = np.where(of("epoch_timestamp"), span(0, 3_600), when)
    bad = np.array([0.0, np.nan, -1.0, np.inf])[(chance * 4).astype(np.int64)]
    paid = np.where(of("bad_price"), bad, paid)
    when = np.where(of("future_timestamp"), when + span(120, 600), when)
    when = np.where(of("out_of_session"), session_open - span(1, 900), when)
    when = np.where(of("late"), when - span(3, 60), when)
    when = np.where(of("out_of_order"), when - span(0.2, 1.8), when)
    # Half of what had been traded: below the largest, and unlike any other row of that instant.
    traded = np.where(of("volume_regression"), np.floor(traded / 2), traded)
    return Faulty(victim, kind, when, paid, traded)
