"""A chain on the log is the chain that was put there: every number, the unknown ones too."""

from datetime import date, timedelta
from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.columns.frame import Frame, FrameKind, decode, encode
from marketbell.core.options.chain import QUOTES, Chain, Side
from marketbell.core.options.frames import chain_of, chain_rows, packed, unpacked
from marketbell.core.primitives.errors import CorruptFrameError

_NUMBERS = st.one_of(st.just(nan), st.floats(0, 1e12, allow_nan=False))
_TIMES = st.integers(0, 1 << 62)


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    count = draw(st.integers(1, 12))
    strikes = sorted(draw(st.sets(st.floats(0.5, 1e6), min_size=count, max_size=count)))

    def side() -> Side:
        names = draw(st.sets(st.sampled_from(QUOTES)))
        columns = {name: draw(st.lists(_NUMBERS, min_size=count, max_size=count)) for name in names}
        if draw(st.booleans()):
            columns["quote_time"] = draw(st.lists(_TIMES, min_size=count, max_size=count))
        return Side.of(count, **columns)

    return Chain(
        underlying=draw(st.sampled_from(["NSE:NIFTY", "NSE:M&M", "US:SPY"])),
        expiry=date(2026, 1, 1) + timedelta(days=draw(st.integers(0, 900))),
        as_of=draw(_TIMES),
        spot=draw(_NUMBERS),
        strikes=np.array(strikes),
        call=side(),
        put=side(),
        expires_at=draw(_TIMES),
        future=draw(_NUMBERS),
        lot_size=draw(_NUMBERS),
        source=draw(st.text(max_size=20)),
        flags=tuple(draw(st.lists(st.sampled_from(["unit_mismatch", "duplicate"]), max_size=2))),
    )


@settings(max_examples=60, deadline=None)
@given(chain=chains())
def test_nothing_is_lost_on_the_log(chain: Chain) -> None:
    assert unpacked(packed(chain)).as_dict() == chain.as_dict()
    columns, payload = chain_rows(chain, 7)
    frame = decode(encode(Frame(FrameKind.CHAIN, 0, 1, 4, 5, 0, 0, 2 * len(chain), columns)))
    assert set(frame.columns["instrument_id"].tolist()) == {7}
    assert chain_of(frame.columns, payload).as_dict() == chain.as_dict()


def test_what_is_no_chain_says_so() -> None:
    chain = Chain("NSE:NIFTY", date(2026, 8, 25), 1, 2.0, np.array([3.0]), Side.of(1), Side.of(1))
    columns, payload = chain_rows(chain, 7)
    with pytest.raises(CorruptFrameError, match="expiry"):
        chain_of(columns, {name: value for name, value in payload.items() if name != "expiry"})
    with pytest.raises(CorruptFrameError, match="incomplete"):
        chain_of(columns, payload | {"expiry": "tomorrow"})
    with pytest.raises(CorruptFrameError, match="HEARTBEAT"):
        unpacked(encode(Frame(FrameKind.HEARTBEAT, 0, 0, 0, 0, 0, 0, 0)))
    with pytest.raises(CorruptFrameError, match="readable payload"):
        unpacked(encode(Frame(FrameKind.CHAIN, 0, 0, 0, 0, 0, 0, 2, columns, b"{")))
