"""Finnhub as a pushed feed: connect, subscribe, hand on trades, connect again."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from marketbell.adapters.feeds.finnhub.card import CARD
from marketbell.adapters.feeds.finnhub.client import Connection, RejectedError
from marketbell.adapters.feeds.finnhub.mapping import SOURCE, fundamentals_of, instrument_of, trade_columns
from marketbell.adapters.feeds.finnhub.parser import Refusal, Trade, Trades, Unknown, parse
from marketbell.core.columns.frame import FrameKind
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import FeedUnavailableError, InvalidSettingError, UnavailableError
from marketbell.ports.clock import Clock
from marketbell.ports.feeds import Batch

SOCKET_URL = "wss://ws.finnhub.io"
REST_URL = "https://finnhub.io/api/v1"
SILENCE_S = 120.0
"""The provider pings at least once a minute: a connection that is quiet for longer is dead."""
_LINGER_S, _MOST = 0.005, 512
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0
_TURN_S = 0.25
_REFUSED = frozenset({401, 403})
_MICROSECOND = 1_000


class FinnhubFeed:
    """A PushedFeed of the trades of some symbols.

    Positions are microseconds of our clock at the connection plus one a trade: they rise over restarts,
    and each new connection leaves a hole, which says that trades may have been missed there.
    """

    card = CARD
    producer = "finnhub"

    def __init__(
        self,
        api_key: str,
        symbols: Sequence[str],
        clock: Clock,
        *,
        socket_url: str = SOCKET_URL,
        rest_url: str = REST_URL,
        silence_s: float = SILENCE_S,
    ) -> None:
        if not api_key:
            raise InvalidSettingError(
                "finnhub needs an API key: set finnhub.api_key (environment MARKETBELL_FINNHUB__API_KEY)"
            )
        if not symbols:
            raise InvalidSettingError("finnhub has no symbols: set finnhub.symbols, or write --feed finnhub:MSFT,AAPL")
        self._key = api_key
        self._symbols = tuple(dict.fromkeys(symbols))
        self._instruments = {symbol: instrument_of(symbol) for symbol in self._symbols}
        self._ids = {symbol: int(made.instrument_id) for symbol, made in self._instruments.items()}
        self._clock = clock
        self._socket_url = socket_url
        self._rest_url = rest_url
        self._silence_s = silence_s
        self._position = 0
        self._health = "not connected yet"
        self._complaint = ""
        self._has_heard = False
        self.rejected = 0
        """Messages and entries that could not be read, and trades of symbols that nobody asked for."""

    def instruments(self) -> Sequence[Instrument]:
        """One for each symbol asked for."""
        return list(self._instruments.values())

    def reference(self) -> Sequence[Batch]:
        """P/E of the stocks among the symbols, as the provider knows it now; nothing else is known beforehand."""
        now = self._clock.now()
        today = datetime.fromtimestamp(now / 1e9, UTC).date().isoformat()
        items: list[dict[str, Any]] = []
        with httpx.Client(base_url=self._rest_url, timeout=10.0, headers={"X-Finnhub-Token": self._key}) as rest:
            for symbol, instrument in self._instruments.items():
                values = fundamentals_of(self._ask(rest, symbol)) if instrument.kind == "equity" else {}
                if values:
                    items.append(
                        {
                            "instrument_id": self._ids[symbol],
                            "values": values,
                            "period_end": today,
                            "published_at": now,
                            "source": SOURCE,
                        }
                    )
        return [Batch(FrameKind.REFERENCE, {}, 0, {"type": "fundamentals", "items": items})] if items else []

    def _ask(self, rest: httpx.Client, symbol: str) -> dict[str, Any]:
        try:
            answer = rest.get("/stock/metric", params={"symbol": symbol, "metric": "all"})
            if answer.status_code in _REFUSED:
                raise InvalidSettingError("finnhub refuses the API key (finnhub.api_key)")
            answer.raise_for_status()
            body = answer.json()
        except httpx.HTTPStatusError as error:
            raise FeedUnavailableError(f"finnhub answered {error.response.status_code} for {symbol}") from None
        except (httpx.HTTPError, ValueError) as error:
            raise FeedUnavailableError(f"finnhub did not answer for {symbol}: {type(error).__name__}") from None
        return body if isinstance(body, dict) else {}

    def health(self) -> str:
        """Why nothing (or not all) comes just now; empty while all is well."""
        return self._health or self._complaint

    def run(self, publish: Callable[[Batch], None], is_stopping: Callable[[], bool]) -> None:
        """Hand on trades until told to stop. InvalidSettingError where the provider refuses the key."""
        wait_s = _FIRST_WAIT_S
        while not is_stopping():
            try:
                with Connection(f"{self._socket_url}?token={quote(self._key, safe='')}") as connection:
                    self._subscribe(connection)
                    self._has_heard = False
                    self._listen(connection, publish, is_stopping)
            except RejectedError as error:
                if error.status in _REFUSED:
                    raise InvalidSettingError("finnhub refuses the API key (finnhub.api_key)") from None
                self._health = error.message
            except FeedUnavailableError as error:
                self._health = error.message
            # Only a connection that brought something starts the waiting anew.
            wait_s = _FIRST_WAIT_S if self._has_heard else wait_s
            self._has_heard = False
            self._pause(wait_s, is_stopping)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _pause(self, seconds: float, is_stopping: Callable[[], bool]) -> None:
        until = self._clock.monotonic() + seconds
        while not is_stopping() and (left := until - self._clock.monotonic()) > 0:
            self._clock.sleep(min(left, _TURN_S))

    def _subscribe(self, connection: Connection) -> None:
        for symbol in self._symbols:
            connection.send(json.dumps({"type": "subscribe", "symbol": symbol}))
        self._position = max(self._position + 1, self._clock.now() // _MICROSECOND)
        self._health = self._complaint = ""

    def _listen(
        self, connection: Connection, publish: Callable[[Batch], None], is_stopping: Callable[[], bool]
    ) -> None:
        heard = self._clock.monotonic()
        while not is_stopping():
            message = connection.receive(_TURN_S)
            now = self._clock.monotonic()
            if message is None:
                if now - heard > self._silence_s:
                    raise FeedUnavailableError(f"nothing came for {self._silence_s:g} s")
                continue
            heard, self._has_heard = now, True
            trades: list[Trade] = []
            try:
                while message is not None:
                    trades += self._read(message)
                    # Messages that stand ready travel together: fewer, fuller frames.
                    message = connection.receive(_LINGER_S) if 0 < len(trades) < _MOST else None
            finally:  # what came before the connection broke counts
                if trades:
                    self._hand_on(trades, publish)

    def _read(self, message: str | bytes) -> list[Trade]:
        said = parse(message)
        if isinstance(said, Trades):
            wanted = [trade for trade in said.trades if trade.symbol in self._ids]
            self.rejected += said.rejected + len(said.trades) - len(wanted)
            return wanted
        if isinstance(said, Refusal):
            if "api key" in said.message.lower():
                raise InvalidSettingError("finnhub refuses the API key (finnhub.api_key)")
            self._complaint = f"the provider says: {said.message[:200]}"
        elif isinstance(said, Unknown):
            self.rejected += 1
        return []

    def _hand_on(self, trades: list[Trade], publish: Callable[[Batch], None]) -> None:
        ids = [self._ids[trade.symbol] for trade in trades]
        columns = trade_columns(trades, ids, self._clock.now(), self._position + 1)
        self._position += len(trades)
        try:
            publish(Batch(FrameKind.TRADE, columns, self._position))
            self._health = ""
        except UnavailableError as error:
            # A live venue does not wait: the batch is lost, and its positions are the hole that shows it.
            self._health = f"trades were lost: {error.message}"
