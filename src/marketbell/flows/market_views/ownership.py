"""Shareholding as a series: one point a period, with what had been published by then."""

from collections.abc import Mapping, Sequence
from typing import Any

from marketbell.flows.market_views.numbers import fixed, utc
from marketbell.ports.stores import Fact

_NAMES = {
    "promoter_holding": "promoter",
    "pledged_pct": "pledged",
    "fii_holding": "fii",
    "dii_holding": "dii",
    "public_holding": "public",
}


def holding_points(series: Mapping[str, Sequence[Fact]], when: int) -> list[dict[str, Any]]:
    """One entry a period, oldest first; of restatements the newest that was public at `when`."""
    best: dict[tuple[str, str], Fact] = {}
    for name, facts in series.items():
        for fact in facts:
            if fact.published_at > when:
                continue
            old = best.get((fact.period_end, name))
            if old is None or (fact.published_at, fact.version) > (old.published_at, old.version):
                best[fact.period_end, name] = fact
    points = []
    for period in sorted({period for period, _ in best}):
        found = {name: best[period, name] for name in _NAMES if (period, name) in best}
        newest = max(found.values(), key=lambda fact: fact.published_at)
        points.append(
            {
                "period_end": period,
                **{word: fixed(found[name].value, 2) if name in found else None for name, word in _NAMES.items()},
                "published_at": utc(newest.published_at),
                "source": newest.source,
            }
        )
    return points
