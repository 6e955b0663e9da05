"""Rules and their commands: one contract over every store."""

import threading
from dataclasses import replace

import pytest

from marketbell.core.primitives.errors import ConflictError, NotFoundError
from marketbell.ports.stores import EVERYWHERE, LOCAL_OWNER, StoredRule, Stores

RULE = StoredRule(
    "uid-1",
    LOCAL_OWNER,
    "Price level",
    "alert …",
    {"b": 1.5, "a": [None, "x"]},
    created_at=5,
    notify=("slack", "in_app"),
)
PAYLOAD = {"type": "arm_level", "rule_uid": "uid-1", "version": 1, "level": 1500.0, "notify": ["slack"]}


def test_arming_stores_the_rule_and_its_command(stores: Stores) -> None:
    assert stores.rules.arm(RULE, 7, PAYLOAD) == RULE
    assert stores.rules.get(LOCAL_OWNER, "uid-1") == RULE
    assert stores.rules.all(LOCAL_OWNER) == [RULE]
    assert stores.rules.armed() == [(RULE, 7, PAYLOAD)]
    (command,) = stores.rules.unpublished()
    assert (command.instrument_id, command.payload) == (7, PAYLOAD)


def test_a_rule_without_a_time_gets_one(stores: Stores) -> None:
    assert stores.rules.arm(replace(RULE, created_at=0), 7, PAYLOAD).created_at > 10**18


def test_arming_the_same_again_gives_no_second_command(stores: Stores) -> None:
    stores.rules.arm(RULE, 7, PAYLOAD)
    assert stores.rules.arm(replace(RULE, created_at=99), 7, PAYLOAD) == RULE
    stores.rules.mark_fired(["uid-1"])
    assert stores.rules.arm(RULE, 7, PAYLOAD).state == "fired"
    assert len(stores.rules.unpublished()) == 1


def test_a_changed_text_is_the_next_version(stores: Stores) -> None:
    stores.rules.arm(RULE, 7, PAYLOAD)
    changed = replace(RULE, text="alert other", definition={"a": 2}, notify=())
    stored = stores.rules.arm(changed, 8, PAYLOAD | {"level": 1600.0})
    assert stored == replace(changed, version=2)
    assert stores.rules.get(LOCAL_OWNER, "uid-1") == stored
    assert stores.rules.armed() == [(stored, 8, PAYLOAD | {"level": 1600.0, "version": 2})]
    commands = [(one.instrument_id, one.payload["type"], one.payload["version"]) for one in stores.rules.unpublished()]
    # it went to another place of the log: the one before is taken out there
    assert commands == [(7, "arm_level", 1), (7, "disarm", 1), (8, "arm_level", 2)]


def test_a_version_for_the_same_place_needs_no_disarming(stores: Stores) -> None:
    stores.rules.arm(RULE, EVERYWHERE, PAYLOAD)
    stores.rules.arm(replace(RULE, text="alert other"), EVERYWHERE, PAYLOAD)
    assert [(one.instrument_id, one.payload["version"]) for one in stores.rules.unpublished()] == [(0, 1), (0, 2)]


def test_other_members_of_a_list_are_another_version(stores: Stores) -> None:
    of_lists = PAYLOAD | {"type": "arm_rule", "members": {"watchlist:core": ["NSE:A"]}, "screens": {}}
    stores.rules.arm(RULE, EVERYWHERE, of_lists)
    assert stores.rules.arm(RULE, EVERYWHERE, of_lists | {"notify": ["slack:desk"]}).version == 1
    assert stores.rules.arm(RULE, EVERYWHERE, of_lists | {"members": {"watchlist:core": ["NSE:B"]}}).version == 2


def test_every_wording_is_kept(stores: Stores) -> None:
    stores.rules.arm(RULE, 7, PAYLOAD)
    stores.rules.arm(replace(RULE, text="alert other"), 7, PAYLOAD)
    stores.rules.disarm(LOCAL_OWNER, "uid-1")
    newest, first = stores.rules.versions(LOCAL_OWNER, "uid-1")
    assert (newest.version, newest.text, newest.state) == (2, "alert other", "disabled")
    assert (first.version, first.text, first.state) == (1, "alert …", "replaced")
    assert newest.created_at >= first.created_at > 10**18
    assert stores.rules.versions("somebody", "uid-1") == []
    assert stores.rules.versions(LOCAL_OWNER, "uid-2") == []


