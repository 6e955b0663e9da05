"""Rules that come and go: what the others do does not change, and what they leave over is used again."""

import numpy as np
import pytest
from tests.core.rules import market as m
from tests.core.rules.test_book import MANY

from marketbell.core.columns.frame import FrameKind
from marketbell.core.engine import predicate_kernel as pk
from marketbell.core.engine.predicates import Block, PredicateTable
from marketbell.core.rules import group, row_lists
from marketbell.core.rules.row_lists import RowLists
from marketbell.core.rules.spans import Places, Spans

GUESTS = (
    'alert "guest one" on $NSE:A when close > 100.2 at 1m close',
    'alert "guest all" on ALL when close crosses above 100.6 at 1m close fire every time',
    'alert "guest held" on ALL when close > 100.1 at tick hold 10s',
    'alert "guest window" on ALL when close crosses 100.2 at tick session NSE 09:20-11:00 fire every time',
    'alert "guest gate" on ALL where day.volume > 4 when close < 100.4 at 1m close rearm when close > 100',
)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_guests_change_nothing_for_those_who_stay(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_lists, "_MOST_LOOSE", 2)
    monkeypatch.setattr(group, "_MOST_LOST", 2)
    rng = np.random.default_rng(seed)
    count = 1_200
    prices = np.round(100 + np.cumsum(rng.normal(0, 0.15, count)) * 0.5, 2)
    rows = [(m.KEYS[rng.integers(3)], n * 5.0, float(price)) for n, price in enumerate(prices)]
    volumes = np.arange(count, dtype=np.float64)

    quiet, busy = m.new(), m.new()
    expected, seen = [quiet.apply(m.arm(*MANY))], [busy.apply(m.arm(*MANY))]
    version = 0
    for begin in range(0, count, 20):
        part = m.ticks(rows[begin : begin + 20]) | {"volume": volumes[begin : begin + 20]}
        expected.append(quiet.apply_trades(part))
        for text in rng.permutation(GUESTS)[: rng.integers(0, 4)].tolist():
            version += 1
            uid = m.command(text)["rule_uid"]
            again = m.command(text, version)
            leave = {"type": "disarm", "rule_uid": uid, "version": version}
            busy.apply([m.frame(FrameKind.COMMAND, leave if rng.random() < 0.4 else again)])
        seen.append(busy.apply_trades(part))
    expected.append(quiet.finish())
    seen.append(busy.finish())
    guests = {m.command(text)["rule_uid"] for text in GUESTS}
    told = [one for out in seen for one in out.rule_firings]
    assert any(one.rule_uid in guests for one in told), "no guest ever fired: the test shows nothing"
    stayed = sorted(_facts(one) for one in told if one.rule_uid not in guests)
    assert stayed == sorted(_facts(one) for out in expected for one in out.rule_firings)
    for place in m.book(busy)._groups.values():
        assert len(place._by_number) < 60
        assert place._pairs.used < 200


def _facts(one: m.RuleFiring) -> tuple[object, ...]:
    values = {name: value for name, value in one.values.items() if not np.isnan(value)}
    return one.rule_uid, one.instrument_id, one.event_time, one.nth, one.event, one.suppressed, sorted(values.items())


def test_a_run_that_was_given_back_is_used_again() -> None:
    places = Places()
    assert [places.take(2), places.take(3), places.take(2)] == [0, 2, 5]
    places.give_back(0, 2)
    assert [places.take(3), places.take(2), places.take(2)] == [7, 0, 10]
    spans = Spans()
    first, _ = spans.put([1, 2, 3])
    spans.put(range(100))
    spans.give_back(first, 3)
    assert spans.put([4, 5, 6]) == (first, 3)
    assert spans.data[:5].tolist() == [4, 5, 6, 0, 1]


def test_lists_keep_the_order_of_coming_and_pass_over_who_left() -> None:
    lists = RowLists(3)
    lists.link(0, np.array([0, 2]), 10)
    lists.link(1, np.array([2]), 20)
    lists.link(2, np.array([1, 2]), 30)
    assert _listed(lists, 2) == [(0, 11), (1, 20), (2, 31)]
    lists.leave(1)
    lists.lay_out(np.array([True, False, True]))
    assert [_listed(lists, row) for row in range(3)] == [[(0, 10)], [(2, 30)], [(0, 11), (2, 31)]]
    assert lists.counts.tolist() == [1, 1, 2]
    lists.link(3, np.array([1]), 40)
    assert _listed(lists, 1) == [(2, 30), (3, 40)]


def _listed(lists: RowLists, row: int) -> list[tuple[int, int]]:
    found, e = [], int(lists.head[row])
    while e >= 0:
        rule, pair, e = lists.entries[e].tolist()
        found.append((rule, pair))
    return found


def test_a_block_that_grew_says_what_a_batch_says() -> None:
    table = PredicateTable()
    x = np.random.default_rng(5).normal(0, 1, (4, 300))
    columns = [table.column(n) for n in range(4)]
    block = Block(table)
    slots, places = [], []
    for n in range(40):
        above = table.operation(">", [columns[n % 4], table.constant(n / 40)])
        slot = table.operation(
            "and", [above, table.operation("not", [table.operation("<", [columns[(n + 1) % 4], above])])]
        )
        slots.append(slot)
        places += block.add(slot)
    assert block.add(*slots) == places
    out = np.empty((len(slots), 300))
    wanted = np.array(places)
    pk.evaluate(block.code, block.constants, pk.TENS, x, np.arange(300), wanted, block.values, out)
    np.testing.assert_array_equal(out, table.batch(slots).run(x))
