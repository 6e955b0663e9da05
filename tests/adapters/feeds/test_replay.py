"""The replay feed: the same rows at the same positions however it is read, and what `eval` says about them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketbell.adapters.calendars.dated import CalendarCatalogue
from marketbell.adapters.feeds.replay import ReplayFeed
from marketbell.core.columns.frame import Columns, FrameKind
from marketbell.core.primitives.errors import InvalidSourceError, UserError
from marketbell.core.quality.kinds import TickFlag
from marketbell.wiring.replay import fields_of

SESSIONS = CalendarCatalogue().sessions
END = (1 << 63) - 1


def read(feed: ReplayFeed, steps: Iterator[int] | None = None) -> list[tuple[int, ...]]:
    """(position, id, event_time) of every row, read in steps of so many rows."""
    rows: list[tuple[int, ...]] = []
    at = 0
    while batches := feed.advance(END, next(steps) if steps else 1_000_000):
        for batch in batches:
            if batch.kind is FrameKind.TRADE:
                ids = batch.columns["instrument_id"].tolist()
                times = batch.columns["event_time"].tolist()
                rows += [(at + n, ids[n], times[n]) for n in range(len(ids))]
                at = batch.position
    return rows


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "intraday/nse_ticks/2021-06-11"


def test_positions_do_not_depend_on_how_it_is_read(folder: Path) -> None:
    whole = read(ReplayFeed([folder], SESSIONS))
    pieces = read(ReplayFeed([folder], SESSIONS), iter(np.random.default_rng(3).integers(1, 5_000, 10_000).tolist()))
    assert pieces == whole
    feed = ReplayFeed([folder], SESSIONS)
    clock = feed.seek(90_000)
    assert [row[1:] for row in read(feed)] == [row[1:] for row in whole[90_000:]]
    feed.seek(90_000)
    assert (feed.next_time() or 0) >= clock


def test_time_rules_what_is_due(folder: Path) -> None:
    feed = ReplayFeed([folder], SESSIONS)
    assert feed.advance(feed.start_time - 1, 10) == []
    noon = int(pd.Timestamp("2021-06-11 12:00", tz="Asia/Kolkata").value)
    batch = feed.advance(noon, 1_000_000)[0]
    assert int(batch.columns["ingest_time"].max()) <= noon
    assert (np.diff(batch.columns["ingest_time"]) >= 0).all()
    assert (feed.next_time() or 0) > noon
    assert (batch.columns["flags"] == TickFlag.SOURCE_CLOCK).all()
    kinds = {one.key: (one.kind, one.calendar) for one in feed.instruments()}
    assert kinds["NSE:NIFTY_BANK"] == ("index", "XNSE")
    assert kinds["NSE:TCS"] == ("equity", "XNSE")


def test_a_recorded_session_keeps_its_keys_order_and_clock(tmp_path: Path) -> None:
    times = np.array([3, 1, 2], np.int64) * 1_000_000_000 + int(pd.Timestamp("2024-01-03 12:00", tz="UTC").value)
    columns: Columns = {
        "event_time": times,
        "ingest_time": times + 5,
        "price": np.array([3.0, 1.0, 2.0]),
        "volume": np.full(3, np.nan),
        "size": np.ones(3),
        "trade_id": np.full(3, -1, np.int64),
        "flags": np.zeros(3, np.uint16),
        "position": np.array([30, 10, 20], np.int64),
    }
    table = pa.table({name: pa.array(column) for name, column in columns.items()})
    table = table.append_column("instrument", pa.array(["SIM:A", "SIM:B", "SIM:A"]))
    pq.write_table(table, tmp_path / "part-0.parquet")
    feed = ReplayFeed([tmp_path], SESSIONS)
    batch = feed.advance(END, 10)[0]
    assert batch.columns["price"].tolist() == [1, 2, 3]
    assert (batch.columns["ingest_time"] - batch.columns["event_time"]).tolist() == [5, 5, 5]
    assert [one.key for one in feed.instruments()] == ["SIM:A", "SIM:B"]
    assert feed.card.is_simulated


def test_daily_files_beside_ticks_are_history_from_before(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "TCS.csv.gz").write_bytes((folder / "TCS.csv.gz").read_bytes())
    days = "symbol,date,open,high,low,close,volume\n"
    days += "".join(f"TCS,2021-06-{day:02},1,2,1,{day},5\n" for day in (9, 10, 11, 14))
    (tmp_path / "nse_daily.csv").write_text(days)
    feed = ReplayFeed([tmp_path], SESSIONS)
    (batch,) = feed.reference()
    assert batch.columns["close"].tolist() == [9, 10]
    (tmp_path / "nse_minute.csv").write_text("timestamp,open,high,low,close\n2021-06-11 09:15:00,1,2,1,1\n")
    with pytest.raises(InvalidSourceError, match="give one kind"):
        ReplayFeed([tmp_path], SESSIONS)


@pytest.mark.parametrize(
    ("stamps", "said"),
    [
        (["2021-04-28T09:15:01", "2021-04-28T09:15:02"], "XNSE"),
        (["2021-04-28T09:31:01-04:00", "2021-04-28T09:31:02-04:00"], None),
        (["1619581501", "1619581502"], None),
        (["1619581501000", "1619581502000"], None),
    ],
)
def test_times_in_many_forms(tmp_path: Path, stamps: list[str], said: str | None) -> None:
    (tmp_path / "ABC.csv").write_text(
        "time,price,volume\n" + "".join(f"{stamp},10,{n}\n" for n, stamp in enumerate(stamps))
    )
    feed = ReplayFeed([tmp_path / "ABC.csv"], SESSIONS)
    times = feed.advance(END, 10)[0].columns["event_time"].tolist()
    assert times[1] - times[0] == 1_000_000_000
    if said:
        assert feed.card.calendar == said
    if stamps[0].startswith("16"):
        assert times[0] == 1_619_581_501 * 1_000_000_000


def test_plain_fields_per_bar_and_per_tick(shared_data: Path, folder: Path) -> None:
    source = shared_data / "intraday/us_spy_minute_202012.csv.gz"
    table = fields_of([str(source)], [("x", "close"), ("top", "high")]).to_pandas()
    bars = pd.read_csv(source)
    bars = bars[bars.timestamp.str[11:] < "16:00:00"]
    assert table[table.name == "x"].value.tolist() == bars.close.tolist()
    assert table[table.name == "top"].value.tolist() == bars.high.tolist()
    assert list(table.columns) == ["instrument", "time", "name", "value"]
    ticks = fields_of([str(folder / "TCS.csv.gz")], [("v", "day.volume"), ("x", "ltp")]).to_pandas()
    assert ticks[ticks.name == "v"].value.is_monotonic_increasing
    assert len(ticks[ticks.name == "x"]) == len(ticks) / 2


@pytest.mark.parametrize(
    ("text", "said"),
    [("closs", "did you mean `close`"), ("rsi(close, 14)@1d > 5%", "a percentage"), ("open", "day.open")],
)
def test_what_eval_does_not_know_is_said(folder: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        fields_of([str(folder / "TCS.csv.gz")], [("x", text)])
