"""Books and patterns on their way from a recording to the cache that the screens read."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from marketbell.adapters.calendars.dated.catalogue import CalendarCatalogue
from marketbell.adapters.feeds.replay import ReplayFeed

AT = 1_723_161_600
CALENDARS = CalendarCatalogue()


def message(second: float, data: dict[str, Any]) -> bytes:
    return f"{round((AT + second) * 1e9)} ".encode() + orjson.dumps(data) + b"\n"


def update(second: float, first: int, bids: list[list[str]], asks: list[list[str]]) -> bytes:
    stamp = round((AT + second) * 1_000)
    return message(
        second, {"e": "depthUpdate", "E": stamp, "s": "BTCUSDT", "U": first, "u": first, "b": bids, "a": asks}
    )


def answer(second: float, last: int, bid: float) -> bytes:
    bids = [[f"{bid - at:.2f}", "2.5"] for at in range(100)]
    asks = [[f"{bid + 1 + at:.2f}", "1.5"] for at in range(100)]
    return message(second, {"lastUpdateId": last, "bids": bids, "asks": asks})


def recording(path: Path, *, is_mended: bool = True, seconds: int = 100) -> Path:
    """A book that changes four times a second for `seconds`; then a burst; then a lost update, then a snapshot."""
    lines = [answer(0, 10, 60_000.0)]
    number = 11
    for at in range(4 * seconds):
        size = "3.5" if at % 2 else "2.5"
        lines.append(update(0.1 + at / 4, number, [["59990.00", size]], [["60010.00", size]]))
        number += 1
    for at in range(120):
        size = "9.5" if at % 2 else "2.5"
        lines.append(update(seconds + 0.1 + at / 400, number, [["59995.00", size]], []))
        number += 1
    lines.append(update(seconds + 1.1, number, [["59995.00", "2.5"]], []))
    lines.append(update(seconds + 1.2, number + 2, [["60000.00", "7.25"]], []))
    if is_mended:
        lines.append(answer(seconds + 1.3, number + 1, 60_000.0))
    path.write_bytes(b"".join(lines))
    return path


def cached(world: Any, key: str) -> dict[str, Any]:
    found = orjson.loads(world.cache.get(key) or b"{}")
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("partitions", [1, 2])
def test_a_recorded_book_reaches_the_cache(kit: Any, tmp_path: Path, partitions: int) -> None:
    path = recording(tmp_path / "book.jsonl")
    world = kit.World(feed_maker=lambda: ReplayFeed([path], CALENDARS.sessions), partitions=partitions)
    world.settle()
    book = cached(world, "market:depth:NONE:BTCUSDT")
    assert book["state"] == "ready"
    assert len(book["bids"]) == len(book["asks"]) == 20
    assert book["bids"][0] == [60_000.0, 7.25]
    row = orjson.loads(world.cache.fields("market:rows")["NONE:BTCUSDT"])
    assert (row["bid"], row["ask"], row["book.bid_size"]) == (60_000.0, 60_001.0, 7.25)
    assert row["book.imbalance"] == pytest.approx((17.25 - 7.5) / 24.75)
    quality = cached(world, "market:quality")
    assert quality["totals"] == {"book_gap": 1}
    assert quality["recent"][-1]["kind"] == "book_gap"
    assert quality["recent"][-1]["action"] == "resync"
    evidence = cached(world, "market:evidence:NONE:BTCUSDT")
    assert [one["pattern"] for one in evidence["items"]] == ["quote_stuffing"]
    assert evidence["items"][0]["numbers"]["changes"] == 120


def test_a_book_that_is_not_in_step_is_shown_as_such(kit: Any, tmp_path: Path) -> None:
    path = recording(tmp_path / "book.jsonl", is_mended=False, seconds=5)
    world = kit.World(feed_maker=lambda: ReplayFeed([path], CALENDARS.sessions))
    world.settle()
    book = cached(world, "market:depth:NONE:BTCUSDT")
    assert (book["state"], book["bids"], book["asks"]) == ("resyncing", [], [])
    row = orjson.loads(world.cache.fields("market:rows")["NONE:BTCUSDT"])
    assert row["bid"] is None
    assert row["book.imbalance"] is None


def test_a_killed_stream_goes_on_with_the_same_book(kit: Any, tmp_path: Path) -> None:
    path = recording(tmp_path / "book.jsonl")
    world = kit.World(feed_maker=lambda: ReplayFeed([path], CALENDARS.sessions), checkpoint_every_s=0.2, speed=20.0)
    for turn in range(40):
        world.clock.move(0.2)
        world.ingest.turn()
        world.stream.turn()
        if turn % 9 == 8:
            world.start_stream()
    world.settle()
    book = cached(world, "market:depth:NONE:BTCUSDT")
    assert (book["state"], book["bids"][0]) == ("ready", [60_000.0, 7.25])
    assert cached(world, "market:quality")["totals"] == {"book_gap": 1}
