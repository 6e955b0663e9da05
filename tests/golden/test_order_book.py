"""Recorded order books against a book of plain dictionaries, the venue's own best prices, and other recordings."""

import gzip
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.csv as pcsv
import pytest

from marketbell.adapters.feeds.replay import ReplayFeed
from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.market.order_book import BookState
from marketbell.core.market.session import DAY, SessionTable

RECORDING = "orderbook/binance_spot_btcusdt_20240808.jsonl.gz"


def sessions(name: str) -> SessionTable:
    opens = np.arange(17_000, 20_500, dtype=np.int64) * DAY
    return SessionTable(name, "UTC", opens, opens + DAY, opens // DAY, np.zeros(len(opens), np.uint8))


class PlainBook:
    """The venue's recipe in dictionaries, without bounds."""

    def __init__(self) -> None:
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}
        self.last = -1
        self.waiting: list[dict[str, Any]] = []

    def take(self, data: dict[str, Any]) -> None:
        if "lastUpdateId" in data:
            self.bids = {float(price): float(size) for price, size in data["bids"]}
            self.asks = {float(price): float(size) for price, size in data["asks"]}
            self.last = data["lastUpdateId"]
            for one in self.waiting:
                self.take(one)
        elif self.last < 0:
            self.waiting.append(data)
        elif data["u"] > self.last:
            assert data["U"] <= self.last + 1
            for side, levels in ((self.bids, data["b"]), (self.asks, data["a"])):
                for price, size in levels:
                    if float(size) == 0:
                        side.pop(float(price), None)
                    else:
                        side[float(price)] = float(size)
            self.last = data["u"]

    def best(self) -> tuple[float, float, float, float]:
        bid, ask = max(self.bids), min(self.asks)
        return bid, self.bids[bid], ask, self.asks[ask]

    def near(self, count: int) -> tuple[float, float]:
        bids, asks = sorted(self.bids, reverse=True)[:count], sorted(self.asks)[:count]
        return sum(self.bids[one] for one in bids), sum(self.asks[one] for one in asks)


def lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def messages(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path) as stream:
        for line in stream:
            message = orjson.loads(line.partition(b" ")[2])
            yield message.get("data", message)


def replayed(feed: ReplayFeed) -> tuple[Engine, list[Frame]]:
    engine = Engine(EngineConfig(), sessions)
    engine.define(list(feed.instruments()))
    frames = []
    position = 0
    while batches := feed.advance(1 << 62, 1 << 16):
        for batch in batches:
            count = len(batch.columns["instrument_id"])
            frames.append(Frame(batch.kind, 0, 1, position, batch.position, 0, 0, count, batch.columns))
            position = batch.position
    return engine, frames


