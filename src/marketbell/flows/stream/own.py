"""What of the log is meant for some of its shards: a range sees what it would see in a log of its own.

Rows, and items of reference documents, go to the shard of their instrument. A command about an instrument
goes to its owner; the others forget what they hold under its name, because a rule may have moved here from
one of theirs. Everything else (heartbeats, runs, sources) is everybody's.
"""

from collections.abc import Mapping
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


def own_part(frame: Frame, homes: Homes, shards: Shards, applied: int | None) -> Frame | None:
    """The part of a frame that concerns `shards`; None where nothing of it does.

    `applied` is the newest position of the frame's producer that was applied: rows up to it are cut off here,
    because afterwards rows and positions no longer correspond. A frame of foreign rows stays as an empty one,
    so that its positions are seen.
    """
    if frame.kind in {FrameKind.REFERENCE, FrameKind.COMMAND}:
        if _INSTRUMENT_ID not in frame.payload:
            return frame
        payload = _own_document(orjson.loads(frame.payload), homes, shards)
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


def _own_document(payload: dict[str, Any], homes: Homes, shards: Shards) -> dict[str, Any] | None:
    items = payload.get("items")
    if isinstance(items, list):
        own = [found for item in items if (found := _own_item(payload, item, homes, shards)) is not None]
        return payload | {"items": own} if own else None
    return _own_item(payload, payload, homes, shards)


def _own_item(payload: Mapping[str, Any], item: dict[str, Any], homes: Homes, shards: Shards) -> dict[str, Any] | None:
    if "instrument_id" not in item or homes.has(int(item["instrument_id"]), shards):
        return item
    if "rule_uid" in item and (payload is item or payload.get("type") == "batch"):
        return {"type": "disarm", "rule_uid": item["rule_uid"], "version": int(item["version"]) - 1}
    return None
