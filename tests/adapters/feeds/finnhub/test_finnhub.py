"""Finnhub against a local websocket server that speaks the recorded messages."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Message,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.feeds.finnhub.client import Connection
from marketbell.adapters.feeds.finnhub.feed import FinnhubFeed
from marketbell.adapters.feeds.finnhub.mapping import fundamentals_of, instrument_of
from marketbell.adapters.feeds.finnhub.parser import Ping as SaidPing
from marketbell.adapters.feeds.finnhub.parser import Refusal, Trades, Unknown, parse
from marketbell.core.columns.frame import Frame, FrameKind, decode, encode
from marketbell.core.primitives.errors import BusFullError, FeedUnavailableError, InvalidSettingError
from marketbell.ports.feeds import Batch, PushedFeed

NOW = 1_721_555_886_300_000_000
SYMBOLS = ("MSFT", "BINANCE:BTCUSDT")


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> dict[str, Any]:
    return json.loads((shared_data / "providers" / "finnhub" / "messages.json").read_text())


@dataclass
class Venue:
    """A websocket server on a free port: connection after connection plays its part, then closes.

    A part is a list of texts; an int answers the handshake with that status; "hang" waits for the client to go.
    """

    parts: list[Any]
    heard: list[list[dict[str, str]]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    pongs: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._thread.join(20)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        self._listener.settimeout(15)
        for part in self.parts:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(10)
                self._play(connection, part)

    def _play(self, sock: socket.socket, part: Any) -> None:
        wire = WSConnection(ConnectionType.SERVER)
        wire.receive_data(sock.recv(65_536))
        request = next(iter(wire.events()))
        assert isinstance(request, Request)
        self.targets.append(request.target)
        if isinstance(part, int):
            sock.sendall(wire.send(RejectConnection(status_code=part)))
            return
        sock.sendall(wire.send(AcceptConnection()))
        heard: list[dict[str, str]] = []
        self.heard.append(heard)
        while len(heard) < len(SYMBOLS):
            wire.receive_data(sock.recv(65_536))
            heard += [json.loads(event.data) for event in wire.events() if isinstance(event, TextMessage)]
        for text in part:
            if text == "cut":
                return
            if text == "ping":
                sock.sendall(wire.send(Ping()))
                wire.receive_data(sock.recv(65_536))
                self.pongs += sum(isinstance(event, Pong) for event in wire.events())
            elif text != "hang":
                sock.sendall(wire.send(Message(data=text)))
        self._wait_for_the_end(sock, wire)

    def _wait_for_the_end(self, sock: socket.socket, wire: WSConnection) -> None:
        while data := sock.recv(65_536):
            wire.receive_data(data)
            for event in wire.events():
                if isinstance(event, CloseConnection):
                    sock.sendall(wire.send(event.response()))
                    return


@pytest.fixture
def venue() -> Iterator[Callable[..., Venue]]:
    made: list[Venue] = []

    def make(*parts: Any) -> Venue:
        made.append(Venue(list(parts)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def connector(url: str, clock: ManualClock | None = None, **options: Any) -> FinnhubFeed:
    return FinnhubFeed("a key&more", SYMBOLS, clock or ManualClock(NOW), socket_url=url, **options)


def gather(feed: PushedFeed, rows: int) -> list[Batch]:
    """Run until so many rows have come."""
    made: list[Batch] = []
    feed.run(made.append, lambda: sum(len(batch.columns["price"]) for batch in made) >= rows)
    return made


def column(batches: list[Batch], name: str) -> list[Any]:
    return np.concatenate([batch.columns[name] for batch in batches]).tolist()


def test_recorded_messages_become_trades(recorded: dict[str, Any], venue: Callable[..., Venue]) -> None:
    bodies = [message["body"] for message in recorded["messages"]]
    expected = [trade for body in bodies if body["type"] == "trade" for trade in body["data"]]
    server = venue([*(json.dumps(body) for body in bodies), "hang"])
    feed = connector(server.url)
    batches = gather(feed, len(expected))
    assert column(batches, "price") == [trade["p"] for trade in expected]
    assert column(batches, "size") == [trade["v"] for trade in expected]
    assert column(batches, "event_time") == [trade["t"] * 1_000_000 for trade in expected]
    ids = {"MSFT": instrument_of("MSFT").instrument_id, "BINANCE:BTCUSDT": instrument_of(SYMBOLS[1]).instrument_id}
    assert column(batches, "instrument_id") == [ids[trade["s"]] for trade in expected]
    assert len(set(column(batches, "trade_id"))) == len(expected)  # equal trades of one millisecond stay two
    assert set(column(batches, "ingest_time")) == {NOW}
    server.close()
    assert server.targets == ["/?token=a%20key%26more"]
    assert server.heard == [[{"type": "subscribe", "symbol": symbol} for symbol in SYMBOLS]]


def test_frames_carry_its_batches(recorded: dict[str, Any], venue: Callable[..., Venue]) -> None:
    server = venue([json.dumps(recorded["messages"][1]["body"]), "hang"])
    batch = gather(connector(server.url), 2)[0]
    frame = decode(encode(Frame(FrameKind.TRADE, 0, 1, batch.position - 2, batch.position, 0, 0, 2, batch.columns)))
    assert frame.columns["price"].tolist() == [220.89, 220.82]


def test_positions_rise_by_one_a_row_and_leave_a_hole_where_the_connection_was_lost(
    recorded: dict[str, Any], venue: Callable[..., Venue]
) -> None:
    text = json.dumps(recorded["messages"][1]["body"])
    server = venue([text, "cut"], [text, "hang"])
    clock = ManualClock(NOW)
    batches = gather(connector(server.url, clock), 4)
    assert [len(batch.columns["price"]) for batch in batches] == [2, 2]
    assert batches[0].position == NOW // 1_000 + 2
    assert batches[1].position > batches[0].position + 2
    assert column(batches[:1], "trade_id") == [batches[0].position - 1, batches[0].position]
    later = connector("ws://127.0.0.1:1", clock)
    assert later.health() == "not connected yet"


def test_it_answers_pings_of_the_wire(venue: Callable[..., Venue], recorded: dict[str, Any]) -> None:
    server = venue(["ping", json.dumps(recorded["messages"][0]["body"]), "hang"])
    gather(connector(server.url), 1)
    server.close()
    assert server.pongs == 1


def test_a_complaint_is_shown_and_the_rest_goes_on(recorded: dict[str, Any], venue: Callable[..., Venue]) -> None:
    error = next(m["body"] for m in recorded["messages"] if m["kind"] == "error")
    server = venue([json.dumps(error), json.dumps(recorded["messages"][0]["body"]), "hang"])
    feed = connector(server.url)
    gather(feed, 1)
    assert feed.health() == "the provider says: Subscribing to too many symbols"


def test_rubbish_and_strange_symbols_are_counted(venue: Callable[..., Venue], recorded: dict[str, Any]) -> None:
    good = json.dumps(recorded["messages"][0]["body"])
    strange = json.dumps({"type": "trade", "data": [{"s": "GME", "p": 1, "t": 1, "v": 1}, {"s": "MSFT"}, 7]})
    server = venue(["{", "[]", '{"type":"news"}', strange, good, "hang"])
    feed = connector(server.url)
    assert len(column(gather(feed, 1), "price")) == 1
    assert feed.rejected == 6


@pytest.mark.parametrize("part", [401, 403, ['{"type":"error","msg":"Invalid API key"}', "hang"]])
def test_a_refused_key_is_for_the_person_to_mend(part: Any, venue: Callable[..., Venue]) -> None:
    with pytest.raises(InvalidSettingError, match="refuses the API key") as caught:
        gather(connector(venue(part).url), 1)
    assert "a key" not in str(caught.value)


def test_other_statuses_are_tried_again_with_growing_waits(
    recorded: dict[str, Any], venue: Callable[..., Venue]
) -> None:
    server = venue(503, 429, [json.dumps(recorded["messages"][0]["body"]), "hang"])
    clock = ManualClock(NOW)
    feed = connector(server.url, clock)
    gather(feed, 1)
    assert clock.monotonic() == pytest.approx(0.5 + 1.0)
    assert feed.health() == ""


def test_silence_is_a_lost_connection(recorded: dict[str, Any], venue: Callable[..., Venue]) -> None:
    server = venue(["hang"], [json.dumps(recorded["messages"][0]["body"]), "hang"])

    class Hasty(ManualClock):
        """Every look at it is ten seconds later."""

        def monotonic(self) -> float:
            self.move(10)
            return super().monotonic()

    batches = gather(connector(server.url, Hasty(NOW), silence_s=60), 1)
    assert len(batches) == 1
    server.close()
    assert len(server.heard) == 2


def test_a_full_bus_loses_the_batch_and_shows_the_hole(recorded: dict[str, Any], venue: Callable[..., Venue]) -> None:
    text = json.dumps(recorded["messages"][1]["body"])
    server = venue([text, "cut"], [text, "hang"])
    feed = connector(server.url)
    tried: list[Batch] = []
    seen: list[str] = []

    def publish(batch: Batch) -> None:
        seen.append(feed.health())
        tried.append(batch)
        if len(tried) == 1:
            raise BusFullError

    feed.run(publish, lambda: len(tried) >= 2)
    assert [len(batch.columns["price"]) for batch in tried] == [2, 2]
    assert feed.health() == ""


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(FeedUnavailableError, match="cannot be reached"):
        Connection(f"ws://127.0.0.1:{port}/?token=secret")


def test_a_server_that_says_nothing() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(FeedUnavailableError, match=r"did not answer within 0\.2 s"),
    ):
        Connection(f"ws://127.0.0.1:{silent.getsockname()[1]}/", timeout_s=0.2)


def test_stopping_is_quick() -> None:
    feed = connector("ws://127.0.0.1:1")
    feed.run(lambda _batch: None, lambda: True)


def test_instruments_of_symbols() -> None:
    made = [instrument_of(s) for s in ("msft", "BINANCE:BTCUSDT", "OANDA:EUR_USD", "BINANCE:ETHBTC")]
    assert [(i.key, i.kind, i.currency, i.calendar) for i in made] == [
        ("US:MSFT", "equity", "USD", "XNYS"),
        ("BINANCE:BTCUSDT", "crypto", "USD", "24/7"),
        ("OANDA:EUR_USD", "currency", "USD", "24/7"),
        ("BINANCE:ETHBTC", "crypto", "USD", "24/7"),
    ]
    assert not any(i.is_simulated for i in made)
    for wrong in ("", ":", "A B", "BINANCE:", ":X", "X\n"):
        with pytest.raises(InvalidSettingError, match="not a symbol"):
            instrument_of(wrong)


def test_settings_that_are_missing() -> None:
    with pytest.raises(InvalidSettingError, match="MARKETBELL_FINNHUB__API_KEY"):
        FinnhubFeed("", SYMBOLS, ManualClock())
    with pytest.raises(InvalidSettingError, match="no symbols"):
        FinnhubFeed("k", (), ManualClock())


def test_metrics_become_fields(recorded: dict[str, Any]) -> None:
    answer = next(one["body"] for one in recorded["rest"] if one["path"].startswith("/stock/metric"))
    assert fundamentals_of(answer) == {"fund.pe": 25.5}
    assert fundamentals_of({}) == fundamentals_of({"metric": None}) == {}
    assert fundamentals_of({"metric": {"peBasicExclExtraTTM": "25"}}) == {}


def test_messages_are_understood(recorded: dict[str, Any]) -> None:
    by_kind = {message["kind"]: parse(json.dumps(message["body"])) for message in recorded["messages"]}
    assert isinstance(by_kind["ping"], SaidPing)
    assert by_kind["error"] == Refusal("Subscribing to too many symbols")
    batch = by_kind["trade_batch_same_ms_duplicates"]
    assert isinstance(batch, Trades)
    assert len(batch.trades) == 6
    assert parse("9" * 5_000) != batch
    assert isinstance(parse("[" * 100_000), Unknown)
    huge = parse(json.dumps({"type": "trade", "data": [{"s": "A", "p": 10**400, "t": 1, "v": 1}]}))
    assert huge == Trades((), 1)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["type", "data", "s", "p", "t", "v", "msg"]), inner)
    ),
)


@given(st.one_of(st.text(), st.binary(), _json.map(json.dumps)))
def test_no_message_breaks_the_parser(text: str | bytes) -> None:
    assert isinstance(parse(text), Trades | SaidPing | Refusal | Unknown)
