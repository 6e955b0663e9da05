"""Who is told, when again, how fast: pure decisions."""

from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.alerts.late import is_late
from marketbell.core.alerts.pace import Pace, book
from marketbell.core.alerts.plan import Destination, Planned, delivery_id, plan
from marketbell.core.alerts.retry import RetryPolicy, gives_up, wait_s

DESK = Destination("slack", "c1", "desk")
RISK = Destination("slack", "c2", "risk", is_enabled=False)
HOOK = Destination("webhook", "c3", "hook")
INBOX = Planned("in_app", "inbox", "inbox")


def test_the_inbox_is_always_told() -> None:
    assert plan([], [DESK, HOOK]) == [INBOX]
    assert plan(["in_app"], [DESK]) == [INBOX]


def test_a_kind_a_name_and_an_id_find_channels_once() -> None:
    desk = Planned("slack", "c1", "desk")
    assert plan(["slack:desk"], [DESK, RISK, HOOK]) == [INBOX, desk]
    assert plan(["slack:desk", "c1", "slack:c1"], [DESK, RISK, HOOK]) == [INBOX, desk]
    assert [item.address for item in plan(["slack", "webhook"], [DESK, RISK, HOOK])] == ["inbox", "c1", "c2", "c3"]


def test_what_is_not_told_has_its_reason() -> None:
    states = {item.address: (item.state, item.reason) for item in plan(["slack", "webhook:gone"], [DESK, RISK, HOOK])}
    assert states["c2"] == ("suppressed", "the channel is switched off")
    assert states["gone"] == ("dead", "there is no channel webhook:gone")


def test_mail_is_another_word_for_email() -> None:
    found = plan(["mail", "mail:me"], [Destination("email", "c1", "me"), Destination("email", "c2", "you")])
    assert [(item.kind, item.address, item.state) for item in found[1:]] == [
        ("email", "c1", "queued"), ("email", "c2", "queued"),
    ]  # fmt: skip


def test_a_channel_that_is_not_there_is_stood_in_for_by_the_fallback() -> None:
    told = plan(["webhook:gone"], [DESK, HOOK], "slack:desk")
    assert [(item.address, item.state) for item in told[1:]] == [("gone", "dead"), ("c1", "queued")]
    assert plan(["webhook"], [DESK, HOOK], "slack:desk") == [INBOX, Planned("webhook", "c3", "hook")]


def test_delivery_ids_are_keys() -> None:
    assert delivery_id("f", "slack", "c1") == delivery_id("f", "slack", "c1")
    assert len({delivery_id(f, k, a) for f in "fg" for k in ("slack", "webhook") for a in ("c1", "c2")}) == 8


def test_lateness_is_counted_from_the_recording() -> None:
    assert not is_late(0, 600 * 10**9, 600.0)
    assert is_late(0, 600 * 10**9 + 1, 600.0)


@given(st.text(max_size=40), st.integers(1, 200), st.floats(0, 3_600))
def test_waits_grow_stay_bounded_and_respect_the_receiver(key: str, attempts: int, asked: float) -> None:
    policy = RetryPolicy()
    wait = wait_s(policy, key, attempts, asked)
    whole = min(policy.longest_s, policy.first_s * 2 ** (attempts - 1))
    assert wait == wait_s(policy, key, attempts, asked)
    assert max(asked, whole / 2) <= wait <= max(asked, whole)


def test_giving_up() -> None:
    policy = RetryPolicy(attempts=3)
    assert [gives_up(policy, n, is_permanent=False) for n in (1, 2, 3)] == [False, False, True]
    assert gives_up(policy, 1, is_permanent=True)


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 5), st.floats(0.1, 10))
def test_no_window_lets_more_through_than_burst_and_rate(gaps: list[float], burst: int, per_s: float) -> None:
    pace, bucket, now, sent = Pace(float(burst), per_s), None, 0.0, list[float]()
    for gap in gaps:
        now += gap
        bucket, wait, is_booked = book(pace, bucket, now, 3.0)
        assert is_booked == (wait <= 3.0)
        if is_booked:
            sent.append(now + wait)
    assert sent == sorted(sent)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            assert last - first + 1 <= burst + (sent[last] - sent[first]) * per_s + 1e-6
