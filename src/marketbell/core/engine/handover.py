"""A checkpoint cut by shards, and checkpoints of neighbouring shards put together: arrays in, arrays out.

What an engine knows is either of a row (its instrument's), of the whole log (clock, source, positions), or
a total. Rows go where their instrument lives; what is of the log goes to every part and must agree when
parts come together; totals go with the first shard, so that the sum over all parts stays what it was.
Parts may be put together only at the same place of the same log, and then the result equals, bit for bit,
the checkpoint of an engine that had never been cut (in its normal form: `merge` of one part).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import kernel as k
from marketbell.core.engine.level_parts import instruments as level_instruments
from marketbell.core.engine.level_parts import joined_levels, without_foreign
from marketbell.core.engine.line_up import Extra, make_operators
from marketbell.core.engine.operators import Operator
from marketbell.core.engine.state import BY_ROW
from marketbell.core.engine.state import whole as in_one_piece
from marketbell.core.market.homes import Homes
from marketbell.core.primitives.errors import CheckpointError
from marketbell.core.primitives.shards import Shards

Arrays = Mapping[str, NDArray[Any]]

_BY_ROW = (*BY_ROW, "profile", "hist_t", "hist_f")
_BY_SLOT = ("BI",)
"""Several places a row, one row's behind the other's."""
_OWN = frozenset({*_BY_ROW, *_BY_SLOT, "ring", "meta"})
_SUMS = ("ticks_read", "accepted", "rules_rejected", "bars_skipped")
_SHARED = ("repeats", "gaps")
"""Totals of the log rather than of rows: every part counts each of them."""


def split(
    arrays: Arrays, shards: Shards, homes: Homes, *, first: int, extra: Sequence[Extra] = ()
) -> dict[str, NDArray[Any]]:
    """The part of an engine's checkpoint that belongs to `shards`.

    `homes` knows every instrument of the log up to the checkpoint's place; `first` is the first shard of the
    checkpoint: the part that holds it takes the totals. `extra` as in Engine. CheckpointError where an
    array is not understood.
    """
    meta = _meta(arrays)
    arrays = in_one_piece(arrays)
    ids = np.ascontiguousarray(arrays["I"][:, k.I_ID])
    rows = np.flatnonzero(homes.inside(ids, shards))
    part = _rows(arrays, rows, len(ids))
    part.update(_split_levels(arrays, shards, homes, rows, len(ids)))
    for name, operator, own in _operators(arrays, extra):
        part.update(_prefixed(name, operator.split(own, rows, len(ids))))
    totals = {name: count if first in shards or name in _SHARED else 0 for name, count in meta["totals"].items()}
    unknown = [[ident, count] for ident, count in meta["unknown"] if homes.has(ident, shards)]
    part["meta"] = _packed(
        meta
        | {"instruments": [meta["instruments"][row] for row in rows.tolist()], "totals": totals, "unknown": unknown}
    )
    return part


def merge(parts: Sequence[Arrays], homes: Homes, extra: Sequence[Extra] = ()) -> dict[str, NDArray[Any]]:
    """The checkpoint that has the rows of all parts, in the order in which the log defined them.

    Merging a single part gives the normal form of a checkpoint: no holes between ring buffers, levels
    by row. CheckpointError where the parts do not stand at the same place or an array is not understood.
    """
    metas = [_meta(part) for part in parts]
    parts = [in_one_piece(part) for part in parts]
    ids = np.concatenate([np.asarray(part["I"][:, k.I_ID]) for part in parts])
    order = np.array(sorted(range(len(ids)), key=lambda at: (homes.place(int(ids[at])), at)), np.int64)
    whole = _rows(_joined(parts), order, len(ids))
    whole.update(_merge_levels(parts, order))
    counts = [len(part["I"]) for part in parts]
    found = [{name: (operator, own) for name, operator, own in _operators(part, extra)} for part in parts]
    for name in sorted(set().union(*found)):
        if any(name not in one for one in found):
            message = f"only some of the checkpoints have the operator {name!r}"
            raise CheckpointError(message)
        operator = found[0][name][0]
        whole.update(_prefixed(name, operator.merge([one[name][1] for one in found], order, counts)))
    whole["meta"] = _packed(_merge_meta(metas, order))
    return whole


def moved(arrays: Arrays, partition: int) -> dict[str, NDArray[Any]]:
    """The same state for a log with another number of partitions: its positions are now those of `partition`."""
    meta = _meta(arrays)
    newest: dict[int, int] = {}
    for producer, _, last in meta["progress"]:
        newest[producer] = max(last, newest.get(producer, last))
    progress = [[producer, partition, last] for producer, last in newest.items()]
    return {**arrays, "meta": _packed(meta | {"progress": progress})}


# --- rows ------------------------------------------------------------------------------------------


def _rows(arrays: Arrays, rows: NDArray[np.int64], count: int) -> dict[str, NDArray[Any]]:
    """Every array of the tick kernel for these rows, ring buffers packed in their order."""
    part = {name: np.ascontiguousarray(arrays[name][rows]) for name in _BY_ROW}
    for name in _BY_SLOT:
        whole = arrays[name]
        slots = len(whole) // count if count else 1
        part[name] = whole[(rows[:, None] * slots + np.arange(slots)).ravel()]
    integers = part["I"]
    sizes, starts = integers[:, k.I_RING_CAP], integers[:, k.I_RING_AT]
    places = np.cumsum(sizes) - sizes
    at = np.repeat(starts - places, sizes) + np.arange(int(sizes.sum()))
    # as wide as an engine of these instruments alone would make it
    width = int(integers[:, k.I_MINUTES].max(initial=1))
    part["profile"] = np.ascontiguousarray(part["profile"][:, :width])
    part["ring"] = arrays["ring"][at]
    integers[:, k.I_RING_AT] = np.where(sizes > 0, places, 0)
    return part


def _joined(parts: Sequence[Arrays]) -> dict[str, NDArray[Any]]:
    """Rows of all parts behind one another; ring buffers point into the joined pool."""
    minutes = max(part["profile"].shape[1] for part in parts)
    whole: dict[str, NDArray[Any]] = {}
    for name in (*_BY_ROW, *_BY_SLOT, "ring"):
        pieces = [part[name] for part in parts]
        if name == "profile":
            pieces = [np.pad(piece, ((0, 0), (0, minutes - piece.shape[1]), (0, 0))) for piece in pieces]
        whole[name] = np.concatenate(pieces)
    pools = np.cumsum([0, *(len(part["ring"]) for part in parts)])
    whole["I"][:, k.I_RING_AT] += np.repeat(pools[:-1], [len(part["I"]) for part in parts])
    return whole


# --- levels ----------------------------------------------------------------------------------------


def _split_levels(
    arrays: Arrays, shards: Shards, homes: Homes, rows: NDArray[np.int64], count: int
) -> dict[str, NDArray[Any]]:
    """Levels whose instrument lives in `shards`; a disarming concerns everybody and stays everywhere."""
    ids = level_instruments(arrays)
    new_row = np.full(count, -1, np.int64)
    new_row[rows] = np.arange(len(rows))
    own, keeps = without_foreign(arrays, (ids == 0) | homes.inside(ids, shards))
    return joined_levels([(own, keeps, new_row)])


def _merge_levels(parts: Sequence[Arrays], order: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Levels of all parts, each row's in the order of their arming."""
    new_row = np.empty(len(order), np.int64)
    new_row[order] = np.arange(len(order))
    found, before = [], 0
    for part in parts:
        count = len(part["I"])
        found.append((part, np.ones(len(level_instruments(part)), np.bool_), new_row[before : before + count]))
        before += count
    return joined_levels(found)


