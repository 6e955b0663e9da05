"""Members of many screens: what is told equals what a plain evaluation of everything finds."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.screening.texts import CONDITIONS, NUMBERS

from marketbell.core.language.reader import parse_screen
from marketbell.core.screening.compiled import compiled
from marketbell.core.screening.member_kernel import ENTER, LEAVE
from marketbell.core.screening.members import FRESH, Members

ROWS = 6
UPDATE = 2
_compiled = cache(lambda text: compiled(parse_screen(text)))
_EVERYBODY = np.ones(ROWS, np.bool_)


class Plain:
    """Whom each screen has, by evaluating every screen for every row."""

    def __init__(self) -> None:
        self.held: dict[str, set[int]] = {}

    def take(self, members: Members, before: Any, after: Any, *, is_all: bool) -> set[tuple[str, int, int]]:
        """What happened between two states of the table, where the screens are those of `members`."""
        found = set()
        changed = (before != after) & ~(np.isnan(before) & np.isnan(after))
        for number, one in members.screens:
            held, scope = self.held.setdefault(one.screen_id, set()), members.scope_of(number)
            truth = members.table.batch([one.truth]).run(after)[0]
            away = members.table.batch([one.leave_slot]).run(after)[0] if one.leave_slot >= 0 else None
            for row in range(ROWS):
                was, now = row in held, bool(scope[row] and truth[row] == 1.0)
                if away is not None and scope[row]:
                    now = bool((was or now) and away[row] == 0.0)
                if now != was:
                    found.add((one.screen_id, row, ENTER if now else LEAVE))
                    (held.add if now else held.remove)(row)
                elif now and not is_all and changed[list(one.columns), row].any():
                    found.add((one.screen_id, row, UPDATE))
        return found


def _values(random: np.random.Generator, members: Members, rows: int) -> Any:
    """New values for some rows; of a row that does not trade prices are old now and then."""
    found = random.choice(NUMBERS, (len(members.names), rows))
    if FRESH in members.names:
        found[members.names.index(FRESH)] = random.choice([1.0, 1.0, 0.0], rows)
    return found


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_what_is_told_is_what_a_plain_evaluation_finds(data: st.DataObject) -> None:
    draw, random = data.draw, np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    members, plain = Members(ROWS), Plain()
    texts = draw(st.lists(st.tuples(CONDITIONS, st.none() | CONDITIONS), min_size=1, max_size=4))
    for n, (text, leave) in enumerate(texts):
        scope = _EVERYBODY if n else random.random(ROWS) < 0.5
        screen = f'screen "x" on ALL when {text} order by close columns fund.dividend_yield'
        away = None if leave is None else _compiled(leave)
        members.add(f"s{n}", _compiled(screen), scope, away)
    members.lay_out()
    for step in range(draw(st.integers(1, 6))):
        if step and len(members) > 1 and draw(st.booleans()):
            gone = draw(st.sampled_from([one.screen_id for _, one in members.screens]))
            members.remove(gone)
            plain.held.pop(gone)
            text = draw(CONDITIONS)
            members.add(f"{gone}'", _compiled(text), _EVERYBODY)
            members.lay_out()
            rows = np.arange(ROWS)  # a new screen looks at everybody first
        else:
            rows = random.permutation(ROWS)[: random.integers(1, ROWS + 1) if step else ROWS]
        is_all = not step
        before = members.x.copy()
        values = _values(random, members, len(rows))
        after = before.copy()
        after[:, rows] = values
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("marketbell.core.screening.members._MANY", draw(st.sampled_from([0, 64])))
            changes = members.take(rows, values, is_all=is_all)
        said = {
            (members.screen(number).screen_id, int(row), int(what))
            for number, at, kinds in changes.by_screen()
            for row, what in zip(at, kinds, strict=True)
        }
        updates = changes.updates
        assert len(said) == len(changes)
        said |= {
            (members.screen(number).screen_id, row, UPDATE)
            for number in updates.screens.tolist()
            for row in updates.of(number).tolist()
        }
        assert said == plain.take(members, before, after, is_all=is_all)
        assert np.array_equal(members.x, after, equal_nan=True)
        for number, one in members.screens:
            assert set(members.rows_in(number).tolist()) == plain.held[one.screen_id]
            assert members.counts[number] == len(plain.held[one.screen_id])
        screens, at = members.pairs(ROWS)
        assert {(members.screen(s).screen_id, r) for s, r in zip(screens.tolist(), at.tolist(), strict=True)} == {
            (name, row) for name, held in plain.held.items() for row in held
        }


def test_more_screens_than_a_word_has_bits_and_more_lines_than_there_was_room_for() -> None:
    members = Members(40)
    for n in range(150):
        members.add(f"s{n}", _compiled(f"fund.pe < {n}"), np.ones(40, np.bool_))
    changes = members.take(np.arange(40), np.array([[0.5] * 40, [1.0] * 40]))
    assert len(changes) == 149 * 40
    assert set(changes.what.tolist()) == {ENTER}
    screens = [number for number, *_ in changes.by_screen()]
    assert screens == list(range(1, 150))
    changes = members.take(np.array([7]), np.array([[99.5], [1.0]]))
    assert changes.screens.tolist() == list(range(1, 100))
    assert set(changes.what.tolist()) == {LEAVE}
    assert changes.updates.screens.tolist() == list(range(100, 150))
    assert changes.updates.of(120).tolist() == [7]


def test_what_only_gone_screens_read_is_tidied_away() -> None:
    members = Members(ROWS)
    members.add("stays", _compiled("fund.pe < 2"), _EVERYBODY)
    members.take(np.arange(ROWS), np.full((2, ROWS), 1.0))
    for n in range(64):
        members.add("goes", _compiled(f"fund.pb < {n}"), _EVERYBODY)
        members.remove("goes")
        members = members.tidied()
    assert len(members.names) == 2
    assert members.rows_in(members.number("stays")).tolist() == list(range(ROWS))
    assert members.x[0].tolist() == [1.0] * ROWS
    with pytest.raises(KeyError):
        members.remove("goes")


def test_a_market_without_rows_has_no_members() -> None:
    members = Members(0)
    members.add("x", _compiled("fund.pe < 2"), np.ones(0, np.bool_))
    changes = members.take(np.arange(0), np.empty((2, 0)), is_all=True)
    assert (len(changes), changes.updates.screens.tolist(), members.rows_in(0).tolist()) == (0, [], [])
    assert [one.tolist() for one in members.pairs(0)] == [[], []]
