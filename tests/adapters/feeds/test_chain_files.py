"""Files of option chains: each format is found by its content and read into one unit; nothing unusual is hidden."""

import gzip
import json
import math
import tempfile
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.options.chains import theory

from marketbell.adapters.feeds.replay.chains import FORMATS, ChainFile, is_chain_file, read_chains
from marketbell.adapters.feeds.replay.chains.reading import expiry_of, moment_of
from marketbell.core.options.analysis import analyse
from marketbell.core.options.document import analyze_document
from marketbell.core.options.expiry import UNKNOWN
from marketbell.core.primitives.errors import InvalidSettingError, InvalidSourceError

Put = Callable[[str, Any], Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write a text, bytes or something for JSON under a name."""

    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def _ns(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * 10**9


def _kinds(file: ChainFile) -> dict[str, int]:
    found: dict[str, int] = {}
    for note in file.notes:
        found[note.kind] = found.get(note.kind, 0) + note.count
    return found


def _nse_side(strike: int, **values: Any) -> dict[str, Any]:
    return {
        "strikePrice": strike, "expiryDate": "17-Mar-2022", "underlying": "NIFTY", "openInterest": 10,
        "changeinOpenInterest": -2, "totalTradedVolume": 7, "impliedVolatility": 20.5, "lastPrice": 100.0,
        "change": 4.5, "bidQty": 50, "bidprice": 99.0, "askQty": 150, "askPrice": 101.0, "underlyingValue": 16_743.4,
        **values,
    }  # fmt: skip


def _nse(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    records = {"timestamp": "15-Mar-2022 13:01:52", "underlyingValue": 16_743.4, "data": list(rows)}
    return {"records": records, **more}


def test_nse_json_counts_contracts_and_we_count_units(put: Put) -> None:
    row = {
        "strikePrice": 16_700,
        "expiryDate": "17-Mar-2022",
        "CE": _nse_side(16_700),
        "PE": _nse_side(16_700, openInterest=4),
    }
    file = read_chains(put("x.json", _nse(row)))
    assert file.format == "nse"
    (chain,) = file.chains
    assert (chain.underlying, chain.expiry, chain.spot, chain.lot_size) == (
        "NSE:NIFTY",
        date(2022, 3, 17),
        16_743.4,
        50.0,
    )
    assert chain.as_of == _ns("2022-03-15T13:01:52+05:30")
    assert chain.expires_at == _ns("2022-03-17T15:30:00+05:30")
    assert chain.call.oi[0] == 500.0
    assert chain.put.oi[0] == 200.0
    assert chain.call.oi_change[0] == -100.0
    assert chain.call.volume[0] == 350.0
    assert chain.call.bid_size[0] == 50.0, "sizes of quotes are units already"
    assert chain.call.published_iv[0] == pytest.approx(0.205)
    assert chain.call.prev_close[0] == 95.5
    assert file.notes == []


def test_zeros_are_states_and_every_unusual_row_is_listed(put: Put) -> None:
    rows = [
        {"strikePrice": 16_700, "expiryDate": "17-Mar-2022", "CE": _nse_side(16_700, lastPrice=0, impliedVolatility=0)},
        {
            "strikePrice": 16_750,
            "expiryDate": "17-Mar-2022",
            "CE": _nse_side(16_750, bidprice=0, impliedVolatility=400),
        },
        {"strikePrice": 16_750, "expiryDate": "17-Mar-2022", "CE": _nse_side(16_750, bidprice=105, lastPrice=7)},
        {"strikePrice": 0, "expiryDate": "17-Mar-2022", "CE": _nse_side(0)},
        {
            "strikePrice": 16_800,
            "expiryDate": "17-Mar-2022",
            "PE": _nse_side(16_800, openInterest=-1, totalTradedVolume=-1),
        },
        {"strikePrice": 16_800, "expiryDate": "soon", "PE": _nse_side(16_800)},
    ]
    file = read_chains(put("x.json", _nse(*rows, filtered={"CE": {"totOI": 40}, "PE": {"totOI": 99}})))
    (chain,) = file.chains
    assert chain.strikes.tolist() == [16_700.0, 16_750.0, 16_800.0]
    assert np.isnan(chain.call.last[0])
    assert np.isnan(chain.call.published_iv[0])
    assert chain.call.last[1] == 7.0, "the later of two"
    assert np.isnan(chain.put.oi[2])
    assert chain.flags == ("duplicate",)
    assert _kinds(file) == {
        "no_trade": 1, "no_quote": 1, "crossed_quote": 1, "no_iv": 1, "extreme_iv": 1, "missing_side": 3,
        "duplicate": 1, "bad_strike": 1, "negative": 2, "unreadable": 1, "total_mismatch": 1,
    }  # fmt: skip
    assert file.notes[0].where == "NSE:NIFTY 2022-03-17 16700 CE at 2022-03-15T07:31:52Z"
    mismatch = next(note for note in file.notes if note.kind == "total_mismatch")
    assert "PE contracts (oi), the exchange says 99" in mismatch.text


def test_a_stocks_lot_is_found_in_the_sizes_of_its_quotes(put: Put) -> None:
    rows = [
        {
            "expiryDates": "31-Mar-2022",
            "strikePrice": strike,
            "CE": _nse_side(strike, underlying="TCS", bidQty=300, askQty=450),
        }
        for strike in range(3_000, 3_600, 100)
    ]
    file = read_chains(put("x.json", _nse(*rows)))
    assert file.chains[0].lot_size == 150.0
    assert file.chains[0].call.oi[0] == 1_500.0
    assert _kinds(file)["lot_inferred"] == 1
    few = read_chains(put("y.json", _nse(*rows[:2])))
    assert few.chains[0].flags == ("unit_mismatch",)
    assert math.isnan(few.chains[0].lot_size)
    assert few.chains[0].call.oi[0] == 10.0, "left as it is"


def test_a_lot_that_the_quotes_contradict_is_flagged(put: Put) -> None:
    rows = [
        {"strikePrice": strike, "expiryDate": "17-Mar-2022", "CE": _nse_side(strike, bidQty=75, askQty=225)}
        for strike in range(16_000, 16_600, 100)
    ]
    file = read_chains(put("x.json", _nse(*rows)))
    assert file.chains[0].flags == ("unit_mismatch",)
    assert _kinds(file)["unit_mismatch"] == 12


UPSTOX = {
    "status": "success",
    "data": [
        {
            "expiry": "2024-06-27", "strike_price": strike, "underlying_key": "NSE_INDEX|Nifty 50",
            "underlying_spot_price": 23_868.8,
            "call_options": {
                "market_data": {"ltp": 78.2, "volume": 300, "oi": 2_500, "close_price": 60.0, "bid_price": 78,
                                "bid_qty": 25, "ask_price": 79, "ask_qty": 50, "prev_oi": 2_000},
                "option_greeks": {"iv": 14.5},
            },
            "put_options": {"market_data": {"ltp": 70.0, "oi": 5_000, "prev_oi": 6_000}},
        }
        for strike in (23_850, 23_900)
    ],
}  # fmt: skip


def test_upstox_does_not_say_when(put: Put) -> None:
    path = put("chain.json", UPSTOX)
    file = read_chains(path)
    (chain,) = file.chains
    assert (file.format, chain.underlying, chain.as_of) == ("upstox", "NSE:NIFTY", 0)
    assert math.isnan(chain.t_years)
    assert _kinds(file) == {"no_time": 1}
    assert chain.call.oi.tolist() == [2_500.0, 2_500.0]
    assert chain.call.oi_change[0] == 500.0
    assert chain.put.oi_change[0] == -1_000.0
    stated = read_chains(path, as_of=moment_of("2024-06-26T15:30"))
    assert stated.chains[0].t_years == pytest.approx(1 / 365)
    assert stated.notes == []


DHAN = {
    "data": {
        "last_price": 24_964.25,
        "oc": {
            "25000.000000": {
                "ce": {"greeks": {"delta": 0.5}, "implied_volatility": 9.8, "last_price": 134, "oi": 3_786_445,
                       "previous_close_price": 244.85, "previous_oi": 402_220, "top_ask_price": 134.4,
                       "top_ask_quantity": 1_365, "top_bid_price": 133.55, "top_bid_quantity": 1_625,
                       "volume": 117_567_970},
                "pe": {"implied_volatility": 13.2, "last_price": 132.8, "oi": 3_096_145, "previous_oi": 1_000_000,
                       "top_ask_price": 0, "top_bid_price": 132.0, "volume": 100},
            }
        },
    },
    "status": "success",
}  # fmt: skip


def test_dhan_says_neither_when_nor_which(put: Put) -> None:
    path = put("nifty_dhan.json", DHAN)
    bare = read_chains(path)
    assert (bare.format, bare.chains[0].underlying, bare.chains[0].expiry) == ("dhan", "NSE:NIFTY", UNKNOWN)
    assert _kinds(bare) == {"no_quote": 1, "no_time": 1, "no_expiry": 1}
    assert bare.chains[0].put.oi[0] == 3_096_145.0
    wrapped = read_chains(put("wrapped.json", {"status": "success", "data": DHAN}))
    assert wrapped.chains[0].call.oi.tolist() == bare.chains[0].call.oi.tolist()
    file = read_chains(path, expiry=date(2026, 2, 10), as_of=moment_of("2026-02-03T12:00"), underlying="banknifty")
    (chain,) = file.chains
    assert (chain.underlying, chain.expiry, chain.spot) == ("NSE:BANKNIFTY", date(2026, 2, 10), 24_964.25)
    assert chain.call.prev_close[0] == 244.85
    assert chain.call.oi_change[0] == 3_786_445 - 402_220
    assert chain.t_years > 0


WEBSITE = """CALLS,,PUTS
,OI,CHNG IN OI,VOLUME,IV,LTP,CHNG,BID QTY,BID,ASK,ASK QTY,STRIKE,BID QTY,BID,ASK,ASK QTY,\
CHNG,LTP,IV,VOLUME,CHNG IN OI,OI,
,"1,200",-20,"10,500",14.2,105.5,10.5,25,105,106,50,"23,800.00",75,48,49,25,-12,48.2,13.9,900,35,"2,400",
,-,-,-,-,-,-,25,60,61,50,"23,900.00",75,90,91,25,5,90.5,13.5,10,5,40,
"""


def test_the_csv_of_the_exchanges_page(put: Put) -> None:
    path = put("option-chain-ED-NIFTY-27-Jun-2024.csv", WEBSITE)
    file = read_chains(path)
    (chain,) = file.chains
    assert (file.format, chain.underlying, chain.expiry) == ("nse_website", "NSE:NIFTY", date(2024, 6, 27))
    assert (chain.call.oi[0], chain.put.oi[0], chain.put.bid[0]) == (1_200 * 25.0, 2_400 * 25.0, 48.0)
    assert (chain.call.prev_close[0], chain.put.prev_close[0]) == (95.0, pytest.approx(60.2))
    assert np.isnan(chain.call.last[1])
    assert _kinds(file) == {"no_spot": 1, "no_time": 1}
    assert math.isnan(chain.spot)
    stated = read_chains(path, spot=23_868.8, as_of=moment_of("2024-06-26T15:30"))
    assert stated.chains[0].spot == 23_868.8
    assert stated.notes == []
    assert analyse(stated.chains[0]).forward_source == "parity"
    with pytest.raises(InvalidSettingError, match="--spot is the price"):
        read_chains(path, spot=-1.0)


UDIFF = """TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,FininstrmActlXpryDt,StrkPric,\
OptnTp,FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,ChngInOpnIntrst,\
TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty
2026-08-17,2026-08-17,FO,NSE,STF,1,,TCS,,2026-08-25,2026-08-25,,,TCS26AUGFUT,,,,3010.5,,3000,3005,3010.5,350000,1750,90,,,F1,175
2026-08-17,2026-08-17,FO,NSE,STO,2,,TCS,,2026-08-25,2026-08-25,3000,CE,TCS26AUG3000CE,,,,45.2,,40,3005,45.2,17500,175,12,,,F1,175
2026-08-17,2026-08-17,FO,NSE,STO,3,,TCS,,2026-08-25,2026-08-25,3000,PE,TCS26AUG3000PE,,,,30.1,,33,3005,30.1,35000,-350,0,,,F1,175
2026-08-17,2026-08-17,FO,NSE,ABC,4,,TCS,,2026-08-25,2026-08-25,3000,PE,X,,,,1,,1,1,1,1,1,1,,,F1,175
"""

OLD = """INSTRUMENT,SYMBOL,EXPIRY_DT,STRIKE_PR,OPTION_TYP,OPEN,HIGH,LOW,CLOSE,SETTLE_PR,CONTRACTS,VAL_INLAKH,OPEN_INT,\
CHG_IN_OI,TIMESTAMP,
FUTSTK,TCS,28-Apr-2022,0,XX,3500,3500,3500,3500,3500,10,8500,300000,50,27-APR-2022,
OPTSTK,TCS,28-Apr-2022,3500,CE,100,120,80,95.5,95.5,2,5,450,50,27-APR-2022,
OPTSTK,TCS,28-Apr-2022,3500,PE,100,120,80,95.5,95.5,2,5,600,50,27-APR-2022,
FUTIDX,NIFTY,28-Apr-2022,0,XX,17000,17100,16900,17050,17050,1000,8500,11000000,50,27-APR-2022,
OPTIDX,NIFTY,28-Apr-2022,17000,CE,100,120,80,95.5,95.5,77,5,500,50,27-APR-2022,
OPTIDX,NIFTY,28-Apr-2022,17000,PE,100,120,80,45.5,45.5,31,5,1500,-100,27-APR-2022,
"""


def test_a_bhavcopy_of_udiff(put: Put) -> None:
    file = read_chains(put("udiff.csv", UDIFF))
    (chain,) = file.chains
    assert (file.format, chain.underlying, chain.future, chain.spot) == ("bhavcopy", "NSE:TCS", 3_010.5, 3_005.0)
    assert chain.as_of == _ns("2026-08-17T15:40:00+05:30"), "the close of that day's derivatives session"
    assert (chain.call.oi[0], chain.call.volume[0], chain.call.prev_close[0]) == (17_500.0, 12 * 175.0, 40.0)
    (future,) = file.futures
    assert (future.underlying, future.last, future.oi, future.volume) == ("NSE:TCS", 3_010.5, 350_000.0, 90 * 175.0)
    assert _kinds(file) == {"stale_price": 1, "not_an_option": 1}


def test_a_bhavcopy_of_before_zipped(put: Put, tmp_path: Path) -> None:
    path = tmp_path / "fo27APR2022bhav.csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("fo27APR2022bhav.csv", OLD)
    chain, stock = read_chains(path).chains
    assert (stock.underlying, stock.lot_size, stock.call.volume[0]) == ("NSE:TCS", 150.0, 300.0), "of the open interest"
    assert (chain.underlying, chain.expiry, chain.future) == ("NSE:NIFTY", date(2022, 4, 28), 17_050.0)
    assert chain.as_of == _ns("2022-04-27T15:30:00+05:30")
    assert (chain.lot_size, chain.call.volume[0], chain.put.oi[0]) == (50.0, 77 * 50.0, 1_500.0)


def test_kite_tables_are_wide_and_in_units(tmp_path: Path) -> None:
    moments = [datetime(2026, 2, 3, 9, 58), datetime(2026, 2, 3, 8, 0)]  # noqa: DTZ001 — local, as in the files
    table = pa.table({
        "snapshot": pa.array(moments, pa.timestamp("us")), "symbol": ["NIFTY", "MIDCPNIFTY"],
        "expiry": ["2026-02-03", "2026-02-24"], "strike": [25_000.0, 13_000.0], "ce_ltp": [100.5, 0.0],
        "ce_oi": [6_500, 120], "ce_volume": [650, 0], "pe_ltp": [20.0, 5.0], "pe_oi": [13_000, 240],
        "pe_volume": [65, 1], "spot": [25_088.4, 0.0],
        "timestamp": pa.array([one.replace(second=55) for one in moments], pa.timestamp("us")),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "x.parquet")
    file = read_chains(tmp_path / "x.parquet")
    early, late = file.chains
    assert (file.format, early.underlying, late.underlying) == ("kite", "NSE:MIDCPNIFTY", "NSE:NIFTY")
    assert late.as_of == _ns("2026-02-03T09:58:00+05:30")
    assert late.call.quote_time[0] - late.as_of == 55 * 10**9
    assert (late.call.oi[0], late.call.volume[0], late.lot_size) == (6_500.0, 650.0, 65.0)
    assert _kinds(file) == {"no_trade": 1, "no_spot": 1, "out_of_session": 1}


LONG = """symbol,expiry,timestamp,strike,option_type,ltp,bid,ask,oi,volume,spot,iv
NIFTY50,2026-08-25,2026-08-19T12:00:00+05:30,24000,CE,100,99,101,6500,650,24050,12
NIFTY50,2026-08-25,2026-08-19T12:00:00+05:30,24000,PE,50,49,51,13000,65,24050,13
NIFTY50,2026-08-25,2026-08-19T12:00:00+05:30,24100,Put,80,,,65,65,24050,
NIFTY50,2026-08-25,2026-08-19T12:00:00+05:30,24100,XX,80,,,65,65,24050,
"""
WIDE = """strike,expiry,call_ltp,call_oi_contracts,put_ltp,put_oi_contracts,underlying_price
24000,25-Aug-2026,100,10,50,20,24050
24100,25-Aug-2026,60,30,-,40,24050
"""


def test_a_table_of_usual_names_is_read(put: Put) -> None:
    file = read_chains(put("any.csv.gz", gzip.compress(LONG.encode())))
    (chain,) = file.chains
    assert (file.format, chain.underlying, len(chain)) == ("generic", "NSE:NIFTY", 2)
    assert chain.as_of == _ns("2026-08-19T12:00:00+05:30")
    assert (chain.call.bid[0], chain.put.oi[0], chain.call.published_iv[0]) == (99.0, 13_000.0, 0.12)
    assert _kinds(file) == {"unreadable": 1, "missing_side": 1}


def test_wide_tables_may_count_contracts_and_leave_the_moment_open(put: Put) -> None:
    file = read_chains(put("nifty_chain.csv", WIDE), as_of=moment_of("2026-08-19"))
    (chain,) = file.chains
    assert (chain.underlying, chain.call.oi[0], chain.put.oi[1]) == ("NSE:NIFTY", 650.0, 2_600.0)
    assert chain.as_of == _ns("2026-08-19T15:40:00+05:30"), "a date is its close"
    assert np.isnan(chain.put.last[1])


def test_an_old_quote_is_marked(put: Put) -> None:
    rows = [
        "strike,option_type,ltp,expiry,as_of,quote_time",
        "24000,CE,1,2026-08-25,2026-08-19T12:00:00Z,2026-08-19T11:54:59Z",
        "24000,PE,1,2026-08-25,2026-08-19T12:00:00Z,2026-08-19T11:55:00Z",
    ]
    file = read_chains(put("nifty.csv", "\n".join(rows)), spot=24_000.0)
    assert _kinds(file) == {"stale_quote": 1, "out_of_session": 1}
    assert file.chains[0].call.quote_time[0] == _ns("2026-08-19T11:54:59+00:00")


def test_our_own_chains_come_back(put: Put) -> None:
    made = theory(half_spread=0.5)
    later = json.loads(json.dumps(made.as_dict()))
    for name, content in (
        ("one.json", made.as_dict()),
        ("list.json", [made.as_dict()]),
        ("items.json", {"items": [later]}),
    ):
        file = read_chains(put(name, content))
        assert file.format == "marketbell"
        assert file.chains[0].as_dict() == made.as_dict()
    written = {**made.as_dict(), "as_of": "2026-08-30T10:00:00Z"}
    assert read_chains(put("iso.json", written)).chains[0].as_of == _ns("2026-08-30T10:00:00+00:00")
    with pytest.raises(InvalidSourceError, match=r"bad\.json: item 0: an option chain is incomplete"):
        read_chains(put("bad.json", {**made.as_dict(), "spot": "dear"}))


def test_of_a_file_with_many_chains_some_can_be_picked(put: Put) -> None:
    made = theory()
    first = made.as_dict() | {"as_of": _ns("2026-08-28T10:00:00+05:30")}
    second = first | {"as_of": _ns("2026-08-28T11:00:00+05:30")}
    far = second | {"expiry": "2026-10-27", "expires_at": _ns("2026-10-27T15:40:00+05:30")}
    path = put("x.json", [first, second, far, second | {"underlying": "NSE:TCS"}])
    assert [one.as_of for one in read_chains(path, underlying="NIFTY", expiry=date(2026, 9, 29)).chains] == [
        first["as_of"],
        second["as_of"],
    ]
    newest = read_chains(path, underlying="NIFTY", as_of=moment_of("2026-08-28T10:59")).chains
    assert [one.as_of for one in newest] == [first["as_of"]]
    assert [one.expiry.month for one in read_chains(path, underlying="NIFTY", expiry="next").chains] == [10]
    with pytest.raises(InvalidSourceError, match=r"has no NSE:INFY, it has NSE:NIFTY, NSE:TCS"):
        read_chains(path, underlying="INFY")
    with pytest.raises(InvalidSourceError, match="has no expiry 2026-12-29, it has 2026-09-29, 2026-10-27"):
        read_chains(path, expiry=date(2026, 12, 29))
    with pytest.raises(InvalidSourceError, match="nothing was captured at or before 2026-01-01T10:00:00Z"):
        read_chains(path, as_of=moment_of("2026-01-01"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\1\2",
        b"hello",
        b'{"a": 1}',
        b"[1, 2]",
        b'{"records": 1',
        b"a,b\n1,2\n",
        b"PAR1nothing",
        b"\x1f\x8bnothing",
        b"PK\x03\x04x",
    ],
)
def test_what_is_no_chain_is_one_error_that_lists_what_is_known(put: Put, content: bytes) -> None:
    path = put("thing.bin", content)
    with pytest.raises(InvalidSourceError) as caught:
        read_chains(path)
    assert "\n" not in caught.value.message
    assert caught.value.message.startswith(f"{path}: ")
    for name in FORMATS:
        assert name in caught.value.message
    assert not is_chain_file(path)


def test_a_glance_says_what_a_file_is(put: Put, tmp_path: Path) -> None:
    pq.write_table(pa.table({"strike": [1.0], "option_type": ["CE"], "ltp": [2.0]}), tmp_path / "x.parquet")
    pq.write_table(pa.table({"timestamp": [1], "ltp": [2.0], "volume": [1]}), tmp_path / "ticks.parquet")
    chains = [
        put("a.json", UPSTOX),
        put("b.csv", LONG),
        put("c.csv.gz", gzip.compress(WIDE.encode())),
        put("d.csv", OLD),
        put("e.csv", WEBSITE),
    ]
    ticks = [
        put("t.csv", "timestamp,ltp,volume\n1,2,3\n"),
        put("u.csv.gz", gzip.compress(b"timestamp,open,close\n1,2,3\n")),
    ]
    assert [is_chain_file(one) for one in (*chains, tmp_path / "x.parquet")] == [True] * 6
    assert [is_chain_file(one) for one in (*ticks, tmp_path / "ticks.parquet", tmp_path / "none")] == [False] * 4


def test_errors_of_options_say_how_it_is_written(put: Put, tmp_path: Path) -> None:
    path = put("dhan.json", DHAN)
    assert is_chain_file(path)
    with pytest.raises(InvalidSettingError, match="unknown format 'nsee'; known are marketbell"):
        read_chains(path, format="nsee")
    with pytest.raises(InvalidSourceError, match="is not upstox: Upstox v2 JSON"):
        read_chains(path, format="upstox")
    with pytest.raises(InvalidSourceError, match="there is no such file"):
        read_chains(tmp_path / "none")
    with pytest.raises(InvalidSourceError, match=r"holds no option \(nse\)"):
        read_chains(put("empty.json", _nse()))
    with pytest.raises(InvalidSettingError, match="--expiry is written"):
        expiry_of("someday")
    with pytest.raises(InvalidSettingError, match="--as-of is written"):
        moment_of("yesterday")
    assert expiry_of("27-jun-2024") == date(2024, 6, 27)
    assert expiry_of("Monthly") == "monthly"
    assert moment_of("2026-01-16T16:00", "US:SPY") == _ns("2026-01-16T21:00:00+00:00")
    assert moment_of("2026-01-16T16:00Z") == _ns("2026-01-16T16:00:00+00:00")


_JUNK = st.sampled_from([None, True, -1, 0, 1e308, "x", "", [], {}, [1], {"a": 1}, 10**400, "2024-01-01", math.inf])
_CELLS = st.sampled_from(["", "x", "-1", "0", "1e308", "inf", "nan", "9" * 30, "CE", "2030-13-45", '"'])
_CALL = {"strikePrice": 16_700, "expiryDate": "17-Mar-2022", "CE": _nse_side(16_700), "PE": _nse_side(16_700)}
_DOCUMENTS = [UPSTOX, DHAN, _nse(_CALL, _CALL, filtered={"CE": {"totOI": 3}}), theory().as_dict()]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    return [path, *(place for name, one in inside for place in _places(one, (*path, name)))]


@given(data=st.data())
def test_whatever_stands_in_a_file_it_gives_chains_or_one_error(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        if data.draw(st.booleans()):
            document = json.loads(json.dumps(data.draw(st.sampled_from(_DOCUMENTS))))
            *way, last = data.draw(st.sampled_from(_places(document)[1:]))
            inner = document
            for name in way:
                inner = inner[name]
            inner[last] = data.draw(_JUNK)
            path.write_text(json.dumps(document))
        else:
            lines = [line.split(",") for line in data.draw(st.sampled_from([UDIFF, OLD, LONG, WIDE])).splitlines()]
            line = data.draw(st.sampled_from(lines))
            line[data.draw(st.integers(0, len(line) - 1))] = data.draw(_CELLS)
            path.write_text("\n".join(",".join(line) for line in lines))
        message, chains = "", []
        try:
            chains = read_chains(path).chains
        except InvalidSourceError as error:
            message = error.message
        assert bool(chains) != bool(message)
        assert "\n" not in message
        json.dumps(analyze_document([analyse(one) for one in chains]), allow_nan=False)
