"""What comes of a call of the engine, piece by piece, and the columns that go into its kernel."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import SCHEMAS, Columns, FrameKind
from marketbell.core.engine.firings import FiredColumns
from marketbell.core.engine.outputs import Outputs

_FILL: Mapping[str, float | int] = {"volume": np.nan, "size": np.nan, "trade_id": -1, "flags": 0}


class Collected:
    """Pieces of the outputs while frames are applied."""

    def __init__(self) -> None:
        self.outputs = Outputs()
        self.bars_1m: list[Columns] = []
        self.bars_1d: list[Columns] = []
        self.quality: list[Columns] = []
        self.late: list[Columns] = []
        self.fired: list[FiredColumns] = []


def concatenated(parts: list[Columns]) -> Columns:
    """Trade columns of all parts in one piece, complete, contiguous and writable (one kernel signature)."""
    whole: Columns = {}
    counts = [len(part["instrument_id"]) for part in parts]
    for name, dtype in SCHEMAS[FrameKind.TRADE]:
        fallback = "event_time" if name == "ingest_time" else ""
        if not fallback and all(name not in part for part in parts):
            whole[name] = np.full(sum(counts), _FILL[name], dtype)
            continue
        pieces: list[NDArray[Any]] = []
        for part, count in zip(parts, counts, strict=True):
            piece = part.get(name, part[fallback] if fallback else None)
            pieces.append(np.full(count, _FILL[name], dtype) if piece is None else np.asarray(piece))
        if len(pieces) == 1:
            whole[name] = np.require(pieces[0], np.dtype(dtype), ["C", "W"])
        else:
            whole[name] = np.concatenate(pieces).astype(dtype, copy=False)
    return whole
