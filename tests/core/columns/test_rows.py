"""Changed rows survive their way over the bus, and damage is noticed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.columns.frame import Frame, FrameKind, decode, encode
from marketbell.core.columns.rows import ChangedRows, changed_rows, rows_frame
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import CorruptFrameError

DAY = 1_700_000_000_000_000_000


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 7), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_a_message_survives_packing(count: int, names: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(names, count))
    values[random.random((names, count)) < 0.3] = np.nan
    message = ChangedRows(
        group="shards 0-31",
        first=5,
        last=9,
        heartbeat=DAY + 999,
        at=DAY + np.sort(random.integers(0, 999, count)),
        instrument_id=random.integers(-(2**62), 2**62, count),
        event_time=DAY + random.integers(0, 999, count),
        names=tuple(f"c{n}" for n in range(names)),
        values=values,
        epoch="e1",
        fence=3,
        instruments=(Instrument("NSE:A", indices=("NIFTY50",)).as_dict(),),
        defined_at=DAY,
        is_full=bool(seed % 2),
    )
    found = changed_rows(decode(encode(rows_frame(message, partition=2))))
    for name in ("at", "instrument_id", "event_time", "values"):
        assert getattr(found, name).tobytes() == np.ascontiguousarray(getattr(message, name)).tobytes(), name
    plain = {"at": message.at, "instrument_id": message.at, "event_time": message.at, "values": values}
    assert replace(found, **plain, instruments=()) == replace(message, **plain, instruments=())
    assert Instrument.from_dict(dict(found.instruments[0])) == Instrument("NSE:A", indices=("NIFTY50",))


def test_shapes_that_do_not_fit_are_refused() -> None:
    at = np.array([DAY])
    with pytest.raises(ValueError, match="values are"):
        rows_frame(ChangedRows("g", 0, 1, DAY, at, at, at, ("close", "volume"), np.zeros((1, 1))))


def test_other_payloads_are_corrupt() -> None:
    good = rows_frame(ChangedRows("g", 0, 1, DAY))
    for bad in (
        Frame(FrameKind.COMMAND, 0, 0, 0, 1, DAY, DAY, 0, {}, b"{}"),
        replace(good, payload=good.payload[:10]),
        replace(good, payload=b"\x08\0\0\0not json"),
        replace(good, payload=b"\x04\0\0\0{}  "),
    ):
        with pytest.raises(CorruptFrameError):
            changed_rows(bad)
