"""Pushed chains: what is read as it was sent, and which field is to blame where it cannot be."""

import math
from datetime import UTC, date, datetime
from typing import Any

import pytest

from marketbell.core.options.chain import Chain, Side
from marketbell.flows.ingest.pushed_chains import AHEAD_NS, MAX_STRIKES, read_chain
from marketbell.flows.ingest.rows import RowError

AS_OF = int(datetime(2026, 8, 19, 3, 45, tzinfo=UTC).timestamp()) * 10**9
NOW = AS_OF + 10**9


def row(**values: Any) -> dict[str, Any]:
    side = {"last": [101.5, None], "oi": [75, 0], "quote_time": ["2026-08-19T09:14:58+05:30", None]}
    known = {
        "underlying": "NSE:NIFTY50", "expiry": "2026-08-25", "as_of": "2026-08-19T09:15:00+05:30", "spot": 24_010.5,
        "strikes": [24_000, 24_050.0], "call": side, "put": {"bid": [10, 11.5], "ask": [10.1, 12]},
    }  # fmt: skip
    return known | values


def test_a_chain_is_read_and_what_it_does_not_say_is_unknown() -> None:
    chain, kind = read_chain(row(kind="index"), NOW)
    assert (chain.underlying, chain.expiry, chain.as_of, kind) == ("NSE:NIFTY", date(2026, 8, 25), AS_OF, "index")
    assert datetime.fromtimestamp(chain.expires_at / 1e9, UTC) == datetime(2026, 8, 25, 10, 10, tzinfo=UTC)
    assert chain.strikes.tolist() == [24_000.0, 24_050.0]
    assert chain.call.last[0] == 101.5
    assert math.isnan(chain.call.last[1])
    assert chain.call.quote_time.tolist() == [AS_OF - 2 * 10**9, 0]
    assert math.isnan(chain.call.bid[0])
    assert chain.put.ask.tolist() == [10.1, 12.0]
    assert (chain.source, chain.flags, math.isnan(chain.future)) == ("push", (), True)


def test_what_a_chain_says_of_itself_is_read_again() -> None:
    side = Side.of(2, last=[1.0, math.nan], oi_change=[-75.0, 75.0], quote_time=[AS_OF, 0])
    chain = Chain(
        "US:SPY", date(2026, 8, 21), AS_OF, 640.25, Side.of(2, last=[635.0, 640.0]).last, side, Side.of(2), AS_OF + 7,
        future=641.0, lot_size=100.0, source="desk", flags=("duplicate",),
    )  # fmt: skip
    again, kind = read_chain(chain.as_dict(), NOW)
    assert again.as_dict() == chain.as_dict()
    assert kind is None


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"underlying": "nifty"}, "underlying"),
        ({"underlying": {"$gt": ""}}, "underlying"),
        ({"expiry": "25-08-2026"}, "expiry"),
        ({"expiry": "20260825"}, "expiry"),
        ({"expiry": None}, "expiry"),
        ({"expiry": "2026-02-30"}, "expiry"),
        ({"as_of": None}, "as_of"),
        ({"as_of": 0}, "as_of"),
        ({"as_of": "2026-08-19T09:15:00"}, "as_of"),
        ({"as_of": NOW + AHEAD_NS + 1}, "as_of"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"spot": 0}, "spot"),
        ({"spot": "24010"}, "spot"),
        ({"future": -1.0}, "future"),
        ({"lot_size": True}, "lot_size"),
        ({"strikes": []}, "strikes"),
        ({"strikes": [24_000, 24_000]}, "strikes"),
        ({"strikes": [24_050, 24_000]}, "strikes"),
        ({"strikes": [None], "call": None, "put": None}, "strikes"),
        ({"strikes": [None, 1.0]}, "strikes"),
        ({"strikes": list(range(1, MAX_STRIKES + 2))}, "strikes"),
        ({"call": [1, 2]}, "call"),
        ({"call": {"ltp": [1, 2]}}, "call.ltp"),
        ({"call": {"$set": [1, 2]}}, "call.$set"),
        ({"call": {"last": [1]}}, "call.last"),
        ({"put": {"last": [1, "2"]}}, "put.last"),
        ({"put": {"last": [1, -2]}}, "put.last"),
        ({"put": {"oi": [1, True]}}, "put.oi"),
        ({"put": {"quote_time": [1, "noon"]}}, "put.quote_time"),
        ({"source": "a" * 65}, "source"),
        ({"source": "a\nb"}, "source"),
        ({"flags": "duplicate"}, "flags"),
        ({"flags": ["x"] * 21}, "flags"),
        ({"kind": "bond"}, "kind"),
        ({"$where": "sleep(1000)"}, "$where"),
        ({"spott": 1}, "spott"),
    ],
)
def test_what_cannot_be_read_names_its_field(values: dict[str, Any], field: str) -> None:
    with pytest.raises(RowError) as caught:
        read_chain(row(**values), NOW)
    assert caught.value.name == field
    assert caught.value.reason


def test_a_change_may_be_negative_and_a_side_may_be_missing() -> None:
    chain, _ = read_chain(row(call={"oi_change": [-75, None]}, put=None), NOW)
    assert chain.call.oi_change[0] == -75.0
    assert math.isnan(chain.put.last[0])
