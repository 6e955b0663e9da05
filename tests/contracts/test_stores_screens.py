"""Saved screens, their commands, and who entered and left: one contract over every store."""

from dataclasses import replace

import pytest

from marketbell.core.primitives.errors import ConflictError, NotFoundError
from marketbell.ports import stores as port
from marketbell.ports.stores import EVERYWHERE, LOCAL_OWNER, SavedScreen, ScreenEvent, Stay, Stores

CHEAP = SavedScreen("s-1", LOCAL_OWNER, "Cheap", 'screen "Cheap" when pe < 10', {"when": [1]}, 5, 5)
COMMAND = {
    "type": "screen",
    "screen_id": "s-1",
    "owner_id": LOCAL_OWNER,
    "definition": {"when": [1]},
    "options": {},
}


def commands(stores: Stores) -> list[tuple[int, dict[str, object]]]:
    return [(one.instrument_id, one.payload) for one in stores.rules.unpublished()]


def test_saving_keeps_the_screen_and_tells_every_partition(stores: Stores) -> None:
    assert not stores.rules.wait(0.01)
    assert stores.screens.put(CHEAP) == CHEAP
    assert stores.screens.get(LOCAL_OWNER, "s-1") == CHEAP
    assert stores.screens.all(LOCAL_OWNER) == stores.screens.standing() == [CHEAP]
    assert commands(stores) == [(EVERYWHERE, COMMAND)]
    assert stores.rules.wait(10)


def test_a_screen_without_times_gets_them(stores: Stores) -> None:
    kept = stores.screens.put(replace(CHEAP, created_at=0, updated_at=0))
    assert kept.created_at > 10**18
    assert kept.updated_at >= kept.created_at


def test_saving_the_same_again_gives_no_second_command(stores: Stores) -> None:
    stores.screens.put(CHEAP)
    assert stores.screens.put(replace(CHEAP, created_at=9, updated_at=9)) == CHEAP
    assert len(commands(stores)) == 1


def test_a_changed_screen_takes_the_place_of_what_stood(stores: Stores) -> None:
    stores.screens.put(CHEAP)
    changed = replace(CHEAP, name="Cheaper", text="other", definition={"when": [2]}, created_at=8, updated_at=8)
    assert stores.screens.put(changed) == replace(changed, created_at=5)
    assert [payload["definition"] for _, payload in commands(stores)] == [{"when": [1]}, {"when": [2]}]


def test_the_same_text_with_other_members_takes_its_place_too(stores: Stores) -> None:
    stores.screens.put(CHEAP)
    stores.screens.put(replace(CHEAP, definition={"when": [3]}))
    assert [payload["definition"] for _, payload in commands(stores)] == [{"when": [1]}, {"when": [3]}]


def test_what_members_leave_at_is_kept_and_told(stores: Stores) -> None:
    sticky = replace(CHEAP, definition={"when": [1], "leave_when": "fund.pe > 12"})
    assert stores.screens.put(CHEAP).leave_when is None
    stores.screens.put(sticky)
    assert stores.screens.get(LOCAL_OWNER, "s-1") == sticky
    assert [one.leave_when for one in stores.screens.standing()] == ["fund.pe > 12"]
    assert [payload for _, payload in commands(stores)] == [
        COMMAND,
        COMMAND | {"options": {"leave_when": "fund.pe > 12"}},
    ]
    stores.screens.put(CHEAP)
    assert commands(stores)[-1][1] == COMMAND


def test_an_owner_has_a_name_once(stores: Stores) -> None:
    stores.screens.put(CHEAP)
    with pytest.raises(ConflictError, match="Cheap"):
        stores.screens.put(replace(CHEAP, screen_id="s-2"))
    stores.screens.put(replace(CHEAP, screen_id="s-3", owner_id="somebody"))
    assert stores.screens.all(LOCAL_OWNER) == [CHEAP]


def test_other_peoples_screens_do_not_exist(stores: Stores) -> None:
    stores.screens.put(CHEAP)
    assert stores.screens.get("somebody", "s-1") is None
    assert stores.screens.all("somebody") == []
    with pytest.raises(NotFoundError):
        stores.screens.delete("somebody", "s-1")
    with pytest.raises(ConflictError):
        stores.screens.put(replace(CHEAP, owner_id="somebody"))
    assert stores.screens.get(LOCAL_OWNER, "s-1") == CHEAP


def test_deleting_forgets_the_events_and_tells_the_log(stores: Stores) -> None:
    stores.screens.put(CHEAP)
    stores.screens.put_events("s-1", [ScreenEvent("enter", 7, 10)])
    stores.screens.delete(LOCAL_OWNER, "s-1")
    assert stores.screens.standing() == []
    assert stores.screens.history("s-1", 0) == []
    assert commands(stores)[1:] == [(EVERYWHERE, {"type": "unscreen", "screen_id": "s-1"})]
    with pytest.raises(NotFoundError):
        stores.screens.delete(LOCAL_OWNER, "s-1")


def test_events_are_kept_once_and_told_newest_first(stores: Stores) -> None:
    first, second, third = ScreenEvent("enter", 7, 10), ScreenEvent("leave", 7, 20), ScreenEvent("enter", 8, 30)
    stores.screens.put_events("s-1", [first, second])
    stores.screens.put_events("s-1", [second, third])
    stores.screens.put_events("s-1", [])
    stores.screens.put_events("s-2", [first])
    assert stores.screens.history("s-1", 0) == [third, second, first]
    assert stores.screens.history("s-1", 20) == [third, second]
    assert stores.screens.history("s-1", 0, limit=1) == [third]


def test_the_oldest_events_go_first(stores: Stores) -> None:
    some = [ScreenEvent("enter", number, number) for number in range(port.MOST_EVENTS + 3)]
    stores.screens.put_events("s-2", some[:5])
    stores.screens.put_events("s-1", some[:-1])
    stores.screens.put_events("s-1", some[-1:])
    kept = stores.screens.history("s-1", 0, limit=len(some))
    assert (len(kept), kept[0], kept[-1]) == (port.MOST_EVENTS, some[-1], some[3])
    assert len(stores.screens.history("s-2", 0)) == 5


def test_what_an_instrument_was_in(stores: Stores) -> None:
    stores.screens.put_events(
        "s-1", [ScreenEvent("enter", 7, 10), ScreenEvent("leave", 7, 20), ScreenEvent("enter", 7, 40)]
    )
    stores.screens.put_events("s-2", [ScreenEvent("leave", 7, 5), ScreenEvent("enter", 8, 6)])
    stores.screens.put_events("s-3", [ScreenEvent("enter", 7, 30), ScreenEvent("enter", 7, 31)])
    assert stores.screens.held(7, 20) == [Stay("s-1", 40, None), Stay("s-3", 30, None), Stay("s-1", 10, 20)]
    assert stores.screens.held(7, 21) == [Stay("s-1", 40, None), Stay("s-3", 30, None)]
    assert stores.screens.held(9, 0) == []