# --- the rest --------------------------------------------------------------------------------------


def _merge_meta(metas: Sequence[dict[str, Any]], order: NDArray[np.int64]) -> dict[str, Any]:
    first = metas[0]
    parted = ("instruments", "unknown", "totals", "progress", "clock", "moment")
    for meta in metas[1:]:
        for name in first.keys() | meta.keys():
            if name not in parted and first.get(name) != meta.get(name):
                message = f"the checkpoints differ in {name!r}: they are not of one log"
                raise CheckpointError(message)
        if sorted(meta["progress"]) != sorted(first["progress"]) or meta["clock"] != first["clock"]:
            raise CheckpointError("the checkpoints do not stand at the same place")
    instruments = [one for meta in metas for one in meta["instruments"]]
    unknown: dict[int, int] = {}
    for meta in metas:
        for ident, count in meta["unknown"]:
            unknown[ident] = unknown.get(ident, 0) + count
    totals = {
        name: (max if name in _SHARED else sum)(meta["totals"].get(name, 0) for meta in metas)
        for name in first["totals"]
    }
    return first | {
        "moment": max(meta.get("moment", 0) for meta in metas),
        "instruments": [instruments[row] for row in order.tolist()],
        "unknown": sorted([ident, count] for ident, count in unknown.items()),
        "totals": totals,
        "progress": sorted(first["progress"]),
    }


def _operators(arrays: Arrays, extra: Sequence[Extra]) -> list[tuple[str, Operator, dict[str, NDArray[Any]]]]:
    """The operators that have arrays here: name, rule of cutting, arrays without the name before them."""
    known = {operator.name: operator for operator in make_operators(extra)}
    found: dict[str, dict[str, NDArray[Any]]] = {}
    for full, array in arrays.items():
        name, dot, rest = full.partition(".")
        if dot and name in known:
            found.setdefault(name, {})[rest] = array
        elif full not in _OWN and not full.startswith("level_"):
            message = f"nobody knows how the array {full!r} of a checkpoint is cut"
            raise CheckpointError(message)
    return [(name, known[name], own) for name, own in found.items()]


def _prefixed(name: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {f"{name}.{part}": array for part, array in arrays.items()}


def _meta(arrays: Arrays) -> dict[str, Any]:
    try:
        meta: dict[str, Any] = json.loads(np.asarray(arrays["meta"], np.uint8).tobytes())
    except (KeyError, ValueError) as error:
        message = f"the checkpoint has no readable description: {error}"
        raise CheckpointError(message) from error
    return meta


def _packed(document: Mapping[str, Any]) -> NDArray[Any]:
    return np.frombuffer(json.dumps(document).encode(), np.uint8)
