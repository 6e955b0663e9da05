"""The status of several processes is one, and says what nobody looks after."""

from typing import Any

import pytest

from marketbell.adapters.cache.memory import MemoryCache
from marketbell.core.primitives.errors import InvalidSettingError
from marketbell.core.primitives.shards import ALL_SHARDS, Shards, shards_of, stream_name
from marketbell.flows.stream.standing import Standing, joined, slowest


def part(shards: str, fence: int, *, is_owner: bool = True, offset: int = 10, problem: str | None = None) -> Any:
    state = "running" if is_owner else "standby"
    return {
        "shards": shards,
        "is_owner": is_owner,
        "fence": fence,
        "partitions": [{"partition": 0, "shards": shards, "label": f"0.{shards}", "state": state, "offset": offset}],
        "ticks_per_s": 2.5,
        "ticks": {"trade": 7},
        "firings_written": 1,
        "waiting": {"ledger": 1, "bars": 2, "market": 0, "dropped": 0},
        "problem": problem,
    }


def test_sums_and_the_slowest() -> None:
    whole = joined([part("32-63", 2, offset=30), part("0-31", 1, offset=20)])
    assert [one["label"] for one in whole["partitions"]] == ["0.0-31", "0.32-63"]
    assert (whole["ticks_per_s"], whole["ticks"], whole["firings_written"]) == (5.0, {"trade": 14}, 2)
    assert whole["waiting"]["bars"] == 4
    assert whole["problem"] is None
    assert slowest(whole) == {0: 20}


def test_shards_that_nobody_evaluates_are_named() -> None:
    whole = joined([part("0-31", 1), part("40-63", 1), part("0-63", 0, is_owner=False)])
    assert whole["problem"] == "nobody evaluates the shards 32-39"
    assert [one["state"] for one in whole["partitions"]] == ["running", "running"]


def test_an_owner_that_was_followed_does_not_count() -> None:
    whole = joined([part("0-63", 3), part("0-31", 7), part("32-63", 8)])
    assert [one["label"] for one in whole["partitions"]] == ["0.0-31", "0.32-63"]
    assert [one["is_owner"] for one in whole["processes"]] == [False, True, True]


def test_only_standbys_say_why_they_wait() -> None:
    whole = joined([part("0-63", 0, is_owner=False, problem="the database did not answer")])
    assert whole["problem"] == "the database did not answer"
    assert whole["partitions"][0]["state"] == "standby"


def test_a_part_leaves_with_its_process() -> None:
    cache = MemoryCache()
    low, high = Standing(cache, Shards(0, 31), "a"), Standing(cache, Shards(32, 63), "b")
    low.tell(part("0-31", 1))
    assert high.tell(part("32-63", 2))["problem"] is None
    low.end()
    assert high.tell(part("32-63", 2))["problem"] == "nobody evaluates the shards 0-31"


@pytest.mark.parametrize("text", ["", "a", "5-3", "0-64", "-1", "0-31/32", "1-2-3"])
def test_what_is_no_range_is_an_error(text: str) -> None:
    with pytest.raises(InvalidSettingError):
        Shards.parse(text)


def test_ranges_cut_evenly_and_meet_partitions() -> None:
    assert [str(one) for one in ALL_SHARDS.cut(3)] == ["0-20", "21-41", "42-63"]
    assert Shards.parse("7/64") == Shards(7, 7)
    assert [stream_name(one) for one in ALL_SHARDS.cut(2)] == ["stream", "stream.32-63"]
    for partitions in (1, 3, 64):
        held = [shard for number in range(partitions) for shard in shards_of(number, partitions)]
        assert held == list(ALL_SHARDS)
    with pytest.raises(InvalidSettingError):
        Shards(0, 1).cut(3)
