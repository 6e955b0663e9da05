"""Recorded option chains: exchange totals, published ratios and Greeks, and every file, through the command line."""

import gzip
import json
import math
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from marketbell.adapters.feeds.replay.chains import read_chains
from marketbell.core.options.analysis import analyse
from marketbell.core.options.document import chain_document
from marketbell.core.options.metrics import pain
from marketbell.core.options.model import Model, ModelSettings
from marketbell.core.options.pricing import implied, value
from marketbell.processes.cli.main import run

Json = dict[str, Any]
Analyze = Callable[..., Json]

TOP = {"underlying", "spot", "as_of", "model", "expiries"}
EXPIRY = {
    "expiry", "as_of", "pcr_oi", "pcr_volume", "max_pain", "atm_strike", "atm_straddle", "atm_iv", "forward", "rate",
    "t_years", "strikes",
}  # fmt: skip
CONTRACT = {"price", "iv", "delta", "gamma", "theta", "vega", "rho", "oi", "volume", "status"}
RAW = ("NIFTY_20200514T153000", "NIFTY_20220314T153000", "NIFTY_20220315T130152", "NIFTY_20220428T153000",
       "BANKNIFTY_20220315T153000")  # fmt: skip
LOTS = {"NIFTY_2020": 75, "NIFTY_2022": 50, "BANKNIFTY_": 25}


@pytest.fixture(scope="module")
def options(shared_data: Path) -> Path:
    return shared_data / "options"


@pytest.fixture
def analyze(capfdbinary: pytest.CaptureFixture[bytes]) -> Analyze:
    """Run the command and give its document; notes are on standard error."""

    def call(path: Path, *arguments: str) -> Json:
        code = run(["options", "analyze", str(path), "--json", *arguments])
        out, err = capfdbinary.readouterr()
        assert code == 0, err
        document: Json = json.loads(out, parse_constant=lambda text: pytest.fail(f"{text} in the JSON"))
        document["notes"] = err.decode()
        return document

    return call


def _raw(path: Path) -> Json:
    document: Json = json.loads(gzip.decompress(path.read_bytes()))
    return document


def _brute_pain(strikes: list[Json]) -> float | None:
    rows = [(one["strike"], one["call"]["oi"] or 0, one["put"]["oi"] or 0) for one in strikes]
    if not sum(c + p for _, c, p in rows):
        return None
    totals = [sum(c * max(at - k, 0) + p * max(k - at, 0) for k, c, p in rows) for at, _, _ in rows]
    return float(rows[totals.index(min(totals))][0])


@pytest.mark.parametrize("name", RAW)
def test_sums_are_the_exchanges_own(options: Path, analyze: Analyze, name: str) -> None:
    path = options / "nse_raw_json" / f"{name}.json.gz"
    document, raw = analyze(path), _raw(path)
    lot = LOTS[name[:10]]
    nearest = document["expiries"][0]
    assert document["underlying"] == f"NSE:{name.partition('_')[0]}"
    assert "total_mismatch" not in document["notes"]
    for side, ours in (("CE", "call"), ("PE", "put")):
        said = raw.get("filtered", {}).get(side)  # the file of 2020 has none: its rows are the witness
        rows = [
            one[side]
            for one in raw["records"]["data"]
            if side in one and one["expiryDate"] == raw["records"]["expiryDates"][0]
        ]
        total = said["totOI"] if said else sum(one["openInterest"] for one in rows)
        traded = said["totVol"] if said else sum(one["totalTradedVolume"] for one in rows)
        assert sum(one[ours]["oi"] or 0 for one in nearest["strikes"]) == total * lot
        assert sum(one[ours]["volume"] or 0 for one in nearest["strikes"]) == traded * lot
    if "filtered" in raw:
        filtered = raw["filtered"]
        assert nearest["pcr_oi"] == pytest.approx(filtered["PE"]["totOI"] / filtered["CE"]["totOI"], rel=1e-12)
        assert nearest["pcr_volume"] == pytest.approx(filtered["PE"]["totVol"] / filtered["CE"]["totVol"], rel=1e-12)


@pytest.mark.parametrize("name", RAW)
def test_the_document_is_exactly_the_one_that_was_defined(options: Path, analyze: Analyze, name: str) -> None:
    document = analyze(options / "nse_raw_json" / f"{name}.json.gz")
    assert document.keys() - {"notes"} == TOP
    moments = [(one["as_of"], one["expiry"]) for one in document["expiries"]]
    assert moments == sorted(moments)
    for one in document["expiries"]:
        assert one.keys() == EXPIRY
        assert one["max_pain"] == _brute_pain(one["strikes"])
        spot = document["spot"]
        assert one["atm_strike"] == min((abs(row["strike"] - spot), row["strike"]) for row in one["strikes"])[1]
        for row in one["strikes"]:
            assert row.keys() == {"strike", "call", "put"}
            for side in ("call", "put"):
                assert row[side].keys() == CONTRACT
                assert (
                    (row[side]["status"] == "ok") == (row[side]["iv"] is not None) == (row[side]["delta"] is not None)
                )


