"""Reading a screen over whole columns: what the kernels find equals a plain evaluation, row by row."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.screening.texts import CONDITIONS, FIELDS, NUMBERS

from marketbell.core.engine.predicates import PredicateTable
from marketbell.core.language.reader import parse_screen
from marketbell.core.market.instrument import Instrument
from marketbell.core.screening.compiled import Compiled, compiled
from marketbell.core.screening.newest import Who
from marketbell.core.screening.table import OLD, read, ready

ROWS = 40
SECTORS = ("", "Banks", "Autos")
INSTRUMENTS = [
    Instrument(f"NSE:S{n:02d}", sector=SECTORS[n % 3]) for n in np.random.default_rng(7).permutation(ROWS).tolist()
]
WHO = Who(INSTRUMENTS)


def _plain(screen: Compiled, places: list[str], values: dict[str, Any]) -> list[Any]:
    """Values of places of a screen, by the plain table of operations."""
    table = PredicateTable()
    slots = [
        table.add(screen.whole, screen.places[one], lambda item: screen.whole.nodes[item.node].name) for one in places
    ]
    x = np.array([values[str(name)] for name in table.columns]).reshape(-1, ROWS)
    return list(table.batch(slots).run(x))


@settings(max_examples=35, deadline=None)
@given(st.data())
def test_what_is_read_is_what_a_plain_evaluation_finds(data: st.DataObject) -> None:
    draw, random = data.draw, np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    conditions = draw(st.lists(CONDITIONS, min_size=1, max_size=3))
    order = draw(st.sampled_from(["", *FIELDS, "fund.pe + fund.pb", "symbol", "sector"]))
    down = draw(st.booleans()) and bool(order)
    limit, offset, most = draw(st.integers(0, ROWS)), draw(st.integers(0, 8)), draw(st.none() | st.integers(1, ROWS))
    text = f'screen "x" on ALL when {" and ".join(f"({one})" for one in conditions)}'
    text += f" order by {order}{' desc' * down}" if order else ""
    text += "" if most is None else f" limit {most}"
    text += " columns symbol, fund.pb, fund.pe / fund.ps"
    screen = compiled(parse_screen(text))
    values = {name: random.choice(NUMBERS, ROWS) for name in (*FIELDS, "close")}
    scope = random.random(ROWS) < 0.8
    old = random.random(ROWS) < 0.2 if draw(st.booleans()) else None
    prepared = ready(screen)
    x = [values[screen.whole.nodes[item.node].name] for item in prepared.items]
    found = read(prepared, x, scope, WHO, old, limit=limit, offset=offset, as_of=5)

    may = scope if old is None else scope & ~old
    chips = _plain(screen, [place for _, place in screen.chips], values)
    assert found.chips == tuple(
        (text, int(((one == 1.0) & may).sum())) for (text, _), one in zip(screen.chips, chips, strict=True)
    )
    truths = _plain(screen, list(screen.truths), values)
    (truth,) = truths
    met = [row for row in range(ROWS) if may[row] and truth[row] == 1.0]
    unknown = [row for row in range(ROWS) if may[row] and np.isnan(truth[row])]
    aged = int((scope & old).sum()) if old is not None else 0
    assert (found.count, found.unknown, found.as_of) == (len(met), len(unknown) + aged, 5)
    assert found.unknown_fields.get(OLD, 0) == aged
    for at in prepared.decisive:
        label = prepared.labels[at]
        assert label is not None
        assert found.unknown_fields.get(label, 0) == int((~np.isfinite(x[at][unknown])).sum())

    met.sort(key=lambda row: INSTRUMENTS[row].key)
    if screen.order_word:
        met.sort(key=lambda row: getattr(INSTRUMENTS[row], screen.order_word), reverse=down)
    elif order:
        (keys,) = _plain(screen, [screen.order], values)
        met.sort(key=lambda row: (-keys[row] if down else keys[row]) if np.isfinite(keys[row]) else np.inf)
    last = offset + limit if most is None else min(offset + limit, most)
    page = met[:last][offset:]
    assert found.keys == tuple(INSTRUMENTS[row].key for row in page)
    assert found.rows.tolist() == page
    shown = _plain(screen, [one.place for one in screen.columns if one.place], values)
    for row, told in zip(page, found.values, strict=True):
        expected = [None if np.isnan(one[row]) else one[row] for one in shown]
        assert told == (INSTRUMENTS[row].symbol, *expected)