def test_the_recorded_book_is_the_plain_one_at_every_message(shared_data: Path) -> None:
    """At each of the 3,452 messages; where the market left the 1,000 levels of the snapshot we say so."""
    engine, frames = replayed(ReplayFeed([shared_data / RECORDING], sessions))
    plain = PlainBook()
    source = (data for data in messages(shared_data / RECORDING) if "lastUpdateId" in data or "U" in data)
    tickers = sorted(
        (data["u"], tuple(float(data[name]) for name in "bBaA"))
        for data in messages(shared_data / RECORDING)
        if "B" in data
    )
    ids = [one for one, _ in tickers]
    ready = unknown = matched = compared = 0
    floor = None
    for frame in frames:
        if frame.kind is not FrameKind.BOOK:
            continue
        for cut in pieces(frame):
            engine.apply([cut])
            data = next(source)
            plain.take(data)
            if floor is None and "lastUpdateId" in data:
                floor = float(data["bids"][-1][0])
            values = {name: float(column[0]) for name, column in engine.columns().items() if column.dtype.kind == "f"}
            state = engine.books.state_of(0)
            if plain.last < 0 or state is BookState.BUILDING:
                assert np.isnan(values["book.imbalance"])
                assert plain.last < 0 or plain.best()[0] < (floor or 0.0)
                unknown += 1
                continue
            ready += 1
            assert state is BookState.READY
            best = plain.best()
            assert (values["bid"], values["book.bid_size"], values["ask"], values["book.ask_size"]) == best
            (bid, bid_size, ask, ask_size) = best
            assert values["book.microprice"] == (ask * bid_size + bid * ask_size) / (bid_size + ask_size)
            assert values["book.spread"] == ask - bid
            at = bisect_right(ids, plain.last) - 1
            if at >= 0:
                compared += 1
                matched += tickers[at][1] == best
            if ready % 10 == 0 and known(engine, 10):
                near, far = plain.near(5)
                assert values["book.imbalance"] == pytest.approx((near - far) / (near + far), rel=1e-12)
                deep_bid, deep_ask = plain.near(10)
                assert values["book.depth_bid"] == pytest.approx(deep_bid, rel=1e-12)
                assert values["book.depth_ask"] == pytest.approx(deep_ask, rel=1e-12)
    assert next(source, None) is None
    assert engine.quality_counts() == {}
    assert ready + unknown == 3_452
    assert unknown < 60
    # The venue tells every change of its best prices, so the newest one up to our id must be our best.
    assert compared > 3_000
    assert matched == compared


def known(engine: Engine, count: int) -> bool:
    """So many levels of both sides are known: the plain book also holds prices that no snapshot showed."""
    bids, asks = engine.books.levels(0)
    return len(bids) >= count and len(asks) >= count


def pieces(frame: Frame) -> Iterator[Frame]:
    """A frame for each message."""
    ends = np.flatnonzero(np.asarray(frame.columns["flags"], np.int64) & 2) + 1
    low = 0
    for high in ends.tolist():
        columns = {name: column[low:high] for name, column in frame.columns.items()}
        yield Frame(frame.kind, 0, 1, 0, 0, 0, 0, high - low, columns)
        low = high


def without_line(path: Path, out: Path, at: int, snapshot_at: int) -> tuple[int, PlainBook]:
    """The recording without its `at`th update; behind the `snapshot_at`th stands a snapshot of the true book."""
    plain, count, removed = PlainBook(), 0, 0
    with gzip.open(path) as stream, gzip.open(out, "wb", compresslevel=1) as target:
        for line in stream:
            data = orjson.loads(line.partition(b" ")[2])
            data = data.get("data", data)
            is_book = "lastUpdateId" in data or "U" in data
            if is_book:
                plain.take(data)
                count += "U" in data
            if "U" in data and count == at:
                removed = data["E"]
                continue
            target.write(line)
            if "U" in data and count == snapshot_at:
                answer = {
                    "lastUpdateId": plain.last,
                    "bids": [[str(one), str(plain.bids[one])] for one in sorted(plain.bids, reverse=True)[:1_000]],
                    "asks": [[str(one), str(plain.asks[one])] for one in sorted(plain.asks)[:1_000]],
                }
                target.write(line.partition(b" ")[0] + b" " + orjson.dumps(answer) + b"\n")
    return removed, plain


