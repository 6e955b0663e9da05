"""What of the log is meant for some of its shards: a range sees what it would see in a log of its own.

Rows, and items of reference documents, go to the shard of their instrument. A command about an instrument
goes to its owner; the others forget what they hold under its name, because a rule may have moved here from
one of theirs. Everything else (heartbeats, runs, sources) is everybody's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import orjson

from marketbell.core.columns.frame import SCHEMAS, Columns, Frame, FrameKind
from marketbell.core.market.homes import Homes
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.shards import Shards

_INSTRUMENTS = b'"instruments"'
_INSTRUMENT_ID = b'"instrument_id"'


def learn(frame: Frame, homes: Homes) -> None:
    """Take the homes of the instruments that a frame defines."""
    if frame.kind is FrameKind.REFERENCE and _INSTRUMENTS in frame.payload:
        payload = orjson.loads(frame.payload)
        if payload.get("type") == "instruments":
            homes.learn(Instrument.from_dict(item) for item in payload.get("items", ()))


def own_part(
    frame: Frame, homes: Homes, shards: Shards, applied: int | None, knows: Callable[[str], bool]
) -> Frame | None:
    """The part of a frame that concerns `shards`; None where nothing of it does.

    `applied` is the newest position of the frame's producer that was applied: rows up to it are cut off here,
    because afterwards rows and positions no longer correspond. A frame of foreign rows stays as an empty one,
    so that its positions are seen. `knows` tells whether a rule (its uid) was heard of here; the commands of
    one rule come in the order of its versions.
    """
    if frame.kind in {FrameKind.REFERENCE, FrameKind.COMMAND}:
        if _INSTRUMENT_ID not in frame.payload:
            return frame
        payload = _own_document(orjson.loads(frame.payload), homes, shards, knows)
        return None if payload is None else replace(frame, payload=orjson.dumps(payload))
    if not frame.columns:
        return frame
    columns, first = frame.columns, frame.first_seq
    if applied is not None and first < applied < frame.last_seq and frame.count == frame.last_seq - first:
        columns = {name: column[applied - first :] for name, column in columns.items()}
        first = applied
    mine = np.flatnonzero(homes.inside(np.asarray(columns["instrument_id"], np.int64), shards))
    if len(mine):
        own: Columns = {name: column[mine] for name, column in columns.items()}
        return replace(frame, first_seq=first, count=len(mine), columns=own)
    if first == frame.last_seq:
        return None
    nothing: Columns = {name: np.empty(0, dtype) for name, dtype in SCHEMAS[FrameKind.TRADE]}
    return replace(frame, kind=FrameKind.TRADE, first_seq=first, count=0, columns=nothing, payload=b"")


def _own_document(
    payload: dict[str, Any], homes: Homes, shards: Shards, knows: Callable[[str], bool]
) -> dict[str, Any] | None:
    items = payload.get("items")
    if not isinstance(items, list):
        return payload if _are_mine([payload], homes, shards)[0] else _forgotten(payload, knows)
    mine = _are_mine(items, homes, shards)
    if payload.get("type") != "batch":
        own = [item for item, is_mine in zip(items, mine, strict=True) if is_mine]
        return payload | {"items": own} if own else None
    # a rule may move away inside the very batch that brought it here
    told = {str(item["rule_uid"]) for item, is_mine in zip(items, mine, strict=True) if is_mine and "rule_uid" in item}
    found = [
        item if is_mine else _forgotten(item, lambda uid: uid in told or knows(uid))
        for item, is_mine in zip(items, mine, strict=True)
    ]
    own = [item for item in found if item is not None]
    return payload | {"items": own} if own else None


def _are_mine(items: Sequence[Mapping[str, Any]], homes: Homes, shards: Shards) -> list[bool]:
    """True for what concerns one of our instruments, or no instrument at all."""
    ids = np.array([int(item.get("instrument_id", 0)) for item in items], np.int64)
    has_none = np.array(["instrument_id" not in item for item in items], np.bool_)
    return [bool(one) for one in homes.inside(ids, shards) | has_none]


def _forgotten(command: Mapping[str, Any], knows: Callable[[str], bool]) -> dict[str, Any] | None:
    """What a rule's command means where its instrument does not live: older versions of the rule end here."""
    if "rule_uid" not in command or not knows(str(command["rule_uid"])):
        return None
    return {"type": "disarm", "rule_uid": command["rule_uid"], "version": int(command["version"]) - 1}
