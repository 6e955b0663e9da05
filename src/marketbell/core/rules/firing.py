"""A firing's permanent id, and the values that say why it happened.

The id depends on nothing but the rule and the tick: a live run, a replay of its recording and a run
after a crash name the same firing alike, and the ledger keeps it once.
"""

import struct
from hashlib import blake2b
from typing import Any

from marketbell.core.language.literals import write_number
from marketbell.core.rules import words

_DOMAIN = b"marketbell.firing.1"
_POSITION = struct.Struct("<qqI")


def firing_id(rule_uid: str, definition_hash: str, instrument_id: int, event_time: int, nth: int = 1) -> str:
    """32 hex digits. `nth` counts the firings of one rule and instrument at one event time, from 1.

    Each text is preceded by its length, so no two different facts give the same bytes.
    """
    parts = [_DOMAIN]
    for text in (rule_uid, definition_hash):
        raw = text.encode()
        parts += [struct.pack("<I", len(raw)), raw]
    parts.append(_POSITION.pack(instrument_id, event_time, nth))
    return blake2b(b"".join(parts), digest_size=16).hexdigest()


def firing_values(
    command: dict[str, Any], *, value: float, previous: float, event_time: int, source: str = "feed"
) -> dict[str, Any]:
    """Why a level rule fired, from its arm command and the tick: the document of why.py, and the level's own words.

    `value` and `previous` are the field at this evaluation and the one before; `event_time` is the
    tick's (ns UTC). Nothing here depends on a wall clock: a replay gives the same values.
    """
    field, level = command["field"], float(command["level"])
    written = write_number(level)
    condition = f"{field} crosses {command['direction']} {written}"
    term = {
        "expression": field,
        "value": value,
        "previous": previous,
        "type": "price",
        "source": source,
        "timeframe": "tick",
        "as_of": event_time,
        "age_s": 0.0,
    }
    came = f"went from {words.value(previous, 'price')} to {words.value(value, 'price')}, past {words.number(level)}"
    return {
        "condition": condition,
        "event": "fire",
        "timing": "tick",
        "event_time": event_time,
        "truth": True,
        "sentence": f"The {'price' if field == 'close' else field} {came}.",
        "field": field,
        "direction": command["direction"],
        "level": level,
        "value": value,
        "previous": previous,
        "clauses": [
            {
                "text": condition,
                "role": "when",
                "truth": True,
                "distance": None,
                "distance_pct": None,
                "terms": [term],
            }
        ],
        "first_false": None,
        "missing": [],
        "terms": [
            term,
            {
                "expression": written,
                "value": level,
                "type": "price",
                "source": "rule",
                "timeframe": "tick",
                "as_of": event_time,
                "age_s": 0.0,
            },
        ],
    }
