"""The rules that people write, all of them armed in one engine over a market that has whom they name.

A year of days, then three months of ticks, with an option chain each morning. None is rejected; those that read what
no feed brings here (news, positions, dates of results) are never true, and never fire; every other one comes to a truth
that is known.
"""

import json
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.core.engine.chain_market import chain, chain_frame, futures

from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.language.reader import parse_file
from marketbell.core.language.tree import Rule
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, MINUTE, SECOND, SessionTable
from marketbell.core.options.chain import Side
from marketbell.core.rules.book import RuleBook
from marketbell.core.rules.resolve import Market, commands

FILE = Path(__file__).parent / "examples" / "language.bell"
RULES = [tree for tree in parse_file(FILE.read_text(encoding="utf-8")) if isinstance(tree, Rule)]
WITHOUT_FEED = {"IV rich before results", "Results in the tape", "My book at risk"}
ENOUGH = {"IV rich before results", "Results in the tape"}
"""Of these a side may be known to be false, which is enough."""
OF_CHAINS = {"PCR extreme", "Long build-up", "OI wall breached", "Max pain drift"}
LEVELS = {"Price level"}
"""A plain level stands in the engine's own sorted levels, not in the book of rules."""
FIRST_DAY = 18_600
PAST, DAYS, TICKS = 300, 65, 125
"""Days of history, days that are lived, ticks a day. A spread of two instruments is known from its arming on only."""
STOCKS = ("HDFCBANK", "ICICIBANK", "RELIANCE", "M&M")
LISTS = ("NIFTY500", "NIFTY200", "FNO")
INSTRUMENTS = [
    *(Instrument(f"NSE:{symbol}", indices=LISTS) for symbol in STOCKS),
    *(Instrument(f"NSE:{symbol}", kind="index") for symbol in ("NIFTY", "BANKNIFTY", "INDIAVIX")),
    Instrument("NSE:NIFTY_FUT", kind="future"),
]
IDS = np.array([int(one.instrument_id) for one in INSTRUMENTS], np.int64)


def sessions(name: str = "") -> SessionTable:
    """Days from 09:15 to 15:30 in India, one after the other."""
    days = FIRST_DAY + np.arange(PAST + DAYS + 5, dtype=np.int64)
    opens = days * DAY + (9 * 60 + 15) * MINUTE - 330 * MINUTE
    return SessionTable(name, "Asia/Kolkata", opens, opens + 375 * MINUTE, days, np.zeros(len(days), np.uint8))


OPENS = sessions().open
LAST = date(1970, 1, 1) + timedelta(days=FIRST_DAY + PAST + DAYS + 3)
"""When the options expire: behind everything."""


def frame(kind: FrameKind, payload: Any = None, columns: Any = None, time: int = 0) -> Frame:
    raw = b"" if payload is None else json.dumps(payload).encode()
    columns = columns or {}
    return Frame(kind, 0, 0, 0, 0, time, time, len(columns.get("instrument_id", ())), columns, raw)


def past(rng: np.random.Generator) -> dict[str, Any]:
    """A year of daily bars, day by day."""
    close = np.exp(np.cumsum(rng.normal(0, 0.01, (PAST, len(IDS))), axis=0))
    close *= 1_495 / close[-1]
    count = close.size
    return {
        "instrument_id": np.tile(IDS, PAST),
        "timeframe_s": np.full(count, 86_400, np.int32),
        "start": np.repeat(OPENS[:PAST], len(IDS)),
        "open": close.ravel(),
        "high": (close * 1.01).ravel(),
        "low": (close * 0.99).ravel(),
        "close": close.ravel(),
        "volume": rng.uniform(1e5, 2e5, count),
    }


def ticks(rng: np.random.Generator, day: int, prices: Any) -> dict[str, Any]:
    """A tick of each instrument every three minutes; prices go on from `prices`, volume is of the day."""
    shape = (TICKS, len(IDS))
    table = prices * np.exp(np.cumsum(rng.normal(0, 0.003, shape), axis=0))
    prices[:] = table[-1]
    seconds = 180 * np.arange(TICKS)[:, None] + 1 + np.arange(len(IDS))
    return {
        "instrument_id": np.tile(IDS, TICKS),
        "event_time": OPENS[PAST + day] + seconds.ravel() * SECOND,
        "price": table.ravel(),
        "volume": np.cumsum(rng.exponential(1_000, shape), axis=0).ravel(),
    }


