"""Stored option chains for previews: of each the metrics, not the quotes, in the order of time.

The engine takes them as `chain_metrics` entries (core/engine/chains.py). Every field of `opt.*` rests on a stored
metric, but for skews of another delta than 25, which stay unknown.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marketbell.core.engine.chains import PREFIXES
from marketbell.core.market.instrument import Instrument
from marketbell.ports.chains import ChainStore

MOST_MOMENTS = 2_000
"""Of each underlying: of more, so many evenly spaced ones are tried."""
MOST_UNDERLYINGS = 50
_ALWAYS = ("atm_iv", "atm_iv_30")
_STORED_AS = {"skew": "skew_25"}


@dataclass(frozen=True, slots=True)
class PastMetrics:
    """Entries by rising moment, all of one moment together, and what a person should know of them."""

    moments: Sequence[tuple[int, Mapping[str, Any]]] = ()
    notes: tuple[str, ...] = ()


def reads_chains(fields: Collection[str]) -> bool:
    """True where a rule that reads these fields asks for option chains."""
    return any(name.startswith(PREFIXES) for name in fields)


def past_metrics(
    store: ChainStore, instruments: Sequence[Instrument], fields: Collection[str], start: int, until: int
) -> PastMetrics:
    """The metrics of chains in [start, until) (ns UTC) that these fields are. Raises what the store raises."""
    named = [name.removeprefix("opt.") for name in fields if name.startswith("opt.")]
    wanted = tuple(dict.fromkeys([*_ALWAYS, *(_STORED_AS.get(name, name) for name in named)]))
    held = set(store.underlyings())
    mine = [one for one in instruments if one.key in held]
    notes: list[str] = []
    if len(mine) > MOST_UNDERLYINGS:
        notes.append(f"Option chains of {MOST_UNDERLYINGS} of {len(mine)} underlyings were looked at.")
    moments: dict[int, list[dict[str, Any]]] = {}
    for one in mine[:MOST_UNDERLYINGS]:
        found = store.series(one.key, None, start, until, wanted, MOST_MOMENTS)
        if len({entry.as_of for entry in found}) >= MOST_MOMENTS:
            notes.append(
                f"Of the option chains of {one.symbol}, {MOST_MOMENTS:,} evenly spaced moments were looked at."
            )
        for entry in found:
            item = {
                "instrument_id": int(one.instrument_id),
                "expiry": entry.expiry.isoformat(),
                "as_of": entry.as_of,
                "spot": entry.spot,
                "metrics": dict(entry.metrics),
            }
            moments.setdefault(entry.as_of, []).append(item)
    if not moments:
        notes.append(
            "No option chains of these instruments are stored for this time: what it reads of them is unknown."
        )
    if any(name.startswith("fut.") for name in fields):
        notes.append("Futures are not stored: what it reads of them is unknown.")
    entries = [(at, {"type": "chain_metrics", "items": items}) for at, items in sorted(moments.items())]
    return PastMetrics(entries, tuple(notes))