def test_a_lost_message_is_seen_counted_and_recovered_from(shared_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "lost.jsonl.gz"
    removed, plain = without_line(shared_data / RECORDING, path, 1_000, 1_040)
    engine, frames = replayed(ReplayFeed([path], sessions))
    states: list[str] = []
    gaps: list[int] = []
    for frame in frames:
        out = engine.apply([frame])
        gaps += out.quality["event_time"].tolist()
        states += [state for _, state, _ in out.book_states if not states or states[-1] != state]
    assert states[:4] == ["building", "ready", "resyncing", "ready"]
    assert engine.quality_counts() == {"NONE:BTCUSDT": {"book_gap": 1}}
    assert gaps == [(removed + 100) * 1_000_000]
    values = engine.columns()
    assert (values["bid"][0], values["ask"][0]) == plain.best()[::2]
    assert values["book.bid_size"][0] == plain.best()[1]


def test_tardis_snapshots_give_their_own_levels(shared_data: Path) -> None:
    for levels in (5, 25):
        path = shared_data / f"orderbook/tardis_binance-futures_book_snapshot_{levels}_BTCUSDT.csv.gz"
        engine, frames = replayed(ReplayFeed([path], sessions))
        table = pcsv.read_csv(path).to_pylist()
        assert [frame.kind for frame in frames] == [FrameKind.BOOK]
        for row, frame in zip(table, pieces(frames[0]), strict=True):
            engine.apply([frame])
            values = engine.columns()
            bids = [row[f"bids[{at}].amount"] for at in range(5)]
            asks = [row[f"asks[{at}].amount"] for at in range(5)]
            assert values["bid"][0] == row["bids[0].price"]
            assert values["ask"][0] == row["asks[0].price"]
            assert values["book.ask_size"][0] == row["asks[0].amount"]
            total = sum(bids) + sum(asks)
            assert values["book.imbalance"][0] == pytest.approx((sum(bids) - sum(asks)) / total, rel=1e-12)
            assert len(engine.books.levels(0)[0]) == levels


def test_an_update_from_ten_minutes_later_is_a_gap(shared_data: Path) -> None:
    names = ("orderbook/binance_btcusdt-depth-snap.csv.gz", "orderbook/binance_btcusdt-depth-update.csv.gz")
    engine, frames = replayed(ReplayFeed([shared_data / name for name in names], sessions))
    first, second = pieces(frames[0])
    engine.apply([first])
    # The file holds bids only: a book with one side is a state.
    assert engine.books.state_of(0) is BookState.EMPTY
    assert engine.columns()["bid"][0] == 20_377.0
    assert len(engine.books.levels(0)[0]) == 100
    engine.apply([second])
    assert engine.books.state_of(0) is BookState.RESYNCING
    assert engine.quality_counts() == {"NONE:BTCUSDT": {"book_gap": 1}}


def test_four_books_of_another_recorder(shared_data: Path) -> None:
    """A stream and the answers to its requests in two files, of four instruments."""
    folder = shared_data / "providers/cryptofeed_recordings"
    feed = ReplayFeed([folder / "BINANCE.ws.1.0.gz", folder / "BINANCE.http.0.0.gz"], sessions)
    assert [one.key for one in feed.instruments()] == ["NONE:BLZETH", "NONE:LRCBTC", "NONE:NKNUSDT", "NONE:RUNEEUR"]
    assert {one.symbol: one.tick_size for one in feed.instruments()}["BLZETH"] == 1e-8
    engine, frames = replayed(feed)
    engine.apply(frames)
    assert engine.quality_counts() == {}
    states = {one.symbol: engine.books.state_of(row) for row, one in enumerate(engine.instruments)}
    assert set(states.values()) == {BookState.READY}
    plain: dict[str, PlainBook] = {one.symbol: PlainBook() for one in feed.instruments()}
    snapshots = {}
    for line in lines(folder / "BINANCE.http.0.0.gz"):
        name, _, rest = line.partition(" -> ")
        if "lastUpdateId" in rest:
            snapshots[name.partition("symbol=")[2].partition("&")[0]] = orjson.loads(rest.partition(": ")[2])
    for symbol, data in snapshots.items():
        plain[symbol].take(data)
    for line in lines(folder / "BINANCE.ws.1.0.gz"):
        if '"depthUpdate"' in line:
            data = orjson.loads(line.partition(": ")[2])["data"]
            if data["u"] > plain[data["s"]].last:
                plain[data["s"]].take(data)
    for row, one in enumerate(engine.instruments):
        bids, asks = engine.books.levels(row)
        assert (*bids[0], *asks[0]) == plain[one.symbol].best()