def test_prices_and_the_forward_are_those_of_the_quotes(options: Path, analyze: Analyze) -> None:
    path = options / "nse_raw_json" / "NIFTY_20220315T130152.json.gz"
    document, raw = analyze(path), _raw(path)
    nearest, spot = document["expiries"][0], document["spot"]
    quotes = {
        row["strikePrice"]: {
            side: (row[side]["bidprice"], row[side]["askPrice"], row[side]["lastPrice"])
            for side in ("CE", "PE")
            if side in row
        }
        for row in raw["records"]["data"]
        if row["expiryDate"] == "17-Mar-2022"
    }

    def mid(bid: float, ask: float, _: float) -> float | None:
        return (bid + ask) / 2 if 0 < bid <= ask else None

    for row in nearest["strikes"]:
        for side, ours in (("CE", "call"), ("PE", "put")):
            quote = quotes[row["strike"]].get(side)
            want = None if quote is None else mid(*quote) or quote[2] or None
            assert row[ours]["price"] == (None if want is None else pytest.approx(want))
    both = {k: (mid(*one["CE"]), mid(*one["PE"])) for k, one in quotes.items() if len(one) == 2}
    near = sorted(
        (k for k, (c, p) in both.items() if c is not None and p is not None), key=lambda k: (abs(k - spot), k)
    )[:5]
    assert nearest["forward"] == pytest.approx(float(np.median([k + both[k][0] - both[k][1] for k in near])))
    assert nearest["t_years"] == pytest.approx((2 * 86_400 + 2 * 3_600 + 28 * 60 + 8) / (365 * 86_400))
    assert nearest["atm_strike"] == 16_750
    assert nearest["atm_straddle"] == pytest.approx(quotes[16_750]["CE"][2] + quotes[16_750]["PE"][2])


def test_nses_own_volatility_is_near_black_scholes_at_ten_per_cent(options: Path) -> None:
    """NSE does not publish its method; with the last price, the spot and 10 % it comes back to some tenths."""
    file = read_chains(options / "nse_raw_json" / "NIFTY_20220428T153000.json.gz")
    off = []
    for chain in file.chains[1:4]:
        sides = [(chain.call, True), (chain.put, False)]
        for side, is_call in sides:
            near = (abs(chain.strikes / chain.spot - 1) < 0.03) & (side.volume > 0)
            found = implied(
                side.last[near], chain.strikes[near], np.full(near.sum(), is_call), chain.spot, math.nan, chain.t_years,
                ModelSettings(Model.NSE),
            )  # fmt: skip
            off += (found.iv - side.published_iv[near])[~np.isnan(found.iv)].tolist()
    assert len(off) > 50
    assert np.median(np.abs(off)) < 0.01


def test_upstoxs_ratio_of_each_strike(options: Path, analyze: Analyze) -> None:
    path = options / "upstox_chain_nifty_exp20240627.json.gz"
    raw = {row["strike_price"]: row for row in _raw(path)["data"]}
    document = analyze(path)
    (expiry,) = document["expiries"]
    compared = 0
    for row in expiry["strikes"]:
        call, put = row["call"]["oi"], row["put"]["oi"]
        if call:
            assert round(put / call, 4) == pytest.approx(raw[row["strike"]]["pcr"], abs=1.01e-4)
            compared += 1
    assert compared > 100
    assert expiry["as_of"] is expiry["t_years"] is expiry["atm_iv"] is None
    assert {row["call"]["status"] for row in expiry["strikes"]} <= {"no_time", "no_price"}
    assert "no_time" in document["notes"]
    assert expiry["max_pain"] == _brute_pain(expiry["strikes"])
    stated = analyze(path, "--as-of", "2024-06-26T15:29:59+05:30")["expiries"][0]
    assert stated["as_of"] == "2024-06-26T09:59:59Z"
    assert stated["t_years"] == pytest.approx(86_401 / (365 * 86_400))
    assert stated["atm_iv"] == pytest.approx(14.9, abs=0.3)
    for name in ("pcr_oi", "pcr_volume", "max_pain", "atm_straddle", "forward"):
        assert stated[name] == expiry[name]


