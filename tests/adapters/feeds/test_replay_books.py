"""Recordings of order books as sources: what a file is, what is left out, and the order of its events."""

import gzip
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.adapters.feeds.replay import ReplayFeed
from marketbell.core.columns.frame import FrameKind
from marketbell.core.market.order_book import BookFlag
from marketbell.core.market.session import DAY, SessionTable
from marketbell.core.primitives.errors import InvalidSettingError, InvalidSourceError

AT = 1_700_000_000
UPDATE = {"e": "depthUpdate", "E": AT * 1_000, "s": "ABC", "U": 5, "u": 6, "b": [["1.5", "2"]], "a": []}
SNAPSHOT = {"lastUpdateId": 4, "bids": [["1.5", "1"]] * 5, "asks": [["1.7", "1"]]}
TICKER = {"u": 7, "s": "ABC", "b": "1.5", "B": "2", "a": "1.7", "A": "3"}
TRADE = {"e": "trade", "E": AT * 1_000 + 9, "T": AT * 1_000 + 8, "s": "ABC", "t": 77, "p": "1.6", "q": "0.5", "m": True}


def sessions(name: str) -> SessionTable:
    opens = np.arange(17_000, 20_500, dtype=np.int64) * DAY
    return SessionTable(name, "UTC", opens, opens + DAY, opens // DAY, np.zeros(len(opens), np.uint8))


def written(path: Path, *found: Any) -> Path:
    lines = [f"{AT * 10**9 + at} ".encode() + orjson.dumps(message) for at, message in enumerate(found)]
    raw = b"\n".join(lines) + b"\n"
    path.write_bytes(gzip.compress(raw) if path.name.endswith(".gz") else raw)
    return path


def all_of(feed: ReplayFeed, step: int = 1 << 16) -> list[tuple[FrameKind, int, dict[str, list[Any]]]]:
    feed.seek(0)
    found = []
    while batches := feed.advance(1 << 62, step):
        found += [(one.kind, one.position, {name: c.tolist() for name, c in one.columns.items()}) for one in batches]
    return found


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl", "RECORDED.0.gz"])
def test_a_raw_stream_is_recognised_and_its_events_keep_their_order(tmp_path: Path, name: str) -> None:
    feed = ReplayFeed([written(tmp_path / name, TICKER, UPDATE, SNAPSHOT, TRADE, UPDATE)], sessions)
    kinds = [(kind, position) for kind, position, _ in all_of(feed)]
    assert kinds == [(FrameKind.QUOTE, 1), (FrameKind.BOOK, 3), (FrameKind.TRADE, 4), (FrameKind.BOOK, 5)]
    assert feed.card.supports == ("trades", "quotes", "depth")
    assert [one.key for one in feed.instruments()] == ["NONE:ABC"]


def test_columns_of_each_kind(tmp_path: Path) -> None:
    feed = ReplayFeed([written(tmp_path / "a.jsonl", UPDATE, SNAPSHOT, TRADE, TICKER)], sessions)
    (_, _, book), (_, _, trade), (_, _, quote) = all_of(feed)
    assert book["last_update"] == [6, *[4] * 6]
    assert book["side"] == [0, 0, 0, 0, 0, 0, 1]
    # five levels are a limit of the venue: there may be more behind them; the asks are all there are
    assert book["flags"] == [2, 1, 1, 1, 1, 1, int(BookFlag.SNAPSHOT | BookFlag.WHOLE | BookFlag.LAST)]
    assert trade["event_time"] == [(AT * 1_000 + 8) * 1_000_000]
    assert (trade["price"], trade["size"], trade["trade_id"]) == ([1.6], [0.5], [77])
    assert trade["ingest_time"] == [AT * 10**9 + 2]
    # the venue gives best prices no time: they have the newest one told before them
    assert quote["event_time"] == trade["event_time"]
    assert quote["update_id"] == [7]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([TICKER, UPDATE, TRADE, SNAPSHOT]), min_size=1, max_size=30), st.integers(1, 7))
