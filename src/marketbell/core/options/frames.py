"""A chain as rows of the ordered log, one a contract, and back.

What is the same for all strikes (expiry, spot, future …) stands in the frame's payload. Nothing is lost on the way:
a NaN stays a NaN, and a column that a source does not have is left out of the frame.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns, Frame, FrameKind, decode, encode
from marketbell.core.options.chain import QUOTES, Chain, Side
from marketbell.core.primitives.errors import CorruptFrameError


def chain_rows(chain: Chain, instrument_id: int) -> tuple[Columns, dict[str, Any]]:
    """Columns (CHAIN schema) and payload of a chain; `instrument_id` is that of its underlying."""
    count = len(chain)
    columns: Columns = {
        "instrument_id": np.full(2 * count, instrument_id, np.int64),
        "event_time": np.full(2 * count, chain.as_of, np.int64),
        "strike": np.concatenate([chain.strikes, chain.strikes]),
        "side": np.repeat(np.array([0, 1], np.uint8), count),
    }
    for name in QUOTES:
        both: NDArray[np.float64] = np.concatenate([getattr(chain.call, name), getattr(chain.put, name)])
        if not np.isnan(both).all():
            columns[name] = both
    times = np.concatenate([chain.call.quote_time, chain.put.quote_time])
    if times.any():
        columns["quote_time"] = times
    payload = {
        "underlying": chain.underlying,
        "expiry": chain.expiry.isoformat(),
        "as_of": chain.as_of,
        "expires_at": chain.expires_at,
        "spot": _plain(chain.spot),
        "future": _plain(chain.future),
        "lot_size": _plain(chain.lot_size),
        "source": chain.source,
        "flags": list(chain.flags),
    }
    return columns, payload


def chain_of(columns: Mapping[str, NDArray[Any]], payload: Mapping[str, Any]) -> Chain:
    """The inverse. CorruptFrameError where something is missing or does not fit."""
    try:
        count = len(columns["strike"]) // 2
        strikes = np.asarray(columns["strike"], np.float64)[:count]
        return Chain(
            underlying=str(payload["underlying"]),
            expiry=date.fromisoformat(payload["expiry"]),
            as_of=int(payload["as_of"]),
            spot=_number(payload["spot"]),
            strikes=strikes,
            call=_side(columns, 0, count),
            put=_side(columns, count, count),
            expires_at=int(payload["expires_at"]),
            future=_number(payload["future"]),
            lot_size=_number(payload["lot_size"]),
            source=str(payload["source"]),
            flags=tuple(payload["flags"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        message = f"the frame of an option chain is incomplete: {error}"
        raise CorruptFrameError(message) from error


def packed(chain: Chain) -> bytes:
    """A chain as the bytes of a frame without a producer, for what keeps it."""
    columns, payload = chain_rows(chain, 0)
    raw = json.dumps(payload, separators=(",", ":")).encode()
    return encode(Frame(FrameKind.CHAIN, 0, 0, 0, 0, chain.as_of, chain.as_of, 2 * len(chain), columns, raw))


def unpacked(data: bytes) -> Chain:
    """The inverse. CorruptFrameError where the bytes are no chain."""
    frame = decode(data)
    if frame.kind is not FrameKind.CHAIN:
        message = f"a frame of kind {frame.kind.name} holds no option chain"
        raise CorruptFrameError(message)
    try:
        payload = json.loads(frame.payload)
    except ValueError as error:
        message = f"the frame of an option chain has no readable payload: {error}"
        raise CorruptFrameError(message) from error
    return chain_of(frame.columns, payload)


def _side(columns: Mapping[str, NDArray[Any]], first: int, count: int) -> Side:
    """The side whose contracts stand from `first` on."""
    names = [name for name in (*QUOTES, "quote_time") if name in columns]
    return Side.of(count, **{name: columns[name][first : first + count] for name in names})


def _plain(number: float) -> float | None:
    return None if np.isnan(number) else float(number)


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