@pytest.mark.parametrize("name", ["nse_nifty_chain_snapshots_20260819_am", "nse_nifty_chain_snapshots_20260820"])
def test_a_collectors_greeks_of_nifty(options: Path, analyze: Analyze, name: str) -> None:
    """Its volatilities are Black-Scholes on the spot at 10 %, its Greeks of them at 6.5 %, both in whole days of 365.

    So: ours at 6.5 % to the second differ by what half a day and 3.5 % make; under its own settings by its rounding.
    """
    path = options / f"{name}.parquet"
    rows = pq.read_table(path).to_pydict()
    count = len(rows["strike"])
    moments = [(one - timedelta(hours=5, minutes=30)).isoformat() + "Z" for one in rows["timestamp"]]
    expiries = [one.date().isoformat() for one in rows["expiry"]]
    keys = list(zip(moments, expiries, rows["strike"], rows["option_type"], strict=True))
    ours: dict[tuple[str, str, float, str], Json] = {}
    document = analyze(path, "--model", "bsm")
    for expiry in document["expiries"]:
        assert expiry["rate"] == 0.065
        for row in expiry["strikes"]:
            for side, word in (("call", "CE"), ("put", "PE")):
                ours[expiry["as_of"], expiry["expiry"], row["strike"], word] = row[side]
    assert document["underlying"] == "NSE:NIFTY"
    priced = {key: one for key, one in ours.items() if one["price"] is not None}
    assert priced.keys() == set(keys), "each row of the file, and no other contract has a price"
    at = {
        name: np.array(rows[name], np.float64) for name in ("iv", "delta", "gamma", "theta", "vega", "rho", "ltp", "oi")
    }
    assert [ours[key]["price"] for key in keys] == at["ltp"].tolist()
    assert [ours[key]["oi"] for key in keys] == (at["oi"] * 65).tolist(), "contracts to units"
    known = np.array([ours[key]["delta"] is not None for key in keys]) & (at["iv"] > 0.5)
    assert known.sum() > 0.8 * count
    for greek, most in (("delta", 0.005), ("gamma", 1e-5), ("theta", 0.3), ("vega", 0.25), ("rho", 0.05)):
        off = [abs(ours[key][greek] - want) for key, want, ok in zip(keys, at[greek], known, strict=True) if ok]
        assert np.median(off) < most, greek

    days = np.array([(rows["expiry"][n].date() - rows["timestamp"][n].date()).days for n in range(count)], np.float64)
    strike, spot = np.array(rows["strike"]), np.array(rows["spot"])
    is_call = np.array([one == "CE" for one in rows["option_type"]])
    theirs = value(at["iv"] / 100, strike, is_call, spot, math.nan, days / 365, ModelSettings(Model.BSM, 0.065))
    quoted = at["iv"] > 0.5
    for greek, most in (("delta", 0.0004), ("gamma", 2e-6), ("theta", 0.01), ("vega", 0.02), ("rho", 0.004)):
        assert np.nanmedian(np.abs(getattr(theirs, greek) - at[greek])[quoted]) < most, greek


def test_the_closing_prices_of_a_whole_market(options: Path) -> None:
    """The bhavcopy: futures are the forwards, sums are the file's, the expiring contracts have no volatility."""
    file = read_chains(options / "nse_fno_bhavcopy_202608.parquet")
    rows = pq.read_table(options / "nse_fno_bhavcopy_202608.parquet").to_pydict()
    call_oi: Counter[tuple[str, str, str]] = Counter()
    for symbol, expiry, day, oi, kind in zip(
        rows["symbol"], rows["expiry"], rows["date"], rows["oi"], rows["option_type"], strict=True
    ):
        if kind == "CE":
            call_oi[symbol, expiry.date().isoformat(), day.date().isoformat()] += oi
    found = {}
    for chain in file.chains:
        day = datetime.fromtimestamp(chain.as_of / 1e9, UTC).date().isoformat()
        found[chain.underlying.partition(":")[2], chain.expiry.isoformat(), day] = analyse(chain)
    assert found.keys() == call_oi.keys()
    for key, one in found.items():
        assert (one.metrics["call_oi"] or 0) == call_oi[key]
        calls, puts = pain(one.chain)
        if one.metrics["max_pain"] is not None:
            at = int(np.searchsorted(one.chain.strikes, one.metrics["max_pain"]))
            assert (calls + puts)[at] <= (calls + puts).min() * (1 + 1e-12)
    nifty = found["NIFTY", "2026-08-25", "2026-08-17"]
    assert nifty.forward_source == "future"
    assert nifty.forward == next(
        one.last
        for one in file.futures
        if (one.underlying, one.expiry, one.as_of) == (nifty.chain.underlying, nifty.chain.expiry, nifty.chain.as_of)
    )
    assert 5 < nifty.metrics["atm_iv"] < 30  # type: ignore[operator]
    assert found["NIFTY", "2026-09-01", "2026-08-17"].forward_source == "parity_last", "weekly: no future of its own"
    assert np.isnan(found["NIFTY", "2026-08-18", "2026-08-18"].iv).all()
    assert sum(note.count for note in file.notes if note.kind == "stale_price") == sum(
        1
        for kind, volume, close in zip(rows["option_type"], rows["volume"], rows["close"], strict=True)
        if kind and not volume and close
    )


