"""Each condition by itself: what is a finding, since when, and what is none."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from marketbell.adapters.calendars.dated.catalogue import CalendarCatalogue
from marketbell.core.watch.feeds import FeedSeen, feed_silent
from marketbell.core.watch.finding import Movement, title, watch_firing_id
from marketbell.core.watch.processes import Slice, process_silent, stream_stuck
from marketbell.core.watch.stores import dead_letters, disk, unsent

S = 10**9
XNSE = CalendarCatalogue().sessions("XNSE")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * S


def feed(**more: Any) -> dict[str, Any]:
    return {"name": "finnhub", "label": "Finnhub", "kind": "live", "state": "running", "calendar": "XNSE"} | more


NOON = at("2026-11-26T12:00:00+05:30")


@pytest.mark.parametrize(
    ("now", "still_for_s", "is_silent"),
    [
        (NOON, 60, True),
        (NOON, 59, False),
        (at("2026-11-26T20:00:00+05:30"), 9_000, False),  # the venue is closed
        (at("2026-11-28T12:00:00+05:30"), 9_000, False),  # a Saturday
        (at("2026-11-26T09:15:30+05:30"), 60_000, False),  # silent all night, open for half a minute
        (at("2026-11-26T09:16:00+05:30"), 60_000, True),
    ],
)
def test_a_live_feed_is_silent_only_while_its_venue_is_open(now: int, still_for_s: int, *, is_silent: bool) -> None:
    found = feed_silent(FeedSeen(feed(clock=1), now - still_for_s * S), XNSE, now, 60)
    assert (found is not None) == is_silent
    if found is not None:
        opened = at("2026-11-26T09:15:00+05:30")
        assert found.since == max(now - still_for_s * S, opened)
        assert found.said == "Finnhub has been silent for 60 s while its market is open."


def test_a_replays_market_is_open_by_its_own_clock() -> None:
    seen = FeedSeen(
        feed(kind="replay", clock=at("2021-04-28T11:00:00+05:30"), error="the disk is gone"), NOON - 120 * S
    )
    found = feed_silent(seen, XNSE, at("2026-11-29T00:00:00+05:30"), 60)
    assert found is not None
    assert found.said.endswith("while its market is open: the disk is gone")


@pytest.mark.parametrize("more", [{"state": "ended"}, {"state": "paused"}, {"state": "idle"}, {"is_paused": True}])
def test_what_was_stopped_is_not_silent(more: dict[str, Any]) -> None:
    assert feed_silent(FeedSeen(feed(**more), 0), XNSE, NOON, 60) is None


def test_an_evaluator_is_stuck_where_the_log_goes_on() -> None:
    slices = [Slice("0-31", 5, NOON - 40 * S), Slice("32-63", 9, NOON - 2 * S)]
    (found,) = stream_stuck(slices, NOON, NOON, 30)
    assert (found.watch, found.since) == ("stream_stuck:0-31", NOON - 40 * S)
    assert stream_stuck(slices, NOON - 39 * S, NOON, 30) == [], "the log stands too: nothing comes to evaluate"


def test_processes_are_silent_after_a_while() -> None:
    found = process_silent(["worker", "beat"], {"beat": "no progress"}, {"worker": NOON - 5 * S, "beat": 0}, NOON, 30)
    assert [one.watch for one in found] == ["process_silent:beat"]
    assert "no progress" in found[0].said


def test_the_store_and_the_disk() -> None:
    assert unsent(None, NOON, 60) is None
    assert unsent(NOON - 59 * S, NOON, 60) is None
    waiting = unsent(NOON - 60 * S, NOON, 60)
    assert waiting is not None
    assert waiting.since == NOON - 60 * S
    assert disk(1 << 30, 1 << 30, 1 << 40, NOON) is None
    assert disk((1 << 30) - 1, 1 << 30, 1 << 40, NOON) is not None
    assert dead_letters(1, 1, 2, NOON) is None
    letters = dead_letters(3, 0, 2, NOON)
    assert letters is not None
    assert letters.said == "3 messages were given up."
    alone = [dead_letters(*counts, 0, NOON) for counts in ((1, 0), (0, 1), (1, 1))]
    assert [one.said for one in alone if one] == [
        "1 message was given up.",
        "1 run of a job was given up.",
        "1 message and 1 run of a job were given up.",
    ]


def test_movement_is_by_the_steady_clock() -> None:
    seen = Movement()
    assert seen.since("a", 1, NOON, 100.0) == NOON
    assert seen.since("a", 1, NOON + 5 * S, 105.0) == NOON
    hour = 3_600 * S
    assert seen.since("a", 1, NOON + hour, 110.0) == NOON + hour - 10 * S, "the clock was set on: still ten seconds"
    assert seen.since("a", 1, NOON - hour, 120.0) == NOON - hour - 20 * S
    assert seen.since("a", 2, NOON, 130.0) == NOON


def test_firings_of_a_watch_have_ids_of_their_own() -> None:
    ids = {watch_firing_id(watch, began, event) for watch in ("disk", "unsent") for began in (1, 2) for event in "fx"}
    assert len(ids) == 8
    assert watch_firing_id("disk", 1, "fire") == watch_firing_id("disk", 1, "fire")
    assert (title("feed_silent:finnhub"), title("other")) == ("Feed silent", "other")
    assert len(XNSE.open) == len(np.unique(XNSE.open))