def facts(day: int, growth: float) -> dict[str, Any]:
    """What the companies publish in the morning of a day."""
    told = {
        "fund.market_cap": 1e13, "fund.pledged_pct": 1.0, "fund.roce": 25.0, "fund.debt_to_equity": 0.1,
        "fund.sales_growth_3y": 15.0, "fund.pe": 12.0, "fund.pe_median_5y": 20.0,
    }  # fmt: skip
    when = int(OPENS[PAST + day]) + 60 * MINUTE
    items = []
    for ident in IDS[: len(STOCKS)].tolist():
        made = [{"name": name, "value": value, "period_end": "2020-12-31"} for name, value in told.items()]
        for name in ("fund.promoter_holding", "fund.fii_holding", "fund.dii_holding"):
            period = "2020-12-31" if growth == 0 else "2021-03-31"
            made.append({"name": name, "value": 20.0 + growth, "period_end": period})
        items.append({"instrument_id": ident, "facts": [fact | {"published_at": when} for fact in made]})
    return {"type": "fundamentals", "items": items}


def scaled(side: Side, scale: float, oi: Any) -> Side:
    """Prices of options are as many times as large as those of what they are on."""
    prices = {name: getattr(side, name) * scale for name in ("last", "bid", "ask", "prev_close")}
    return replace(side, oi=oi, **prices)


def chains(rng: np.random.Generator, day: int, prices: Any) -> list[Frame]:
    """A chain and a future of everybody at the open of a day, around the price of the evening before."""
    frames: list[Frame] = []
    opened = int(OPENS[PAST + day])
    for one, price in zip(INSTRUMENTS, prices.tolist(), strict=True):
        pcr, wall = float(rng.uniform(0.4, 1.6)), 800.0 + 25 * int(rng.integers(0, 17))
        made = chain(0.5, pcr, key=one.key, expiry=LAST, spot=1_000.0, iv=float(rng.uniform(0.1, 0.4)), start=opened)
        # the grid of strikes is laid around the price
        scale = round(price / 1_000 * 20) / 20
        calls = scaled(made.call, scale, np.where(made.strikes == wall, 500.0, made.call.oi))
        puts = scaled(made.put, scale, made.put.oi)
        frames.append(
            chain_frame(replace(made, spot=made.spot * scale, strikes=made.strikes * scale, call=calls, put=puts))
        )
        quote = futures(0.5, price, float(rng.uniform(1e6, 2e6)), key=one.key, start=opened, expiry=LAST)
        frames.append(frame(FrameKind.REFERENCE, quote, time=opened))
    return frames


@dataclass(frozen=True)
class Run:
    engine: Engine
    rejected: list[tuple[str, str]]
    fired: set[str]

    @property
    def book(self) -> RuleBook:
        return next(one for one in self.engine.operators if isinstance(one, RuleBook))

    def truths(self, rule: Rule) -> list[bool | None]:
        """The newest truth of a rule on each of its instruments."""
        uid = rule.rule_uid
        return [self.book.status(uid, row).truth for row in self.book.rows(uid).tolist()]


@pytest.fixture(scope="module")
def run() -> Run:
    rng = np.random.default_rng(11)
    engine = Engine(EngineConfig(), sessions, (RuleBook,))
    engine.define(INSTRUMENTS)
    bars = past(rng)
    prices = bars["close"][-len(IDS) :].copy()
    armed = commands(RULES, Market(INSTRUMENTS, {"core": ["NSE:RELIANCE", "NSE:M&M"]}), "owner")
    out = [engine.apply([frame(FrameKind.BAR, columns=bars)])]
    start = int(OPENS[PAST])
    out.append(engine.apply([frame(FrameKind.COMMAND, one, time=start) for one in armed]))
    out.append(engine.apply([frame(FrameKind.REFERENCE, facts(0, 0.0)), frame(FrameKind.REFERENCE, facts(5, 2.0))]))
    for day in range(DAYS):
        out.append(engine.apply(chains(rng, day, prices)))
        out.append(engine.apply_trades(ticks(rng, day, prices)))
    out.append(engine.finish())
    rejected = [one for each in out for one in each.rejected_rules]
    fired = {one.rule for each in out for one in (*each.fired, *each.rule_firings)}
    return Run(engine, rejected, fired)


def test_none_is_rejected(run: Run) -> None:
    assert run.rejected == []
    assert set(run.book.rules) == {rule.rule_uid for rule in RULES if rule.name not in LEVELS}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_it_knows_what_its_feeds_tell(rule: Rule, run: Run) -> None:
    if rule.name in LEVELS:
        assert rule.name in run.fired
        return
    truths = run.truths(rule)
    if rule.name in WITHOUT_FEED:
        assert True not in truths
        assert rule.name not in run.fired
        # a false side is enough for a conjunction to be false
        assert False not in truths or rule.name in ENOUGH
    else:
        assert truths
        assert {True, False} & set(truths)


def test_many_of_them_fire_on_this_market(run: Run) -> None:
    assert len(run.fired) >= 14
    assert run.fired >= OF_CHAINS
    assert {"Price level", "Index discount", "Relative strength", "Cheap quality on a dip", "Fast move"} <= run.fired
