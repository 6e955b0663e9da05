"""Ids that never change, hashes of what decides, commands for the log."""

from marketbell.core.language.reader import parse_rule
from marketbell.core.language.rule_plan import compile_rule
from marketbell.core.market.instrument import Instrument
from marketbell.core.rules.arming import arm_command, definition_hash, disarm_command, expiry
from marketbell.core.rules.firing import firing_id, firing_values
from marketbell.core.rules.why import Evaluation, document

TEXT = 'alert "Price level" on $NSE:RELIANCE when close crosses above 1500 at tick fire once'
RELIANCE = Instrument("NSE:RELIANCE")


def test_a_firing_id_is_fixed_for_good() -> None:
    rule = parse_rule(TEXT)
    instrument = int(RELIANCE.instrument_id)
    got = firing_id(rule.rule_uid, definition_hash(rule), instrument, 1_619_581_500_000_000_000, 1)
    assert got == firing_id(rule.rule_uid, definition_hash(rule), instrument, 1_619_581_500_000_000_000)
    assert got == "5c16476146a13e6619aaa0f75d2734e0"


def test_no_two_facts_share_an_id() -> None:
    ids = {
        firing_id(uid, definition, instrument, time, nth)
        for uid in ("a", "ab")
        for definition in ("bc", "c")
        for instrument in (1, 2)
        for time in (0, 1)
        for nth in (1, 2)
    }
    assert len(ids) == 32


def test_the_hash_covers_what_decides_and_nothing_else() -> None:
    base = definition_hash(parse_rule(TEXT))
    for same in (TEXT.replace("Price", "Other"), TEXT + " notify slack", TEXT.replace("close", "ltp")):
        assert definition_hash(parse_rule(same)) == base
    for other in (TEXT.replace("1500", "1501"), TEXT.replace("above", "below"), TEXT + " expires after 1d"):
        assert definition_hash(parse_rule(other)) != base


def test_the_command_is_the_whole_rule_for_the_log() -> None:
    rule = parse_rule(TEXT + " expires 2026-12-31 notify slack:desk, in_app")
    assert arm_command(rule, RELIANCE, "owner", 3) == {
        "type": "arm_level",
        "rule_uid": rule.rule_uid,
        "version": 3,
        "rule": "Price level",
        "owner_id": "owner",
        "instrument_id": int(RELIANCE.instrument_id),
        "field": "close",
        "direction": "above",
        "level": 1500.0,
        "definition_hash": definition_hash(rule),
        "fire": "once",
        "expires_at": 1_798_761_600_000_000_000,
        "expires_after": None,
        "notify": ["slack:desk", "in_app"],
    }
    assert disarm_command("u", 3) == {"type": "disarm", "rule_uid": "u", "version": 3}


def test_a_lifetime_counts_from_the_logs_time() -> None:
    after = arm_command(parse_rule(TEXT + " expires after 30d"), RELIANCE, "owner", 1)
    assert expiry(after, 1_000) == 1_000 + 30 * 86_400 * 10**9
    dated = arm_command(parse_rule(TEXT + " expires 1970-01-02"), RELIANCE, "owner", 1)
    assert expiry(dated, 1_000) == 2 * 86_400 * 10**9
    assert expiry(arm_command(parse_rule(TEXT), RELIANCE, "owner", 1), 1_000) is None


def test_values_say_why() -> None:
    command = arm_command(parse_rule(TEXT), RELIANCE, "owner", 1)
    values = firing_values(command, value=1500.05, previous=1499.0, event_time=7)
    assert values["condition"] == "close crosses above 1500"
    assert (values["value"], values["previous"], values["level"]) == (1500.05, 1499.0, 1500.0)
    assert [term["expression"] for term in values["terms"]] == ["close", "1500"]
    assert values["sentence"] == "The price went from 1,499 to 1,500.05, past 1,500."


def test_a_level_says_the_same_as_its_rule_would() -> None:
    rule = parse_rule(TEXT)
    command = arm_command(rule, RELIANCE, "owner", 1)
    plan = compile_rule(rule)
    root, left, right = (part.place for part in plan.parts)
    seen = Evaluation(7, {root: 1.0, left: 1500.05, right: 1500.0}, {left: 1499.0})
    said = document(rule, plan, seen, event="fire", source="demo")
    values = firing_values(command, value=1500.05, previous=1499.0, event_time=7, source="demo")
    assert {name: values[name] for name in said if name != "terms"} == {
        name: value for name, value in said.items() if name != "terms"
    }
    assert values["terms"][0] == said["terms"][0]
