"""Sessions, remembered answers, watchlists and channels: one contract over every store."""

from dataclasses import replace

import pytest

from marketbell.core.primitives.errors import NotFoundError
from marketbell.ports.stores import LOCAL_OWNER, Channel, Stores, Watchlist


def test_a_session_lets_in_until_it_ends(stores: Stores) -> None:
    stores.sessions.create(LOCAL_OWNER, b"\x00hash", expires_at=100)
    assert stores.sessions.owner(b"\x00hash", now=99) == LOCAL_OWNER
    assert stores.sessions.owner(b"\x00hash", now=100) is None
    assert stores.sessions.owner(b"other", now=1) is None
    stores.sessions.delete(b"\x00hash")
    stores.sessions.delete(b"\x00hash")
    assert stores.sessions.owner(b"\x00hash", now=1) is None


def test_the_first_answer_to_a_key_stays(stores: Stores) -> None:
    assert stores.idempotency.recall(LOCAL_OWNER, "k") is None
    stores.idempotency.remember(LOCAL_OWNER, "k", b"\xff", 201, b'{"a": 1}', now=1)
    stores.idempotency.remember(LOCAL_OWNER, "k", b"x", 500, b"", now=2)
    assert stores.idempotency.recall(LOCAL_OWNER, "k") == (b"\xff", 201, b'{"a": 1}')
    assert stores.idempotency.recall("somebody", "k") is None


def test_watchlists_keep_their_order(stores: Stores) -> None:
    first = Watchlist("w1", LOCAL_OWNER, "Core", ("NSE:TCS", "NSE:RELIANCE"))
    second = Watchlist("w2", LOCAL_OWNER, "Auto")
    assert stores.watchlists.put(first) == first
    stores.watchlists.put(second)
    stores.watchlists.put(Watchlist("w3", "somebody", "Theirs"))
    assert stores.watchlists.all(LOCAL_OWNER) == [first, second]
    changed = replace(first, instruments=("NSE:INFY",))
    stores.watchlists.put(changed)
    assert stores.watchlists.all(LOCAL_OWNER) == [changed, second]
    assert stores.watchlists.get(LOCAL_OWNER, "w1") == changed
    stores.watchlists.delete(LOCAL_OWNER, "w1")
    assert stores.watchlists.get(LOCAL_OWNER, "w1") is None


def test_other_peoples_watchlists_do_not_exist(stores: Stores) -> None:
    theirs = Watchlist("w3", "somebody", "Theirs")
    stores.watchlists.put(theirs)
    assert stores.watchlists.get(LOCAL_OWNER, "w3") is None
    with pytest.raises(NotFoundError):
        stores.watchlists.put(replace(theirs, owner_id=LOCAL_OWNER))
    with pytest.raises(NotFoundError):
        stores.watchlists.delete(LOCAL_OWNER, "w3")
    assert stores.watchlists.all("somebody") == [theirs]


def test_channels_are_put_changed_and_deleted(stores: Stores) -> None:
    hook = Channel("c1", LOCAL_OWNER, "webhook", "Desk", {"url": "https://example.org", "n": 1})
    stores.channels.put(hook)
    stores.channels.put(Channel("c2", LOCAL_OWNER, "slack", "Team", {}, is_enabled=False))
    changed = replace(hook, name="Other", is_enabled=False)
    assert stores.channels.put(changed) == changed
    assert [channel.channel_id for channel in stores.channels.all(LOCAL_OWNER)] == ["c1", "c2"]
    assert stores.channels.all(LOCAL_OWNER)[0] == changed
    with pytest.raises(NotFoundError):
        stores.channels.delete("somebody", "c1")
    with pytest.raises(NotFoundError):
        stores.channels.put(replace(hook, owner_id="somebody"))
    stores.channels.delete(LOCAL_OWNER, "c1")
    assert [channel.channel_id for channel in stores.channels.all(LOCAL_OWNER)] == ["c2"]
