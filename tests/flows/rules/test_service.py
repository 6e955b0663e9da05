"""Writing, arming, listing and exporting rules over the stores in memory."""

import pytest

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.language.errors import RuleErrors
from marketbell.core.language.reader import parse_file, parse_screen, rule_uid
from marketbell.core.language.tree import Rule
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import InvalidRuleError, NotFoundError, UserError
from marketbell.flows.rules.people import People
from marketbell.flows.rules.reading import check
from marketbell.flows.rules.service import Budget, RuleService, about
from marketbell.ports.stores import EVERYWHERE, LOCAL_OWNER, Channel, Watchlist

ME = LOCAL_OWNER
TEXT = 'alert "Price level" on $RELIANCE when close crosses above 1500 at tick fire once'


@pytest.fixture
def stores() -> MemoryStores:
    stores = MemoryStores()
    stores.instruments.put([Instrument(key) for key in ("NSE:RELIANCE", "NSE:M&M", "NSE:TCS", "US:TCS")])
    stores.instruments.put([Instrument("NSE:SBIN", indices=("BANKS",)), Instrument("NSE:ICICI", indices=("BANKS",))])
    stores.watchlists.put(Watchlist("w1", ME, "core", ("NSE:SBIN", "NSE:M&M")))
    stores.channels.put(Channel("c1", ME, "slack", "desk", {"url": "https://example.com"}))
    return stores


@pytest.fixture
def service(stores: MemoryStores) -> RuleService:
    return RuleService(stores.rules, people(stores), ManualClock(7))


def people(stores: MemoryStores) -> People:
    screen = parse_screen('screen "Cheap" on BANKS when pe < 15')
    return People(stores.instruments, stores.watchlists, stores.channels, lambda _: {"Cheap": screen})


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
    with pytest.raises(RuleErrors, match="several venues: write one of NSE:TCS, US:TCS") as caught:
        service.arm(ME, TEXT.replace("RELIANCE", "TCS"))
    assert [(one.line, one.column) for one in caught.value.errors] == [(1, 24)]
    with pytest.raises(RuleErrors, match=r"no instrument `\$RELIANC`.*did you mean \$NSE:RELIANCE"):
        service.arm(ME, TEXT.replace("RELIANCE", "RELIANC"))
    with pytest.raises(RuleErrors, match=r"did you mean \$\{NSE:M&M\}"):
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
    assert isinstance(rule, Rule)
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


# --- lists, screens, indices -----------------------------------------------------------------------------------------

DIP = 'alert "Dip" on watchlist "core" when rsi(close, 14)@15m crosses below 30 at 15m close cooldown 2h per symbol'


def test_a_rule_for_many_is_stored_and_commanded_once_for_every_partition(
    service: RuleService, stores: MemoryStores
) -> None:
    rule = service.arm(ME, DIP)
    (command,) = stores.rules.unpublished()
    assert (command.instrument_id, command.payload["type"]) == (EVERYWHERE, "arm_rule")
    assert command.payload["members"] == {"watchlist:core": ["NSE:SBIN", "NSE:M&M"]}
    assert command.payload["definition"]["name"] == "Dip"
    assert "instrument" not in rule.definition
    said = about(rule)
    assert said["condition"] == "rsi(close, 14)@15m crosses below 30"
    assert (said["universe"], said["timing"]) == ('watchlist "core"', "15m close")
    assert said["sentence"].startswith("When, for a stock of the watchlist “core”, RSI 14 (15m) crosses")


def test_a_screen_goes_into_the_command(service: RuleService, stores: MemoryStores) -> None:
    service.arm(ME, 'alert "C" on screen "Cheap" when close > 5 at 1d close')
    (command,) = stores.rules.unpublished()
    assert command.payload["screens"]["Cheap"]["kind"] == "screen"
    assert about(service.all(ME)[0])["symbols"] == 2


