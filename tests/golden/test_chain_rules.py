"""Rules 15 and 18 on the NIFTY chains of 2026-08-19 fire exactly where pandas says, in a replay of the file.

Nothing of the options code is used for what is expected: open interest is summed and the wall looked for in the file.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from marketbell.core.columns.frame import FrameKind
from marketbell.wiring.replay import fields_of, replay_to_files

FILE = "options/nse_nifty_chain_snapshots_20260819_am.parquet"
HIGH, LOW = 0.68, 0.672
"""Levels of the PCR of the nearest expiry that occur that morning."""
UNDER = 945
"""The largest open interest of calls is at 25000 all morning; so far under it the index crosses."""
LOT = 65
"""The file counts lots."""
FIVE = 5 * 60 * 1_000_000_000
HOUR = 3_600 * 1_000_000_000
RULES = f"""
alert "pcr" on $NIFTY
  when opt.pcr_oi(expiry: "nearest") crosses above {HIGH} or opt.pcr_oi(expiry: "nearest") crosses below {LOW}
  at update chain cooldown 1h
alert "every pcr" on $NIFTY
  when opt.pcr_oi(expiry: "nearest") crosses above {HIGH} or opt.pcr_oi(expiry: "nearest") crosses below {LOW}
  at update chain fire every time