def test_events_do_not_depend_on_how_many_are_asked_for(found: list[Any], step: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        feed = ReplayFeed([written(Path(folder) / "a.jsonl", UPDATE, *found)], sessions)

    def by_row(batches: list[tuple[FrameKind, int, dict[str, list[Any]]]]) -> list[Any]:
        return [
            (kind, *row)
            for kind, _, columns in batches
            for row in zip(*(map(str, values) for values in columns.values()), strict=True)
        ]

    assert by_row(all_of(feed, step)) == by_row(all_of(feed))
    assert all_of(feed, step)[-1][1] == len(found) + 1
    feed.seek(1)
    assert sum(1 for _ in feed.advance(1 << 62, 1)) == 1


def test_the_whole_recording_is_read(shared_data: Path) -> None:
    feed = ReplayFeed([shared_data / "orderbook/binance_spot_btcusdt_20240808.jsonl.gz"], sessions)
    counts: dict[FrameKind, int] = {}
    for kind, _, columns in all_of(feed):
        ends = np.array(columns["flags"], np.int64) & 2 if kind is FrameKind.BOOK else columns["instrument_id"]
        counts[kind] = counts.get(kind, 0) + int(np.count_nonzero(ends))
    assert counts == {FrameKind.BOOK: 3_452, FrameKind.TRADE: 9_757, FrameKind.QUOTE: 28_040}
    assert feed.rows == 41_249


def test_other_messages_are_left_out_and_said(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", UPDATE, {"e": "kline", "s": "ABC"}, {"e": "kline", "s": "ABC"})
    path.write_bytes(path.read_bytes() + b'1700000000000000009 {"e":"tra')
    feed = ReplayFeed([path], sessions)
    assert "Left out: 1 cut off, 2 kline." in feed.card.limits


def test_aggregated_trades_stand_in_for_trades(tmp_path: Path) -> None:
    aggregated = {"e": "aggTrade", "T": AT * 1_000, "s": "ABC", "a": 5, "p": "1.6", "q": "1"}
    feed = ReplayFeed([written(tmp_path / "a.jsonl", UPDATE, aggregated)], sessions)
    assert [kind for kind, _, _ in all_of(feed)] == [FrameKind.BOOK, FrameKind.TRADE]
    both = ReplayFeed([written(tmp_path / "b.jsonl", UPDATE, aggregated, TRADE)], sessions)
    assert [columns["trade_id"] for kind, _, columns in all_of(both) if kind is FrameKind.TRADE] == [[77]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'1700000000000000000 {"e":"depthUpdate","s":"A"}\n1700000000000000001 {}\n', "line 1"),
        (b'1700000000000000000 {"u":1}\nnonsense\n1700000000000000001 {}\n', "line 2"),
        (b'1700000000000000000 {"e":"kline"}\n', "not one trade"),
        (b'1700000000000000000 {"lastUpdateId":1,"bids":[],"asks":[]}\n', "without a symbol"),
    ],
)
def test_what_cannot_be_read_is_one_clear_error(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(InvalidSourceError, match=words):
        ReplayFeed([path], sessions)


def test_unknown_files_and_formats_say_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("hello\nworld\n")
    with pytest.raises(InvalidSourceError, match="binance_stream"):
        ReplayFeed([path], sessions)
    with pytest.raises(InvalidSourceError, match="line 1: not a time and a message"):
        ReplayFeed([path], sessions, format="binance_stream")
    with pytest.raises(InvalidSettingError, match="book_snapshots"):
        ReplayFeed([path], sessions, format="nonsense")


def test_tables_of_books_are_recognised_and_can_be_forced(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "orderbook/binance_btcusdt-depth-update.csv.gz"
    (kind, position, columns) = all_of(ReplayFeed([path], sessions, format="book_updates"))[0]
    assert (kind, position, len(columns["side"])) == (FrameKind.BOOK, 1, 100)
    assert columns["previous_update"][0] == 2098041693400
    assert columns["first_update"][0] == 2098041693435
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("timestamp,price,qty\n2024-01-01 00:00:00,1,1\n")
    with pytest.raises(InvalidSourceError, match="first_update_id is missing"):
        ReplayFeed([wrong], sessions, format="book_updates")
    with pytest.raises(InvalidSourceError, match="give one kind"):
        ReplayFeed([wrong, path], sessions)
