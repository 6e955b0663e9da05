"""Writing, arming, listing and exporting rules over the stores in memory."""

import pytest

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.language.errors import RuleErrors
from marketbell.core.language.reader import parse_file, rule_uid
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import InvalidRuleError, NotFoundError, UserError
from marketbell.flows.rules.service import RuleService
from marketbell.ports.stores import LOCAL_OWNER, Channel

ME = LOCAL_OWNER
TEXT = 'alert "Price level" on $RELIANCE when close crosses above 1500 at tick fire once'


@pytest.fixture
def stores() -> MemoryStores:
    stores = MemoryStores()
    stores.instruments.put([Instrument(key) for key in ("NSE:RELIANCE", "NSE:M&M", "NSE:TCS", "US:TCS")])
    stores.channels.put(Channel("c1", ME, "slack", "desk", {"url": "https://example.com"}))
    return stores


@pytest.fixture
def service(stores: MemoryStores) -> RuleService:
    return RuleService(stores.rules, stores.instruments, stores.channels, ManualClock(7))


def test_arming_stores_the_rule_and_its_command(service: RuleService, stores: MemoryStores) -> None:
    rule = service.arm(ME, f"  {TEXT}  # soon")
    assert (rule.rule_uid, rule.version, rule.state, rule.text) == (rule_uid("Price level"), 1, "armed", TEXT)
    assert rule.definition["instrument"] == "NSE:RELIANCE"
    (command,) = stores.rules.unpublished()
    assert (command.payload["type"], command.payload["level"], command.payload["version"]) == ("arm_level", 1500.0, 1)


def test_arming_twice_is_arming_once_and_an_edit_is_a_version(service: RuleService, stores: MemoryStores) -> None:
    service.arm(ME, TEXT)
    service.arm(ME, TEXT)
    assert len(stores.rules.unpublished()) == 1
    assert service.arm(ME, TEXT.replace("1500", "1600")).version == 2
    assert [command.payload["version"] for command in stores.rules.unpublished()] == [1, 2]
    assert [rule.version for rule in service.all(ME)] == [2]


def test_disarming(service: RuleService, stores: MemoryStores) -> None:
    uid = service.arm(ME, TEXT).rule_uid
    assert service.disarm(ME, uid).state == "disabled"
    assert [command.payload["type"] for command in stores.rules.unpublished()] == ["arm_level", "disarm"]
    with pytest.raises(NotFoundError):
        service.disarm("somebody else", uid)
    assert service.export(ME) == ""


def test_symbols_are_resolved_or_candidates_are_named(service: RuleService) -> None:
    with pytest.raises(InvalidRuleError, match="several venues: write one of NSE:TCS, US:TCS") as caught:
        service.arm(ME, TEXT.replace("RELIANCE", "TCS"))
    assert (caught.value.line, caught.value.column) == (1, 24)
    with pytest.raises(InvalidRuleError, match=r"no instrument `\$RELIANC`.*did you mean \$NSE:RELIANCE"):
        service.arm(ME, TEXT.replace("RELIANCE", "RELIANC"))
    with pytest.raises(InvalidRuleError, match=r"did you mean \$\{NSE:M&M\}"):
        service.arm(ME, TEXT.replace("$RELIANCE", "${US:M&M}"))


def test_a_file_is_armed_whole_or_not_at_all(service: RuleService, stores: MemoryStores) -> None:
    good = TEXT + "\n" + 'alert "Other" on ${NSE:M&M} when close crosses below 700 at tick fire once'
    with pytest.raises(RuleErrors) as caught:
        service.arm_file(ME, good + '\nalert "No" on $NONE when close crosses below 700 at tick fire once')
    assert [error.line for error in caught.value.errors] == [3]
    assert stores.rules.unpublished() == []
    assert [rule.name for rule in service.arm_file(ME, good)] == ["Price level", "Other"]
    with pytest.raises(UserError, match="no rule"):
        service.arm_file(ME, "# nothing")


def test_an_export_arms_the_same_rules_elsewhere(service: RuleService) -> None:
    uid = "0e2b1c7e-26d4-4a43-8c35-5d0f7cf1a111"
    service.arm_file(ME, f"# rule_uid: {uid}\n{TEXT} expires after 30d notify slack:desk")
    text = service.export(ME)
    (rule,) = parse_file(text)
    assert rule.rule_uid == uid
    assert text == f"# rule_uid: {uid}\n{TEXT} expires after 30d notify slack:desk\n"


def test_channels_are_looked_up(service: RuleService) -> None:
    assert service.arm(ME, TEXT, ["c1", "in_app", "slack:desk"]).notify == ("slack:desk", "in_app")
    assert service.arm(ME, TEXT, ["webhook"]).notify == ("webhook",)
    assert service.arm(ME, TEXT, []).notify == ()
    with pytest.raises(UserError, match="you have no channel `slack:risk`"):
        service.arm(ME, TEXT + " notify slack:risk")
    with pytest.raises(UserError, match="unknown channel `slak`: did you mean `slack`"):
        service.arm(ME, TEXT, ["slak"])


def test_a_form_means_the_same_as_its_text(service: RuleService) -> None:
    rule = service.arm_form(ME, name='M&M "big"', instrument="NSE:M&M", direction="below", level=700.5)
    assert rule.text == r'alert "M&M \"big\"" on ${NSE:M&M} when close crosses below 700.5 at tick fire once'
    for wrong in ({"name": " "}, {"name": "a\nb"}, {"level": 0.0}, {"level": float("nan")}, {"instrument": "X"}):
        form = {"name": "n", "instrument": "NSE:TCS", "direction": "above", "level": 1.0} | wrong
        with pytest.raises(UserError) as caught:
            service.arm_form(ME, **form)  # type: ignore[arg-type]
        assert caught.value.facts["field"] == next(iter(wrong))