@pytest.mark.parametrize(
    ("universe", "message"),
    [
        ('watchlist "cor"', 'there is no watchlist "cor": did you mean “core”?'),
        ('screen "Chep"', 'there is no screen "Chep": did you mean “Cheap”?'),
        ("BANK", "there is no index, sector or list `BANK`: did you mean `BANKS`?"),
        ("$NSE:SBI", "there is no instrument `$NSE:SBI` in the data: did you mean $NSE:SBIN?"),
    ],
)
def test_what_nobody_knows_is_an_error_at_its_place(service: RuleService, universe: str, message: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        service.arm(ME, f'alert "N" on $NSE:SBIN,\n  {universe} when close > 5 at 1d close')
    (error,) = caught.value.errors
    assert (error.line, error.column, error.message, error.facts["reason"]) == (2, 3, message, "name")


def test_names_in_the_condition_are_judged_too(service: RuleService) -> None:
    text = 'alert "N" on BANKS when close > $NIFTY.close and rank(close, BANKZ) <= 3 at 1d close'
    with pytest.raises(RuleErrors) as caught:
        service.arm(ME, text)
    assert [(one.column, one.message.partition(":")[0]) for one in caught.value.errors] == [
        (33, "there is no instrument `$NIFTY` in the data"),
        (62, "there is no index, sector or list `BANKZ`"),
    ]


def test_a_list_that_changes_is_followed(service: RuleService, stores: MemoryStores) -> None:
    uid = service.arm(ME, DIP).rule_uid
    service.arm(ME, TEXT)
    assert service.follow(ME) == []
    stores.watchlists.put(Watchlist("w1", ME, "core", ("NSE:SBIN",)))
    assert [(rule.rule_uid, rule.version) for rule in service.follow(ME)] == [(uid, 2)]
    assert stores.rules.unpublished()[-1].payload["members"] == {"watchlist:core": ["NSE:SBIN"]}
    stores.watchlists.delete(ME, "w1")
    assert service.follow(ME) == []
    assert service.one(ME, uid).problem == 'there is no watchlist "core"'
    stores.watchlists.put(Watchlist("w2", ME, "core", ("NSE:SBIN",)))
    assert service.follow(ME) == []
    assert service.one(ME, uid).problem == ""


# --- versions, groups, files -----------------------------------------------------------------------------------------


def test_an_edit_keeps_the_uid_and_the_group_whatever_it_is_called(service: RuleService) -> None:
    uid = service.arm(ME, TEXT, group="desk").rule_uid
    edited = service.edit(ME, uid, TEXT.replace("Price level", "Another name").replace("1500", "1600"))
    assert (edited.rule_uid, edited.name, edited.version, edited.group) == (uid, "Another name", 2, "desk")
    assert [(one.version, one.state) for one in service.versions(ME, uid)] == [(2, "armed"), (1, "replaced")]
    with pytest.raises(NotFoundError):
        service.edit("somebody else", uid, TEXT)


def test_a_disabled_and_a_fired_rule_are_armed_again(service: RuleService, stores: MemoryStores) -> None:
    uid = service.arm(ME, TEXT).rule_uid
    service.disarm(ME, uid)
    assert (service.arm_again(ME, uid).version, service.one(ME, uid).state) == (2, "armed")
    stores.rules.mark_fired([uid])
    assert (service.arm_again(ME, uid).version, service.one(ME, uid).state) == (3, "armed")


A, B, C = (f"0e2b1c7e-26d4-4a43-8c35-5d0f7cf1a11{n}" for n in range(3))
FILE = f"""# rule_uid: {A}
{DIP}
# rule_uid: {B}
{TEXT}
"""


def test_a_file_is_the_truth_of_its_group(service: RuleService, stores: MemoryStores) -> None:
    by_hand = service.arm(ME, TEXT.replace("Price level", "By hand"))
    first = service.bring(ME, FILE, "desk", prune=True)
    assert (first.armed, first.changed, first.unchanged, first.disarmed) == (2, 0, 0, 0)
    again = service.bring(ME, FILE, "desk", prune=True)
    assert (again.armed, again.changed, again.unchanged, again.disarmed) == (0, 0, 2, 0)
    edited = FILE.replace("1500", "1600").replace(A, C)
    third = service.bring(ME, edited, "desk", prune=True)
    assert (third.armed, third.changed, third.unchanged, third.disarmed) == (1, 1, 0, 1)
    states = {rule.rule_uid: (rule.state, rule.version, rule.group) for rule in service.all(ME)}
    assert states == {
        A: ("disabled", 1, "desk"),
        B: ("armed", 2, "desk"),
        C: ("armed", 1, "desk"),
        by_hand.rule_uid: ("armed", 1, ""),
    }
    emptied = service.bring(ME, "# nothing is left", "desk", prune=True)
    assert (emptied.disarmed, service.one(ME, by_hand.rule_uid).state) == (2, "armed")
    with pytest.raises(UserError, match="which group"):
        service.bring(ME, FILE, prune=True)


def test_an_export_of_a_group_brings_the_same_again(service: RuleService) -> None:
    service.bring(ME, FILE, "desk")
    service.arm(ME, TEXT.replace("Price level", "By hand"))
    text = service.export(ME, "desk")
    assert service.bring(ME, text, "desk", prune=True).unchanged == 2
    assert parse_file(service.export(ME))[2].name == "By hand"


def test_a_file_that_is_wrong_in_one_place_changes_nothing(service: RuleService, stores: MemoryStores) -> None:
    with pytest.raises(RuleErrors) as caught:
        service.bring(ME, FILE + 'alert "x" on NOWHERE when close > 1 at 1d close', "desk", prune=True)
    assert [error.line for error in caught.value.errors] == [5]
    assert service.all(ME) == []


# --- cost ------------------------------------------------------------------------------------------------------------


def test_the_cost_of_an_owner_is_bounded(stores: MemoryStores) -> None:
    service = RuleService(stores.rules, people(stores), ManualClock(7), Budget(rules=2, evaluations_per_day=300_000))
    service.arm(ME, TEXT)
    with pytest.raises(InvalidRuleError, match="6 instruments x 2 sub-expressions x 22,500 evaluations a day"):
        service.arm(ME, 'alert "All" on ALL when close > 5 at tick')
    service.arm(ME, 'alert "All" on ALL when close > 5 at 1h close')
    with pytest.raises(InvalidRuleError, match="2 rules may be armed"):
        service.arm(ME, TEXT.replace("Price level", "Third"))
    service.disarm(ME, service.all(ME)[0].rule_uid)
    service.arm(ME, TEXT.replace("Price level", "Third"))


def test_a_plan_says_what_other_rules_share(service: RuleService) -> None:
    uid = service.arm(ME, DIP).rule_uid
    assert service.explain(ME, uid)["shared"] == 0
    service.arm(ME, 'alert "Up" on BANKS when rsi(close, 14)@15m crosses above 70 at 15m close')
    plan = service.explain(ME, uid)
    assert plan["shared"] >= 2
    assert (plan["timing"], plan["symbols"], plan["evaluations_per_day"]) == ("15m close", 2, 50)
    assert plan["warm_up"][0]["timeframe"] == "15m"
    assert plan["warm_up"][0]["bars"] > 100


def test_a_plan_says_when_nobody_brings_option_chains(stores: MemoryStores) -> None:
    text = 'alert "PCR" on $NSE:SBIN when opt.pcr_oi > 1 and fut.oi > 5 at update chain'
    given: list[frozenset[str] | None] = [None, frozenset({"trades"}), frozenset({"trades", "chains"})]
    told = []
    for gives in given:
        names = People(stores.instruments, stores.watchlists, stores.channels, gives=lambda gives=gives: gives)
        service = RuleService(stores.rules, names, ManualClock(7))
        told.append(service.explain(ME, service.arm(ME, text).rule_uid)["notes"])
        assert check(text, names.market(ME))["rules"][0]["plan"]["notes"] == told[-1]
    assert told[0] == told[2] == []
    assert [note.split("`")[1] for note in told[1]] == ["futures", "option chain"]
