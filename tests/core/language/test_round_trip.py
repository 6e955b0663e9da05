"""Text, tree and JSON are three views of one thing: going round loses nothing."""

import json
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.language.json_form import from_json, to_json
from marketbell.core.language.printer import print_file, print_rule
from marketbell.core.language.reader import MAX_LIFE, parse_file, parse_rule, rule_uid
from marketbell.core.language.tree import ChannelRef, Cross, ExpiresAfter, ExpiresOn, FieldRef, Number, Rule, Symbol

printable = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=60)
names = printable.filter(lambda text: bool(text.strip()))
symbol_parts = st.text("ABCMXYZ0189&-_. ", min_size=1, max_size=12).filter(lambda text: text == text.strip())
plain_parts = st.text("ABCXYZ019_", min_size=1, max_size=10)
symbols = st.builds(Symbol, symbol_parts, st.one_of(st.just(""), plain_parts))
levels = st.floats(min_value=5e-324, max_value=1.7e308, allow_nan=False)
targets = st.one_of(st.just(""), st.just("alert"), st.just("when"), names)
channels = st.lists(
    st.builds(ChannelRef, st.sampled_from(["in_app", "webhook", "slack"]), targets), max_size=4, unique=True
)
lives = st.one_of(
    st.none(),
    st.builds(ExpiresAfter, st.integers(1, MAX_LIFE)),
    st.builds(ExpiresOn, st.dates(date(1970, 1, 1), date(2200, 12, 31))),
)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    name = draw(names)
    return Rule(
        name=name,
        rule_uid=draw(st.one_of(st.just(rule_uid(name)), st.uuids().map(str))),
        universe=draw(symbols),
        when=Cross(FieldRef("close"), draw(st.sampled_from(["above", "below"])), Number(draw(levels))),
        expires=draw(lives),
        notify=tuple(draw(channels)),
    )


@given(st.lists(rules(), max_size=4, unique_by=lambda rule: rule.rule_uid))
def test_a_printed_file_reads_back_as_the_same_rules(written: list[Rule]) -> None:
    text = print_file(written)
    read = parse_file(text)
    assert read == written
    assert print_file(read) == text


@given(rules())
def test_json_reads_back_as_the_same_rule(rule: Rule) -> None:
    assert from_json(json.loads(json.dumps(to_json(rule)))) == rule


@given(rules(), st.randoms(use_true_random=False))
def test_clauses_come_in_any_order(rule: Rule, random: object) -> None:
    head, *clauses = _clauses(rule)
    random.shuffle(clauses)  # type: ignore[attr-defined]
    assert parse_file(f"# rule_uid: {rule.rule_uid}\n" + "\n  ".join([head, *clauses])) == [rule]


def _clauses(rule: Rule) -> list[str]:
    """The canonical text cut at its clauses, by printing it with each of them alone."""
    text = print_rule(rule)
    bare = print_rule(
        Rule(rule.name, rule.rule_uid, Symbol("A"), Cross(FieldRef("close"), rule.when.direction, rule.when.right))
    )
    tail = text[text.index(" fire once", len(f'alert "{rule.name}"')) + len(" fire once") :]
    head, _, middle = bare.rpartition(" on $A ")
    universe = print_rule(rule).removeprefix(head).split(" when close", 1)[0].strip()
    when = middle.removesuffix(" at tick fire once")
    parts = [head, universe, when, "at tick", "fire once"]
    if rule.notify:
        before, _, after = tail.partition(" notify ")
        tail = before
        parts.append(f"notify {after}")
    if tail.strip():
        parts.append(tail.strip())
    return parts


def test_a_uid_depends_on_the_name_alone() -> None:
    one = parse_rule('alert "Price level" on $A when close crosses above 5 at tick fire once')
    other = parse_rule('alert "Price level" on $NSE:B when close crosses below 7 at tick fire once')
    assert one.rule_uid == other.rule_uid == "35269819-9bfd-88a4-b325-5fcdd087ee07"


def test_a_uid_line_names_the_rule_behind_it_only() -> None:
    uid = "0e2b1c7e-26d4-4a43-8c35-5d0f7cf1a111"
    text = f'# rule_uid: {uid}\n# and a word\nalert "a" on $A when close crosses above 5 at tick fire once\n'
    second = 'alert "b" on $A when close crosses above 5 at tick fire once'
    assert [rule.rule_uid for rule in parse_file(text + second)] == [uid, rule_uid("b")]
