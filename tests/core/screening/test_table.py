"""A screen on demand: who meets it, in which order, and what could not be said."""

import math

import numpy as np
import pytest
from tests.core.rules import market as m

from marketbell.core.columns.frame import FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.language.fields import BY_NAME
from marketbell.core.language.reader import parse_screen
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import UserError
from marketbell.core.screening.fields import EngineFields, Words, stale_rows
from marketbell.core.screening.table import Screener
from marketbell.core.screening.templates import TEMPLATES


def _engine(*rows: tuple[str, float, float]) -> Engine:
    engine = Engine(EngineConfig(), m.table)
    engine.define(m.INSTRUMENTS)
    if rows:
        engine.apply_trades(m.ticks(list(rows)))
    return engine


def _days(engine: Engine, key: str, closes: list[float]) -> None:
    """Daily bars of the first sessions."""
    count = len(closes)
    start = np.array(m.OPENS[:count])
    close = np.array(closes)
    engine.history(
        {
            "instrument_id": np.full(count, m.IDS[key], np.int64),
            "start": start,
            "timeframe_s": np.full(count, 86_400, np.int64),
            "open": close,
            "high": close,
            "low": close,
            "close": close,
            "volume": np.full(count, 10.0),
            "trades": np.zeros(count, np.int64),
        }
    )


def test_rows_that_meet_it_come_in_its_order() -> None:
    engine = _engine(("NSE:A", 1, 100), ("NSE:B", 1, 300), ("NSE:C", 1, 200))
    found = Screener(engine).find(parse_screen('screen "x" when close > 150 order by close desc columns symbol, close'))
    assert found.keys == ("NSE:B", "NSE:C")
    assert found.values == (("B", 300.0), ("C", 200.0))
    assert (found.count, found.unknown, found.chips) == (2, 0, (("close > 150", 2),))


def test_unknown_is_neither_true_nor_false() -> None:
    engine = _engine(("NSE:A", 1, 100), ("NSE:B", 1, 300))
    found = Screener(engine).find(parse_screen("not (close > 150) and pe < 10"))
    assert (found.count, found.unknown) == (0, 2)  # B is false, whatever its P/E is
    assert found.unknown_fields == {"fund.pe": 2, "close": 1}
    assert found.chips == (("not close > 150", 1), ("fund.pe < 10", 0))


def test_pages_and_limits() -> None:
    engine = _engine(("NSE:A", 1, 1), ("NSE:B", 1, 2), ("NSE:C", 1, 2))
    screener = Screener(engine)
    screen = parse_screen('screen "x" when close > 0 order by close desc')
    assert screener.find(screen, limit=2).keys == ("NSE:B", "NSE:C")
    assert screener.find(screen, limit=2, offset=2).keys == ("NSE:A",)
    few = screener.find(parse_screen('screen "x" when close > 0 order by close desc limit 1'))
    assert (few.keys, few.count) == (("NSE:B",), 3)


def test_series_of_days_that_nobody_watches() -> None:
    engine = _engine()
    for key, last in (("NSE:A", 5.0), ("NSE:B", 50.0)):
        _days(engine, key, [float(n) for n in range(1, 6)] + [last])
    engine.apply_trades(m.ticks([("NSE:A", 1, 10), ("NSE:B", 1, 10), ("NSE:C", 1, 10)], start=m.OPENS[6]))
    before = engine.checkpoint()
    found = Screener(engine).find(parse_screen('screen "x" when close > sma(close, 3) columns sma(close, 3)'))
    assert (found.keys, found.values, found.unknown) == (("NSE:A",), (((4 + 5 + 5) / 3,),), 1)
    assert found.unknown_fields == {"sma(close, 3)": 1}
    after = engine.checkpoint()
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


