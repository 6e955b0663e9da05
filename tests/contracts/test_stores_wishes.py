"""Preferences, silences, acks and snoozes: one contract over every store."""

from dataclasses import replace

import pytest

from marketbell.core.alerts.acks import Mute
from marketbell.core.alerts.decide import Wishes
from marketbell.core.alerts.preferences import Preferences
from marketbell.core.alerts.silences import Silence
from marketbell.core.primitives.errors import ConflictError, NotFoundError
from marketbell.ports.stores import LOCAL_OWNER, Stores

NIGHT = Preferences("Asia/Kolkata", "22:00", "07:00", quiet_except_high=False, digest_at="09:30", repeat_s=60)
LUNCH = Silence(200, "rule", "NSE:A", "low", "lunch", "s1", 90)
ACK = Mute("ack", "f1", "rule", "NSE:A", 200, 100, "owner")


def test_who_said_nothing_gets_the_defaults(stores: Stores) -> None:
    assert stores.wishes.preferences(LOCAL_OWNER) is None
    assert stores.wishes.wishes(LOCAL_OWNER, 0) == Wishes()


def test_the_last_preferences_count(stores: Stores) -> None:
    stores.wishes.put_preferences(LOCAL_OWNER, Preferences())
    stores.wishes.put_preferences(LOCAL_OWNER, NIGHT)
    assert stores.wishes.preferences(LOCAL_OWNER) == NIGHT
    assert stores.wishes.wishes(LOCAL_OWNER, 0).preferences == NIGHT
    assert stores.wishes.preferences("somebody") is None


def test_silences_hold_until_their_time_or_their_end(stores: Stores) -> None:
    long = replace(LUNCH, silence_id="s2", until=300)
    for one in (long, LUNCH):
        assert stores.wishes.put_silence(LOCAL_OWNER, one) == one
    assert stores.wishes.silences(LOCAL_OWNER, 199) == [LUNCH, long]
    assert stores.wishes.silences(LOCAL_OWNER, 200) == [long]
    assert stores.wishes.wishes(LOCAL_OWNER, 199).silences == (LUNCH, long)
    with pytest.raises(ConflictError):
        stores.wishes.put_silence("somebody", LUNCH)
    with pytest.raises(NotFoundError):
        stores.wishes.end_silence("somebody", "s2")
    stores.wishes.put_silence(LOCAL_OWNER, replace(long, until=250))
    stores.wishes.end_silence(LOCAL_OWNER, "s1")
    assert [one.until for one in stores.wishes.silences(LOCAL_OWNER, 0)] == [250]
    with pytest.raises(NotFoundError):
        stores.wishes.end_silence(LOCAL_OWNER, "s1")


def test_an_ack_keeps_who_made_it_first_and_is_renewed(stores: Stores) -> None:
    snooze = replace(ACK, kind="snooze", until=500, at=110, by="link")
    assert stores.wishes.mute(LOCAL_OWNER, ACK) == ACK
    assert stores.wishes.mute(LOCAL_OWNER, replace(ACK, until=300, at=150, by="link")) == replace(ACK, until=300)
    stores.wishes.mute(LOCAL_OWNER, snooze)
    assert stores.wishes.wishes(LOCAL_OWNER, 299).mutes == (replace(ACK, until=300), snooze)
    assert stores.wishes.wishes(LOCAL_OWNER, 300).mutes == (snooze,)
    assert stores.wishes.mutes_of(LOCAL_OWNER, ["f1", "f2"]) == {"f1": [replace(ACK, until=300), snooze]}
    assert stores.wishes.mutes_of("somebody", ["f1"]) == {}


def test_unmuting_ends_what_holds_and_forgets_nothing(stores: Stores) -> None:
    elsewhere = replace(ACK, firing_id="f2", instrument="NSE:B")
    for one in (ACK, elsewhere):
        stores.wishes.mute(LOCAL_OWNER, one)
    assert stores.wishes.unmute("somebody", "rule", "NSE:A", 150) == 0
    assert stores.wishes.unmute(LOCAL_OWNER, "rule", "NSE:A", 150) == 1
    assert stores.wishes.unmute(LOCAL_OWNER, "rule", "NSE:A", 150) == 0
    assert stores.wishes.wishes(LOCAL_OWNER, 160).mutes == (elsewhere,)
    assert stores.wishes.mutes_of(LOCAL_OWNER, ["f1"]) == {"f1": [replace(ACK, until=150)]}
