"""Raw recordings of Binance streams: one message a line behind the time at which it arrived.

Lines are `<receive time> <json>` (ns) or `<receive time>: <json>` (seconds, with the asked address before it for
answers to requests). Taken are `depthUpdate` of spot and futures, answers of `depth` (snapshots), `bookTicker`,
`trade`, and `aggTrade` of symbols that have no `trade`; other messages are counted and left out.
"""

import gzip
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from marketbell.adapters.feeds.replay.events import Change, Event, snapshot
from marketbell.adapters.feeds.replay.venues import describe
from marketbell.core.columns.frame import FrameKind
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.order_book import NO_ID
from marketbell.core.primitives.errors import InvalidSourceError

_LINE = re.compile(
    rb"^(?:(?P<asked>\S*://\S+) (?:<-|->|<->) )?(?P<time>\d+(?:\.\d+)?)(?P<colon>:?) (?P<body>[\{\[].*)$"
)
_ASKED = re.compile(rb"[?&]symbol=(\w+)")
_LIMITS = (5, 10, 20, 50, 100, 500, 1_000, 5_000)
"""How many levels a side an answer of `depth` can be asked for; a shorter side is all there is."""
_STEPS = (0.01, 0.001, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
_SNIFFED = 4_096
_MILLISECOND = 1_000_000
_DIGITS_OF_NS = 16
_NOT_TOLD = -1
_TICKER = {"s", "b", "B", "a", "A"}
"""What a message of the spot stream `bookTicker` bears; it does not say what it is."""
_AGGREGATED = "aggTrade"


def is_stream(path: Path) -> bool:
    """Whether the file begins like such a recording."""
    try:
        with _opened(path) as stream:
            head = stream.read(_SNIFFED)
    except (OSError, EOFError):
        return False
    lines = [line for line in head.split(b"\n")[:3] if line]
    return any(_LINE.match(line) is not None for line in lines) or head.startswith(b"wss://")


def _opened(path: Path) -> Any:
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")


def read_stream(path: Path) -> tuple[list[Event], dict[str, int]]:
    """Events of a recording and the messages left out, by kind. InvalidSourceError names the line that is none."""
    events: list[Event] = []
    skipped: Counter[str] = Counter()
    aggregated: list[tuple[int, Event]] = []
    nameless: list[int] = []
    try:
        for number, asked, received, message in _messages(path, skipped):
            try:
                event = _event(asked, received, message, skipped)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise InvalidSourceError(
                    f"{path}: line {number}: not a message that is known here ({error})"
                ) from error
            if event is None:
                continue
            if message.get("e") == _AGGREGATED or message.get("data", {}).get("e") == _AGGREGATED:
                aggregated.append((len(events), event))
                continue
            if not event.symbol:
                nameless.append(len(events))
            events.append(event)
    except (OSError, EOFError) as error:
        raise InvalidSourceError(f"{path}: cannot be read ({error})") from error
    _name(path, events, nameless, [event for _, event in aggregated])
    traded = {event.symbol for event in events if event.kind is FrameKind.TRADE}
    kept = [(at, event) for at, event in aggregated if event.symbol not in traded]
    skipped.update({_AGGREGATED: len(aggregated) - len(kept)} if len(kept) < len(aggregated) else {})
    for at, event in reversed(kept):
        events.insert(at, event)
    if not events:
        raise InvalidSourceError(f"{path}: not one trade, quote or change of a book")
    return events, dict(skipped)


def _messages(path: Path, skipped: Counter[str]) -> Iterator[tuple[int, bytes, int, Any]]:
    """Line number, asked address, time of arrival (ns) and message. A last line that was cut off is counted."""
    with _opened(path) as stream:
        lines = stream.read().split(b"\n")
    while lines and not lines[-1].strip():
        lines.pop()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith(b"wss://"):
            continue
        found = _LINE.match(line)
        try:
            body = None if found is None else orjson.loads(found["body"])
        except ValueError:
            body = None
        if found is None or body is None:
            if number == len(lines):
                skipped["cut off"] += 1
                return
            raise InvalidSourceError(f"{path}: line {number}: not a time and a message")
        if not isinstance(body, dict):
            skipped["other"] += 1
            continue
        yield number, found["asked"] or b"", _nanoseconds(found["time"].decode()), body


def _nanoseconds(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole) if not part and len(whole) >= _DIGITS_OF_NS else int(whole) * 10**9 + int((part + "0" * 9)[:9])


def _event(asked: bytes, received: int, message: Mapping[str, Any], skipped: Counter[str]) -> Event | None:
    stream = str(message.get("stream", ""))
    data = message.get("data", message)
    kind = data.get("e") or (stream.rpartition("@")[2] if "@" in stream else "")
    if "lastUpdateId" in data and ("bids" in data or "b" in data):
        name = _ASKED.search(asked)
        symbol = name[1].decode() if name else stream.partition("@")[0].upper() or str(data.get("s", ""))
        bids, asks = _levels(data.get("bids", data.get("b"))), _levels(data.get("asks", data.get("a")))
        most = max(len(bids), len(asks))
        limit = most if most in _LIMITS else most + 1
        change = snapshot(int(data["lastUpdateId"]), bids, asks, (len(bids) < limit, len(asks) < limit))
        return Event(FrameKind.BOOK, symbol.upper(), _time(data), received, change=change)
    if kind == "depthUpdate":
        change = Change(
            int(data["U"]), int(data["u"]), int(data.get("pu", NO_ID)), _levels(data["b"]), _levels(data["a"])
        )
        return Event(FrameKind.BOOK, str(data["s"]), _time(data), received, change=change)
    if kind in {"", "bookTicker"} and data.keys() >= _TICKER:
        values = (float(data["b"]), float(data["B"]), float(data["a"]), float(data["A"]), int(data.get("u", NO_ID)))
        return Event(FrameKind.QUOTE, str(data["s"]), _time(data), received, values)
    if kind in {"trade", _AGGREGATED}:
        number = int(data["t" if kind == "trade" else "a"])
        return Event(
            FrameKind.TRADE, str(data["s"]), _time(data), received, (float(data["p"]), float(data["q"]), number)
        )
    skipped[str(kind) or "other"] += 1
    return None


def _levels(levels: Any) -> list[tuple[float, float]]:
    return [(float(level[0]), float(level[1])) for level in levels]


def _time(data: Mapping[str, Any]) -> int:
    """When it happened (T) at the venue, else when it was sent (E); ns UTC."""
    told = data.get("T", data.get("E"))
    return _NOT_TOLD if told is None else int(told) * _MILLISECOND


def _name(path: Path, events: list[Event], nameless: list[int], others: list[Event]) -> None:
    """Give snapshots that bear no symbol the only one of the file."""
    if not nameless:
        return
    symbols = {event.symbol for event in (*events, *others)} - {""}
    if len(symbols) != 1:
        named = ", ".join(sorted(symbols)[:5]) or "none"
        raise InvalidSourceError(f"{path}: a snapshot without a symbol, and the file has not one symbol ({named})")
    symbol = symbols.pop()
    for at in nameless:
        events[at] = replace(events[at], symbol=symbol)


def instruments_of(events: list[Event], calendar: str) -> dict[str, Instrument]:
    """The instruments by symbol. The price step is the coarsest of 0.01 … 1e-8 that the first prices keep."""
    prices: dict[str, list[float]] = {}
    for event in events:
        found = prices.setdefault(event.symbol, [])
        if len(found) < 1_000:
            if event.change is None:
                found.append(float(event.values[0]))
            else:
                found += [price for price, _ in (*event.change.bids, *event.change.asks)]
    return {
        symbol: replace(
            describe(symbol, calendar, prices=np.array(found), has_volume=True), tick_size=_step(np.array(found))
        )
        for symbol, found in sorted(prices.items())
    }


def _step(prices: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    for step in _STEPS:
        if (np.abs(prices / step - np.round(prices / step)) < 1e-3).all():
            return step
    return _STEPS[-1]