def test_a_rule_may_change_its_group_without_a_new_version(stores: Stores) -> None:
    stores.rules.arm(replace(RULE, group="desk"), 7, PAYLOAD)
    assert stores.rules.arm(replace(RULE, group="night"), 7, PAYLOAD) == replace(RULE, group="night")
    assert stores.rules.all(LOCAL_OWNER) == [replace(RULE, group="night")]
    assert len(stores.rules.unpublished()) == 1


def test_a_problem_is_said_until_the_rule_is_armed_anew(stores: Stores) -> None:
    stores.rules.arm(RULE, 7, PAYLOAD)
    stores.rules.mark_problem({"uid-1": "it needs the whole market", "none": "x"})
    stores.rules.mark_problem({})
    assert stores.rules.all(LOCAL_OWNER) == [replace(RULE, problem="it needs the whole market")]
    assert stores.rules.arm(replace(RULE, text="alert other"), 7, PAYLOAD).problem == ""
    stores.rules.mark_problem({"uid-1": "again"})
    stores.rules.mark_problem({"uid-1": ""})
    assert [rule.problem for rule in stores.rules.all(LOCAL_OWNER)] == [""]


def test_disarming_tells_the_log_once(stores: Stores) -> None:
    stores.rules.arm(RULE, 7, PAYLOAD)
    assert stores.rules.disarm(LOCAL_OWNER, "uid-1").state == "disabled"
    assert stores.rules.disarm(LOCAL_OWNER, "uid-1").state == "disabled"
    assert stores.rules.armed() == []
    assert [command.payload for command in stores.rules.unpublished()] == [
        PAYLOAD,
        {"type": "disarm", "rule_uid": "uid-1", "version": 1},
    ]
    again = stores.rules.arm(RULE, 7, PAYLOAD)
    assert (again.version, again.state) == (2, "armed")
    assert len(stores.rules.unpublished()) == 3


def test_other_peoples_rules_do_not_exist(stores: Stores) -> None:
    stores.rules.arm(RULE, 7, PAYLOAD)
    assert stores.rules.get("somebody", "uid-1") is None
    assert stores.rules.all("somebody") == []
    with pytest.raises(NotFoundError):
        stores.rules.disarm("somebody", "uid-1")
    with pytest.raises(NotFoundError):
        stores.rules.disarm(LOCAL_OWNER, "uid-2")
    with pytest.raises(ConflictError):
        stores.rules.arm(replace(RULE, owner_id="somebody"), 7, PAYLOAD)
    assert stores.rules.get(LOCAL_OWNER, "uid-1") == RULE


def test_commands_go_out_in_order_and_once(stores: Stores) -> None:
    for i in range(5):
        stores.rules.arm(replace(RULE, rule_uid=f"uid-{i}"), i, PAYLOAD)
    commands = stores.rules.unpublished(limit=3)
    assert [command.payload["rule_uid"] for command in commands] == ["uid-0", "uid-1", "uid-2"]
    stores.rules.mark_published([command.command_id for command in commands])
    stores.rules.mark_published([])
    assert [command.instrument_id for command in stores.rules.unpublished()] == [3, 4]


def test_only_armed_rules_become_fired(stores: Stores) -> None:
    stores.rules.arm(RULE, 7, PAYLOAD)
    stores.rules.arm(replace(RULE, rule_uid="uid-2", created_at=6), 7, PAYLOAD)
    stores.rules.disarm(LOCAL_OWNER, "uid-2")
    stores.rules.mark_fired(["uid-1", "uid-2", "none"])
    stores.rules.mark_fired([])
    assert [(rule.rule_uid, rule.state) for rule in stores.rules.all(LOCAL_OWNER)] == [
        ("uid-2", "disabled"),
        ("uid-1", "fired"),
    ]


def test_ten_who_arm_the_same_at_once_write_one_command(stores: Stores) -> None:
    threads = [threading.Thread(target=stores.rules.arm, args=(RULE, 7, PAYLOAD)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores.rules.unpublished()) == 1
    assert stores.rules.all(LOCAL_OWNER) == [RULE]


def test_a_waiter_is_woken_by_a_command(stores: Stores) -> None:
    assert not stores.rules.wait(0.01)
    stores.rules.arm(RULE, 7, PAYLOAD)
    assert stores.rules.wait(10)
    assert not stores.rules.wait(0.01)
