"""Series over several instruments, armed while the market runs: the days and minutes that are known are their past."""

from typing import Any

import numpy as np
from tests.core.rules import market as m

from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.rules.book import RuleBook

PAIR = 'alert "pair" on $NSE:A when zscore($NSE:A.close / $NSE:B.close, 5)@1d > 9 at 1d close'
RANK = 'alert "rank" on TEN when sma(rank(close, TEN), 4)@1d > 9 at 1d close'
DAYS = 8


def history() -> Frame:
    """Daily closes of three instruments before the second week of the market."""
    rng = np.random.default_rng(4)
    rows = [(key, m.OPENS[n], float(rng.integers(90, 110))) for n in range(DAYS) for key in m.KEYS]
    price = np.array([row[2] for row in rows])
    columns: dict[str, Any] = {
        "instrument_id": np.array([m.IDS[row[0]] for row in rows]),
        "timeframe_s": np.full(len(rows), 86_400, np.int32),
        "start": np.array([row[1] for row in rows], np.int64),
        **{name: price.copy() for name in ("open", "high", "low", "close", "volume", "prev_close")},
    }
    return Frame(FrameKind.BAR, 0, 0, 0, 0, 0, 0, len(rows), columns, b"")


def closes(key: str) -> np.ndarray:
    columns = history().columns
    return np.asarray(columns["close"])[columns["instrument_id"] == m.IDS[key]]


def value(engine: Engine, text: str, part: str, key: str = "NSE:A") -> float:
    """What a rule knows of one of its parts on an instrument."""
    book = m.book(engine)
    rule = next(rule for rule in book.rules.values() if rule.uid == m.command(text)["rule_uid"])
    place = next(one.place for one in rule.compiled.parts if one.kind == "value" and one.text.startswith(part))
    row = engine.row(m.IDS[key])
    assert row is not None
    return book.status(rule.uid, row).values.get(place, np.nan)


def market_of(*texts: str) -> Engine:
    """Five minutes into the ninth day, with eight days of history; rules armed there."""
    engine = m.new()
    engine.apply([history(), m.heartbeat(-60, m.OPENS[DAYS])])
    engine.apply_trades(m.ticks([(key, 30 * n, 100.0 + n) for n in range(10) for key in m.KEYS], m.OPENS[DAYS]))
    engine.apply([m.heartbeat(305, m.OPENS[DAYS]), *m.arm(*texts)])
    return engine


def test_a_ratio_of_two_is_known_when_it_is_armed() -> None:
    engine = market_of(PAIR)
    ratio = closes("NSE:A") / closes("NSE:B")
    wanted = (ratio[-1] - ratio[-5:].mean()) / ratio[-5:].std()
    assert np.isclose(value(engine, PAIR, "zscore"), wanted)
    # another rule comes and goes: what is known stays
    engine.apply(m.arm(RANK))
    assert np.isclose(value(engine, PAIR, "zscore"), wanted)
    again = Engine.restore(engine.checkpoint(), EngineConfig(), m.table, (RuleBook,))
    assert np.isclose(value(again, PAIR, "zscore"), wanted)
    for one in (engine, again):
        one.apply([m.heartbeat(2 * 3_600 + 3, m.OPENS[DAYS])])
        one.apply_trades(m.ticks([(key, 1, 105.0) for key in m.KEYS], m.OPENS[DAYS + 1]))
        one.apply([m.heartbeat(10, m.OPENS[DAYS + 1])])
    ratio = np.append(ratio, 1.0)
    wanted = (ratio[-1] - ratio[-5:].mean()) / ratio[-5:].std()
    assert np.isclose(value(engine, PAIR, "zscore"), wanted)
    assert np.isclose(value(again, PAIR, "zscore"), wanted)


def test_a_rank_is_known_when_it_is_armed() -> None:
    engine = market_of(RANK)
    a, b = closes("NSE:A"), closes("NSE:B")
    wanted = np.where(a > b, 1.0, np.where(a < b, 2.0, 1.0))[-4:].mean()
    assert np.isclose(value(engine, RANK, "sma"), wanted)


def test_nothing_of_the_past_fires() -> None:
    engine = m.new()
    engine.apply([history(), m.heartbeat(-60, m.OPENS[DAYS])])
    out = engine.apply(m.arm('alert "x" on $NSE:A when $NSE:A.close / $NSE:B.close > 0 at 1d close fire every time'))
    late = engine.apply([m.heartbeat(30, m.OPENS[DAYS])])
    assert m.told(out, late) == []