alert "next pcr" on $NIFTY when opt.pcr_oi(expiry: "next") > 0.8775 at update chain fire every time
alert "wall" on $NIFTY when close crosses above opt.max_call_oi_strike - {UNDER} at 5m close
alert "wall at ticks" on $NIFTY when close crosses above opt.max_call_oi_strike - {UNDER} at tick fire every time
alert "drift" on $NIFTY when abs(opt.max_pain - opt.max_pain[1d]) >= 200 at schedule "0 12 * * 1-5"
alert "steeper" on $NIFTY when opt.skew(delta: 25) - sma(opt.skew(delta: 25), 20)@1d > 0 at update chain
alert "rich" on $NIFTY when opt.iv_rank(252) > 80 and days_to(event: "results") between 1 and 5 at update chain
"""


@pytest.fixture(scope="module")
def quotes(shared_data: Path) -> pd.DataFrame:
    table = pd.read_parquet(shared_data / FILE)
    table["time"] = table.timestamp.dt.tz_localize("Asia/Kolkata").dt.as_unit("ns").astype("int64")
    return table.sort_values(["time", "expiry", "strike"])


@pytest.fixture(scope="module")
def fired(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[int]], dict]:
    out = tmp_path_factory.mktemp("chains")
    (out / "r.bell").write_text(RULES)
    summary = replay_to_files([str(shared_data / FILE)], out, rules=out / "r.bell")
    table = pd.read_parquet(out / "firings.parquet")
    assert set(table.instrument) == {"NSE:NIFTY"}
    times = table.event_time.dt.as_unit("ns").astype("int64")
    return {rule: sorted(times[table.rule == rule]) for rule in set(table.rule)}, summary


def pcr(quotes: pd.DataFrame, place: int) -> pd.Series:
    """Open interest of puts over that of calls by time, of the nearest (0) or the next (1) expiry."""
    expiry = sorted(quotes.expiry.unique())[place]
    mine = quotes[quotes.expiry == expiry]
    calls, puts = (mine[mine.option_type == side].groupby("time").oi.sum() for side in ("CE", "PE"))
    return puts / calls


def spots(quotes: pd.DataFrame) -> pd.Series:
    return quotes.groupby("time").spot.first()


def walls(quotes: pd.DataFrame) -> pd.Series:
    nearest = quotes[(quotes.expiry == quotes.expiry.min()) & (quotes.option_type == "CE")]
    return nearest.loc[nearest.groupby("time").oi.idxmax()].set_index("time").strike


def test_the_whole_file_was_replayed(quotes: pd.DataFrame, fired: tuple[dict[str, list[int]], dict]) -> None:
    summary = fired[1]
    moments, chains = quotes.time.nunique(), len(quotes.groupby(["time", "expiry"]))
    assert (summary["accepted"], summary["chains"], summary["chains_late"]) == (moments, chains, 0)
    assert chains == 372
    assert summary["chain_notes"] == {"missing_side": 16_172}


def test_a_page_of_the_close_has_the_last_price_of_the_session(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "options/nse_raw_json/NIFTY_20220428T153000.json.gz"
    (tmp_path / "r.bell").write_text(
        'alert "close" on $NIFTY when close > 0 and opt.pcr_oi > 0 at update chain\n'
        'alert "day" on $NIFTY when opt.pcr_oi@1d > 0 at 1d close\n'
    )
    summary = replay_to_files([str(source)], tmp_path, rules=tmp_path / "r.bell")
    assert (summary["accepted"], summary["dropped"], summary["chains"], summary["bars_1d"]) == (1, {}, 21, 1)
    fired = pd.read_parquet(tmp_path / "firings.parquet")
    close = pd.Timestamp("2022-04-28 15:30", tz="Asia/Kolkata")
    assert dict(zip(fired.rule, fired.event_time, strict=True)) == {"close": close, "day": close}
    page = json.loads(gzip.decompress(source.read_bytes()))["records"]
    (spot,) = pd.read_parquet(tmp_path / "bars_1d.parquet").close
    assert spot == pytest.approx(page["underlyingValue"])


def test_the_pcr_crosses_where_it_does(quotes: pd.DataFrame, fired: tuple[dict[str, list[int]], dict]) -> None:
    values = pcr(quotes, 0)
    before = values.shift()
    crosses = ((before <= HIGH) & (values > HIGH)) | ((before >= LOW) & (values < LOW))
    every = values.index[crosses].tolist()
    assert len(every) > 4
    assert fired[0]["every pcr"] == every
    cooled: list[int] = []
    for time in every:
        if not cooled or time - cooled[-1] >= HOUR:
            cooled.append(time)
    assert 1 < len(cooled) < len(every)
    assert fired[0]["pcr"] == cooled


def test_the_next_expiry_is_another_one(quotes: pd.DataFrame, fired: tuple[dict[str, list[int]], dict]) -> None:
    values = pcr(quotes, 1)
    assert fired[0]["next pcr"] == values.index[values > 0.8775].tolist()
    assert len(fired[0]["next pcr"]) > 5


def test_the_wall_is_breached_at_closes_and_at_ticks(
    quotes: pd.DataFrame, fired: tuple[dict[str, list[int]], dict]
) -> None:
    spot, wall = spots(quotes), walls(quotes)
    start = spot.index.to_numpy() // FIVE * FIVE  # a session opens at 09:15: its fives begin at whole fives
    closes = spot.groupby(start).last()
    ends = closes.index.to_numpy() + FIVE
    level = pd.Series([wall[wall.index <= end].iloc[-1] - UNDER for end in ends], closes.index)
    crosses = (closes > level) & (closes.shift() <= level.shift())
    assert crosses.sum() > 1
    assert fired[0]["wall"] == (closes.index[crosses] + FIVE).tolist()
    # a tick comes before the chains of its moment: it sees those of the moment before
    known = (wall - UNDER).shift()
    crosses = (spot > known) & (spot.shift() <= known.shift())
    assert fired[0]["wall at ticks"] == spot.index[crosses].tolist()


def test_what_needs_more_history_than_the_file_has_stays_unknown(
    fired: tuple[dict[str, list[int]], dict],
) -> None:
    assert fired[0].keys().isdisjoint({"drift", "steeper", "rich"})


def test_an_evaluation_of_the_file_has_the_same_values(shared_data: Path, quotes: pd.DataFrame) -> None:
    wanted = [("pcr", "opt.pcr_oi"), ("wall", "opt.max_call_oi_strike@5m"), ("oi", "opt.put_oi@1m")]
    table = fields_of([str(shared_data / FILE)], wanted).to_pandas()
    table["time"] = table.time.dt.as_unit("ns").astype("int64")
    values = pcr(quotes, 0)
    told = table[table.name == "pcr"].set_index("time").value
    np.testing.assert_allclose(told.to_numpy(), values.to_numpy())
    assert set(table[table.name == "wall"].value) == {25_000.0}
    puts = quotes[(quotes.expiry == quotes.expiry.min()) & (quotes.option_type == "PE")].groupby("time").oi.sum()
    minutes = table[table.name == "oi"].set_index("time").value
    at_end = [puts[puts.index <= start + FIVE // 5].iloc[-1] * LOT for start in minutes.index]
    np.testing.assert_array_equal(minutes, at_end)


def test_a_chain_file_beside_prices_of_another_kind_is_refused(shared_data: Path, tmp_path: Path) -> None:
    from marketbell.adapters.feeds.replay import ReplayFeed
    from marketbell.core.primitives.errors import InvalidSourceError
    from marketbell.wiring.calendars import calendars

    (tmp_path / "RELIANCE.csv").write_text("timestamp,ltp,volume\n2026-08-19 09:15:00,1500,10\n")
    with pytest.raises(InvalidSourceError, match="give one kind"):
        ReplayFeed([str(shared_data / FILE), str(tmp_path / "RELIANCE.csv")], calendars().sessions)
    feed = ReplayFeed([str(shared_data / FILE)], calendars().sessions)
    assert feed.card.supports == ("trades", "chains")
    whole = feed.advance(1 << 62, 1 << 30)
    feed.seek(100)
    rest = feed.advance(1 << 62, 1 << 30)
    behind = [batch for batch in whole if batch.position > 100]
    assert [(one.kind, one.position, one.payload) for one in rest] == [
        (one.kind, one.position, one.payload) for one in behind
    ]
    assert {one.kind for one in whole} == {FrameKind.TRADE, FrameKind.CHAIN}
