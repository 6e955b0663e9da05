"""Option chains for tests: a flat smile priced by the kernels, and frames of them."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
from tests.core.rules.market import FIRST_DAY, OPEN

from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.market.session import DAY, SECOND
from marketbell.core.options.chain import Chain, Side
from marketbell.core.options.expiry import expires_at
from marketbell.core.options.frames import chain_rows
from marketbell.core.options.model import ModelSettings
from marketbell.core.options.pricing import value
from marketbell.core.primitives.identity import instrument_id

WEEK = date(1970, 1, 1) + timedelta(days=FIRST_DAY + 3)
NEXT_WEEK = WEEK + timedelta(days=7)
NAMES = ("expiry", "as_of", "price", "oi")


def chain(
    second: float,
    pcr: float = 1.0,
    *,
    key: str = "NSE:A",
    expiry: date = WEEK,
    spot: float = 1_000.0,
    iv: float = 0.20,
    wall: float = 1_050.0,
    start: int = OPEN,
    **more: Any,
) -> Chain:
    """A chain `second` behind `start` with this PCR; `wall` is the strike with the most open interest of calls.

    Price and open interest are above those of the day before: a long build-up.
    """
    as_of = start + round(second * SECOND)
    strikes = np.arange(800.0, 1_225.0, 25.0)
    ends = expires_at(key, expiry)
    t_years = np.full(len(strikes), (ends - as_of) / (365 * DAY))
    flat, forward = np.full(len(strikes), iv), float(more.get("future", spot))
    sides = [
        value(flat, strikes, np.full(len(strikes), is_call), spot, forward, t_years, ModelSettings())
        for is_call in (True, False)
    ]
    call_oi = np.where(strikes == wall, 300.0, 100.0)
    oi = (call_oi, np.full(len(strikes), pcr * call_oi.sum() / len(strikes)))
    made = [
        Side.of(
            len(strikes), last=one.price, bid=one.price * 0.999, ask=one.price * 1.001, oi=held, volume=held,
            prev_close=one.price * moved, oi_change=held * 0.1,
        )
        for one, held, moved in zip(sides, oi, (0.9, 1.1), strict=True)
    ]  # fmt: skip
    facts: dict[str, Any] = {"expires_at": ends, "source": "test"} | more
    return Chain(key, expiry, as_of, spot, strikes, *made, **facts)


def chain_frame(one: Chain, first: int = 0, last: int = 0) -> Frame:
    """The frame of a chain."""
    columns, payload = chain_rows(one, instrument_id(one.underlying))
    raw = json.dumps(payload).encode()
    return Frame(FrameKind.CHAIN, 0, 9, first, last, one.as_of, one.as_of, 2 * len(one), columns, raw)


def futures(
    second: float, price: float, oi: float, *, key: str = "NSE:A", start: int = OPEN, expiry: date = WEEK
) -> dict[str, Any]:
    """A reference entry with a quote of the near future."""
    item: Mapping[str, Any] = {
        "instrument_id": int(instrument_id(key)),
        "expiry": expiry.isoformat(),
        "as_of": start + round(second * SECOND),
        "price": price,
        "oi": oi,
    }
    return {"type": "futures", "items": [item]}