def test_ranks_shares_and_other_symbols() -> None:
    engine = _engine(("NSE:A", 1, 100), ("NSE:B", 1, 300), ("NSE:C", 1, 200))
    screener = Screener(engine)
    assert screener.find(parse_screen("rank(close, ALL) <= 2")).keys == ("NSE:B", "NSE:C")
    assert screener.find(parse_screen("rank(close, TEN) <= 2")).keys == ("NSE:A", "NSE:B")
    assert screener.find(parse_screen("close < $NSE:C.close")).keys == ("NSE:A",)
    assert screener.find(parse_screen("pct_of(ALL, close > 150) > 60")).count == 3


def test_ranks_of_series() -> None:
    engine = _engine()
    for key, last in (("NSE:A", 5.0), ("NSE:B", 50.0), ("NSE:C", 7.0)):
        _days(engine, key, [5.0, 5.0, last])
    engine.apply_trades(m.ticks([(key, 1, 10) for key in m.KEYS], start=m.OPENS[3]))
    screener = Screener(engine)
    assert screener.find(parse_screen("rank(pct_change(close, 2), ALL) = 1")).keys == ("NSE:B",)
    assert screener.find(parse_screen("sma(rank(close, ALL), 1)@1d = 1")).keys == ("NSE:B",)


def test_rows_of_an_older_session_are_unknown_to_prices() -> None:
    engine = _engine(("NSE:A", 1, 100), ("NSE:B", 1, 300))
    engine.apply_trades(m.ticks([("NSE:A", 1, 101), ("NSE:A", 2, 100)], start=m.OPENS[1]))
    screener = Screener(engine)
    found = screener.find(parse_screen("close > 50"))
    assert (found.keys, found.unknown, found.unknown_fields) == (("NSE:A",), 2, {"close": 1, "event_time": 1})
    assert screener.find(parse_screen("not fund.roe is known")).count == 3
    assert screener.find(parse_screen("not fund.roe is known"), is_every_screen_aged=True).count == 2


def test_what_nobody_knows_is_said() -> None:
    screener = Screener(_engine())
    for text, words in (
        ("$NSE:X.close > 5", "NSE:X"),
        ('screen "x" on NIFTY99 when close > 5', "NIFTY99"),
        ('screen "x" on watchlist "w" when close > 5', "watchlist"),
        ("rank(close, NIFTY99) < 3", "NIFTY99"),
    ):
        with pytest.raises(UserError, match=words):
            screener.find(parse_screen(text))
    listed = screener.find(
        parse_screen('screen "x" on watchlist "w" when not close > 5'), members={"watchlist:w": ["NSE:A"]}
    )
    assert listed.unknown == 1


def _market(seed: int) -> Engine:
    """Many instruments of all kinds, with days, prices and facts."""
    random = np.random.default_rng(seed)
    sectors = ("", "IT", "Energy", "Metals")
    some = [
        Instrument(f"NSE:S{n:03d}", kind=("equity", "equity", "index")[random.integers(3)], sector=sectors[n % 4])
        for n in range(60)
    ]
    engine = Engine(EngineConfig(), m.table)
    engine.define(some)
    ids = np.array([int(one.instrument_id) for one in some], np.int64)
    for back in (3, 2, 1):
        close = np.round(random.uniform(95, 105, 60))
        engine.history(
            {
                "instrument_id": ids,
                "start": np.full(60, m.OPENS[3 - back]),
                "timeframe_s": np.full(60, 86_400, np.int64),
                "open": close,
                "high": close,
                "low": close,
                "close": close,
                "volume": np.full(60, 10.0),
                "trades": np.zeros(60, np.int64),
            }
        )
    facts = {"fund.pe": (5, 25), "fund.pb": (1, 4), "fund.roe": (10, 30), "fund.debt_to_equity": (0, 2)}
    items = [
        {
            "instrument_id": int(one.instrument_id),
            "facts": [
                {
                    "name": name,
                    "value": float(np.round(random.uniform(*span), 1)),
                    "published_at": 1,
                    "period_end": "2021-03-31",
                }
                for name, span in facts.items()
            ],
        }
        for one in some
    ]
    engine.apply([m.frame(FrameKind.REFERENCE, {"type": "fundamentals", "items": items})])
    count = 50
    rows = {
        "instrument_id": ids[:count],
        "event_time": m.OPENS[3] + np.arange(count) * 1_000_000_000,
        "price": np.round(random.uniform(93, 107, count)),
        "volume": np.arange(1.0, count + 1),
    }
    engine.apply_trades(rows)
    return engine