def test_lots_of_stocks_are_found_in_their_open_interest(options: Path, shared_data: Path) -> None:
    """Most are those of half a year later; the others were revised since."""
    lines = (shared_data / "fundamentals" / "nse_fno_lot_sizes_202608.csv").read_text().split()[1:]
    later = {symbol: float(lot) for symbol, lot in (line.split(",") for line in lines)}
    found = {
        one.underlying.partition(":")[2]: one.lot_size
        for one in read_chains(options / "nse_stock_option_chains_20260203.parquet").chains
    }
    assert (found["ABB"], found["TCS"], found["TATASTEEL"]) == (125.0, 175.0, 5_500.0)
    assert sum(lot == later.get(symbol) for symbol, lot in found.items()) > 60


def test_every_file_is_read_and_analysed_and_what_is_unusual_is_listed(options: Path, shared_data: Path) -> None:
    unusual = {}
    files = [one for one in sorted(options.rglob("*")) if one.is_file()]
    files += [
        shared_data / "providers" / "nse_samples" / name for name in ("optionChain.json", "compileOptionChain.json")
    ]
    for path in files:
        file = read_chains(path)
        for chain in file.chains:
            analysed = analyse(chain)
            assert (np.diff(chain.strikes) > 0).all()
            assert analysed.metrics["atm_strike"] is None or math.isfinite(analysed.metrics["atm_strike"])  # type: ignore[arg-type]
        json.dumps(chain_document(analysed), allow_nan=False)
        unusual[path.name] = {note.kind for note in file.notes}
    assert unusual["nse_index_option_chains_20260203.parquet"] == {"no_trade", "no_spot", "expired", "out_of_session"}
    assert unusual["nse_stock_option_chains_20260203.parquet"] == {"no_trade", "lot_inferred"}
    assert unusual["NIFTY_20200514T153000.json.gz"] == {"no_trade", "no_quote", "no_iv", "missing_side", "expired"}
    assert "extreme_iv" in unusual["upstox_chain_nifty_exp20240627.json.gz"]
    assert unusual["compileOptionChain.json"] == {"no_iv", "total_mismatch"}


def test_a_known_librarys_ratio(shared_data: Path, analyze: Analyze) -> None:
    """The compiled sample holds one strike of many: its ratio is known for the strike, its total by the totals."""
    path = shared_data / "providers" / "nse_samples" / "compileOptionChain.json"
    raw = json.loads(path.read_text())
    expiry = analyze(path)["expiries"][0]
    (strike,) = raw["chain"].values()
    assert expiry["pcr_oi"] == pytest.approx(strike["pe"]["oi"] / strike["ce"]["oi"])
    assert round(raw["poiTotal"] / raw["coiTotal"], 2) == raw["pcr"]


def test_a_readable_table_and_errors_of_one_line(
    options: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = str(options / "nse_raw_json" / "NIFTY_20220315T130152.json.gz")
    assert run(["options", "analyze", path, "--expiry", "nearest", "--strikes", "5", "--model", "nse"]) == 0
    out = capfd.readouterr().out
    assert "nse (an approximation of the exchange's unpublished method), rate 10 %, 1 chain" in out
    assert "16,750.00" in out
    assert "note no_trade: last price 0: the contract has not traded - 1,007, first NSE:NIFTY 2022-03-17" in out
    text = tmp_path / "notes.txt"
    text.write_text("nothing, but words\nand more, of, them\n")
    for arguments, words in (
        ([path, "--rate", "6.5"], "a rate of 6.5 is over 1"),
        ([path, "--model", "sabr"], "is not one of 'black76'"),
        ([path, "--format", "kite"], "is not kite"),
        ([str(text)], "cannot be read (neither JSON, Parquet nor CSV); known are marketbell"),
        ([str(tmp_path / "none.json")], "there is no such file"),
        ([path, "--expiry", "2030-01-01"], "has no expiry 2030-01-01, it has 2022-03-17"),
    ):
        assert run(["options", "analyze", *arguments]) == 2
        error = capfd.readouterr().err
        assert words in error
        assert error.count("\n") == 1
