"""A firing's permanent id, and the values that say why it happened.

The id depends on nothing but the rule and the tick: a live run, a replay of its recording and a run
after a crash name the same firing alike, and the ledger keeps it once.
"""

import struct
from hashlib import blake2b
from typing import Any

from marketbell.core.language.literals import write_number

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
    """Why a level rule fired, from its arm command and the tick: each sub-expression with its value and source.

    `value` and `previous` are the field at this evaluation and the one before; `event_time` is the
    tick's (ns UTC). Nothing here depends on a wall clock: a replay gives the same values.
    """
    field, level = command["field"], float(command["level"])
    condition = f"{field} crosses {command['direction']} {write_number(level)}"
    return {
        "condition": condition,
        "field": field,
        "direction": command["direction"],
        "level": level,
        "value": value,
        "previous": previous,
        "terms": [
            {
                "expression": field,
                "value": value,
                "previous": previous,
                "event_time": event_time,
                "source": source,
                "age_s": 0.0,
            },
            {"expression": write_number(level), "value": level},
        ],
    }