@pytest.mark.parametrize("seed", range(5))
def test_templates_hold_whom_the_lists_hold(seed: int) -> None:
    engine = _market(seed)
    lists = engine.lists(1_000)["lists"]
    screener = Screener(engine)
    for screen_id, name in (
        ("top-gainers", "top_gainers"),
        ("top-losers", "top_losers"),
        ("52-week-highs", "high_52w"),
        ("52-week-lows", "low_52w"),
        ("undervalued-picks", "undervalued"),
    ):
        template = TEMPLATES[screen_id]
        found = screener.find(template.screen, limit=1_000, kinds=template.kinds)
        assert list(found.keys) == lists[name], screen_id
        assert found.keys
        assert found.count == len(lists[name])


def test_every_template_can_be_read() -> None:
    screener = Screener(_market(1))
    for template in TEMPLATES.values():
        found = screener.find(template.screen, kinds=template.kinds)
        assert next(one.expression for one in found.columns) == "symbol"
        assert all(not isinstance(one, float) or math.isfinite(one) for row in found.values for one in row)


def test_an_earlier_day_is_read_from_the_days_that_are_kept() -> None:
    engine = _engine()
    for key in m.KEYS[:2]:
        _days(engine, key, [10.0, 20.0, 30.0, 15.0] if key == "NSE:A" else [10.0, 20.0])
    engine.apply_trades(m.ticks([(key, 1, 50) for key in m.KEYS], start=m.OPENS[4]))
    text = 'screen "x" when close > 15 columns close, change_pct, sma(close, 2), high_52w, close[1d], volume'
    found = Screener(engine).find(parse_screen(text), as_of=m.OPENS[3] - 1)
    assert (found.keys, found.values) == (("NSE:A",), ((30.0, 50.0, 25.0, 30.0, 20.0, 10.0),))
    assert found.unknown_fields == {"close": 1, "event_time": 1}  # B's newest day is older; C has none
    assert found.as_of == m.OPENS[3] - 1
    assert Screener(engine).find(parse_screen("close > 15"), as_of=engine.now() + 1).count == 3


@pytest.mark.parametrize("seed", range(3))
def test_fields_one_by_one_are_those_of_the_engine(seed: int) -> None:
    engine = _market(seed)
    expected, now, state = engine.columns(), engine.now(), engine.tick_state()
    for name in (*BY_NAME, "bar.close", "change_basis"):
        found = EngineFields(state, engine.operators, now, engine.columns).get(name)
        known = expected.get(name)
        assert (found is None) == (known is None), name
        if found is not None and known is not None:
            assert np.array_equal(found, known, equal_nan=True), name
    assert any(np.isfinite(expected[name]).any() for name in ("fund.pe", "change_pct", "high_52w", "volume"))
    assert np.array_equal(
        EngineFields(state, engine.operators, now)["fund.eps[4q]"],
        np.full(len(engine.instruments), np.nan),
        equal_nan=True,
    )


def test_old_rows_are_those_of_an_older_session_of_their_own_calendar() -> None:
    engine = _engine(("NSE:A", 1, 100), ("NSE:B", 1, 300))
    engine.apply_trades(m.ticks([("NSE:A", 1, 101)], start=m.OPENS[1]))
    state = engine.tick_state()
    told = [stale_rows(state, moment, Words(state)).tolist() for moment in (m.OPENS[0], m.OPENS[1] - 1, m.OPENS[1])]
    assert told == [[False] * 3, [False] * 3, [False, True, False]]  # C never traded
