"""Abnormal patterns for people: state, score, and the evidence with its labels."""

from collections.abc import Iterable, Mapping
from typing import Any

from marketbell.core.patterns.catalogue import PATTERNS, Pattern
from marketbell.flows.market_views.numbers import number, plain, utc

_ORDER = ("present", "absent", "unknown")


def pattern_items(
    row: Mapping[str, Any], evidence: Iterable[Mapping[str, Any]], clock: int | None
) -> list[dict[str, Any]]:
    """Every pattern; `evidence` are the newest signs as the stream tells them.

    Signs from after the market's clock belong to another run of a source and are left out.
    """
    signs = {str(one["pattern"]): one for one in evidence if not clock or int(one["end"]) <= clock}
    items = [_item(pattern, row, signs.get(pattern.name)) for pattern in PATTERNS]
    return sorted(items, key=lambda item: _ORDER.index(item["state"]))


def _item(pattern: Pattern, row: Mapping[str, Any], sign: Mapping[str, Any] | None) -> dict[str, Any]:
    value = number(row, pattern.field)
    return {
        "pattern": pattern.name,
        "title": pattern.title,
        "state": "unknown" if value is None else "present" if value else "absent",
        "score": plain(number(row, pattern.score_field)),
        "threshold": plain(pattern.threshold),
        "basis": pattern.basis.value,
        "definition": pattern.definition,
        "reason": pattern.reason,
        "reference": pattern.source,
        "caution": pattern.caution,
        "evidence": None if sign is None else _sign(pattern, sign),
    }


def _sign(pattern: Pattern, sign: Mapping[str, Any]) -> dict[str, Any]:
    values = sign["numbers"]
    return {
        "start": utc(int(sign["start"])),
        "end": utc(int(sign["end"])),
        "numbers": [
            {"name": one.name, "label": one.label, "value": plain(values.get(one.name)), "unit": one.unit}
            for one in pattern.numbers
        ],
    }
