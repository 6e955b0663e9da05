"""Lists of the market: movers, ranges, activity, breadth and sectors. Columns in, keys out.

Every order is total: ties go by the instrument's key, so equal markets give equal lists, whatever the order
of rows and however instruments are spread over processes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine.aggregates import Aggregate, Aggregates, Groups
from marketbell.core.fundamentals.valuation import UNKNOWN_SECTOR, Thresholds, describe, undervalued_mask
from marketbell.core.market.instrument import LISTED_KINDS, Instrument

READ = (
    *("close", "change_pct", "day.high", "day.low", "high_52w", "low_52w", "volume_spike", "turnover", "volatility"),
    *("fund.pe", "fund.pb", "fund.roe", "fund.debt_to_equity", "fund.market_cap"),
)
"""Columns that lists are made of."""
_SPIKE = 2.0
"""Sigmas from which a minute's volume is unusual."""


@dataclass(frozen=True, slots=True)
class Universe:
    """What does not change with ticks: keys, kinds, sectors and groups by row.

    `key_places` is the place of each row's key among all keys, sorted. `indices` are rows in the order of keys.
    `index_keys` are, index for index of `groups`, the keys of the instruments that quote them, '' where none does.
    """

    keys: tuple[str, ...]
    key_places: NDArray[np.int64]
    is_listed: NDArray[np.bool_]
    indices: tuple[int, ...]
    sector_codes: NDArray[np.int64]
    groups: Groups
    index_keys: tuple[str, ...]

    @classmethod
    def of(cls, instruments: Sequence[Instrument]) -> Self:
        """Take it from the instruments in row order."""
        keys = tuple(i.key for i in instruments)
        by_key = sorted(range(len(keys)), key=keys.__getitem__)
        places = np.empty(len(keys), np.int64)
        places[by_key] = np.arange(len(keys))
        groups = Groups.of(instruments)
        code = {name: at for at, name in enumerate(groups.sectors)}
        indices = tuple(row for row in by_key if instruments[row].kind == "index")
        quoted = {instruments[row].symbol: keys[row] for row in reversed(indices)}
        codes = [code.get(i.sector, UNKNOWN_SECTOR) if i.kind == "equity" else UNKNOWN_SECTOR for i in instruments]
        return cls(
            keys=keys,
            key_places=places,
            is_listed=np.array([i.kind in LISTED_KINDS for i in instruments], np.bool_),
            indices=indices,
            sector_codes=np.array(codes, np.int64),
            groups=groups,
            index_keys=tuple(quoted.get(name, "") for name in groups.indices),
        )


def _top(
    universe: Universe, values: NDArray[Any], allowed: NDArray[np.bool_], limit: int, *, largest: bool
) -> NDArray[np.int64]:
    """Rows of the largest (smallest) known values: selected first, so that only the chosen are sorted."""
    rows = np.flatnonzero(allowed & np.isfinite(values))
    keys = -values[rows] if largest else values[rows]
    if 0 < limit < len(rows):
        chosen = keys <= np.partition(keys, limit - 1)[limit - 1]  # all that tie with the last one
        rows, keys = rows[chosen], keys[chosen]
    return rows[np.lexsort((universe.key_places[rows], keys))[:limit]]


def market_lists(
    universe: Universe,
    columns: Mapping[str, NDArray[Any]],
    limit: int,
    undervalued: Mapping[str, float],
    aggregates: Aggregates | None = None,
) -> dict[str, Any]:
    """`lists` {name: keys}, `breadth` counts, `sectors` and `index_members` (see aggregates.py), `indices` keys.

    An index's members say what it does also where it has no ticks of its own; `instrument` is the key that quotes it.

    `columns` has READ for all rows; `limit` is the length of a list; `undervalued` overrides thresholds of that
    list. `undervalued_definition` says in words what that list holds. `aggregates` are those of the same table where
    they are kept; else they are computed.
    """
    listed = universe.is_listed
    thresholds = Thresholds.of(undervalued)
    change = columns["change_pct"]
    with np.errstate(invalid="ignore"):
        at_high = listed & (np.fmax(columns["day.high"], columns["close"]) >= columns["high_52w"])
        at_low = listed & (np.fmin(columns["day.low"], columns["close"]) <= columns["low_52w"])
        up, down = change > 0, change < 0
        spiking = listed & (columns["volume_spike"] >= _SPIKE)
        turnover = columns["turnover"]
        cheap = listed & undervalued_mask(columns, universe.sector_codes, thresholds)
    rows = {
        "top_gainers": _top(universe, change, listed & up, limit, largest=True),
        "top_losers": _top(universe, change, listed & down, limit, largest=False),
        "high_52w": _top(universe, change, at_high, limit, largest=True),
        "low_52w": _top(universe, change, at_low, limit, largest=False),
        "most_active": _top(universe, turnover, listed & (turnover > 0), limit, largest=True),
        "unusual_volume": _top(universe, columns["volume_spike"], spiking, limit, largest=True),
        "volatile": _top(universe, columns["volatility"], listed, limit, largest=True),
        "undervalued": _top(universe, columns["fund.pe"], cheap, limit, largest=False),
    }
    keys = universe.keys
    found = aggregates or Aggregates.whole(universe.groups, columns)
    return {
        "lists": {name: [keys[row] for row in chosen] for name, chosen in rows.items()},
        "undervalued_definition": describe(thresholds),
        "breadth": found.breadth(),
        "sectors": [{"sector": one.name, **_numbers(one)} for one in found.sectors()],
        "indices": [keys[row] for row in universe.indices],
        "index_members": [
            {"index": one.name, "instrument": key or None, **_numbers(one)}
            for one, key in zip(found.indices(), universe.index_keys, strict=True)
        ],
    }


def _numbers(one: Aggregate) -> dict[str, Any]:
    """An aggregate as plain values; None where a change is unknown."""
    return {
        "change_pct": _known(one.change_pct),
        "is_weighted": one.is_weighted,
        "cap_weighted_pct": _known(one.cap_weighted_pct),
        "equal_weighted_pct": _known(one.equal_weighted_pct),
        "advances": one.advances,
        "declines": one.declines,
        "unchanged": one.unchanged,
        "unknown": one.unknown,
        "count": one.count,
        "turnover": one.turnover,
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
