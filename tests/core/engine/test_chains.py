"""Option chains in the engine: what is newest, what is late, what rules see of it and when."""

from collections.abc import Sequence
from math import isnan

import numpy as np
import pytest
from tests.core.engine.chain_market import NEXT_WEEK, WEEK, chain, chain_frame, futures
from tests.core.rules.market import IDS, KEYS, OPEN, OPENS, arm, book, fired, frame, heartbeat, ids, new, ticks, told

from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.chain_book import FAR
from marketbell.core.engine.engine import Engine
from marketbell.core.engine.handover import merge, split
from marketbell.core.market.homes import Homes
from marketbell.core.market.session import SECOND
from marketbell.core.primitives.shards import ALL_SHARDS, Shards
from marketbell.core.rules.book import RuleBook
from marketbell.core.rules.why import Reasons

PCR = 'opt.pcr_oi(expiry: "nearest")'
ROW = KEYS.index("NSE:A")


def value(engine: Engine, name: str, row: int = ROW, at: int = FAR) -> float:
    state = engine.tick_state()
    rows = np.array([row], np.int64)
    columns = {"close": state.F[rows, 0] * 0 + engine.columns(rows)["close"]}
    return float(engine.chains.sampled(rows, columns, state, np.array([at]), [name])[name][0])


def trade(rows: Sequence[tuple[str, float, float]], start: int = OPEN) -> Frame:
    columns = ticks(rows, start)
    return Frame(FrameKind.TRADE, 0, 0, 0, 0, 0, 0, len(rows), columns)


def test_the_newest_chain_counts_and_an_older_one_is_late() -> None:
    engine = new()
    engine.take_changed()
    assert isnan(value(engine, PCR))
    out = engine.apply([chain_frame(chain(60, 1.5)), chain_frame(chain(30, 0.5)), chain_frame(chain(90, 1.7))])
    assert value(engine, PCR) == pytest.approx(1.7)
    assert engine.chains.counts() == {"chains": 2, "late": 1}
    assert [(one.key, one.chain.as_of - OPEN, one.is_late) for one in out.chains] == [
        ("NSE:A", 60 * SECOND, False),
        ("NSE:A", 30 * SECOND, True),
        ("NSE:A", 90 * SECOND, False),
    ]
    assert engine.take_changed().tolist() == [ROW]
    assert isnan(value(engine, PCR, row=1))


def test_one_of_the_same_moment_replaces_and_one_without_a_moment_is_late() -> None:
    engine = new()
    engine.apply([chain_frame(chain(60, 1.5)), chain_frame(chain(60, 1.6)), chain_frame(chain(0, 9.9, start=0))])
    assert value(engine, PCR) == pytest.approx(1.6)
    assert engine.chains.counts() == {"chains": 2, "late": 1}


def test_a_chain_of_an_unknown_instrument_is_counted_as_such() -> None:
    engine = new()
    columns = dict(chain_frame(chain(0)).columns) | {"instrument_id": np.full(34, 12_345, np.int64)}
    one = chain_frame(chain(0))
    engine.apply([Frame(one.kind, 0, 9, 0, 0, 0, 0, one.count, columns, one.payload)])
    assert engine.quality_counts() == {"id:12345": {"unknown_instrument": 1}}


def test_fields_by_their_settings() -> None:
    engine = new()
    engine.apply(
        [
            trade([("NSE:A", 1, 1_001.0)]),
            chain_frame(chain(5, 0.8, expiry=NEXT_WEEK, iv=0.26, future=1_004.0)),
            chain_frame(chain(5, 1.2, wall=1_100.0)),
        ]
    )
    assert value(engine, PCR) == pytest.approx(1.2)
    assert value(engine, 'opt.pcr_oi(expiry: "next")') == pytest.approx(0.8)
    assert value(engine, 'opt.atm_iv(expiry: "nearest")') == pytest.approx(20.0, abs=1e-6)
    assert value(engine, 'opt.term_slope(expiry: "nearest")') == pytest.approx(6.0, abs=1e-6)
    assert isnan(value(engine, 'opt.term_slope(expiry: "next")'))
    assert value(engine, 'opt.max_call_oi_strike(expiry: "nearest")') == 1_100.0
    assert value(engine, 'opt.skew(delta: 25, expiry: "nearest")') == pytest.approx(0.0, abs=1e-6)
    assert isnan(value(engine, "opt.iv_rank(days: 252)"))
    assert value(engine, "fut.price") == 1_004.0
    assert value(engine, "fut.basis") == pytest.approx(3.0)
    engine.apply([frame(FrameKind.REFERENCE, futures(6, 1_003.0, 5_000.0))])
    assert value(engine, "fut.price") == 1_003.0
    assert value(engine, "fut.oi") == 5_000.0


def test_a_rule_is_looked_at_when_a_chain_of_its_expiry_comes() -> None:
    engine = new()
    engine.apply(
        [
            *arm(f'alert "near" on $NSE:A when {PCR} crosses above 1.4 at update chain fire every time'),
            *arm('alert "rises" on $NSE:A when opt.pcr_oi is rising for 2 bars at update chain fire every time'),
            *arm('alert "any" on $NSE:A when close > 0 at update chain fire every time'),
            *arm('alert "other" on $NSE:B when close > 0 at update chain fire every time'),
            trade([("NSE:A", 0, 1_000.0), ("NSE:B", 0, 10.0)]),
        ]
    )
    frames = []
    for second, pcr in ((10, 1.0), (20, 1.3), (30, 1.5), (40, 1.6), (50, 1.2), (60, 1.45)):
        frames += [chain_frame(chain(second, 9.0, expiry=NEXT_WEEK)), chain_frame(chain(second, pcr))]
    out = engine.apply(frames)
    assert [one for one in told(out) if one[0] == "near"] == [("near", "NSE:A", 30.0), ("near", "NSE:A", 60.0)]
    assert [one[2] for one in told(out) if one[0] == "rises"] == [30.0, 40.0]
    assert len([one for one in told(out) if one[0] == "any"]) == 12
    assert not [one for one in told(out) if one[0] == "other"]


def test_a_bar_sees_the_chain_that_was_known_at_its_end() -> None:
    engine = new()
    text = 'alert "wall" on $NSE:A when close crosses above opt.max_call_oi_strike at 5m close fire every time'
    out = engine.apply(
        [
            *arm(text),
            trade([("NSE:A", 0, 1_000.0), ("NSE:A", 200, 1_010.0)]),
            chain_frame(chain(250, wall=1_050.0)),
            trade([("NSE:A", 310, 1_020.0), ("NSE:A", 550, 1_060.0)]),
            # before the second bar closes a chain with a higher wall comes: it was not known at the bar's end
            chain_frame(chain(601, wall=1_100.0)),
            trade([("NSE:A", 603, 1_061.0), ("NSE:A", 910, 1_062.0)]),
        ]
    )
    assert told(out) == [("wall", "NSE:A", 600.0)]


def _days(pcrs: Sequence[float]) -> list[Frame]:
    frames = []
    for day, pcr in enumerate(pcrs):
        start = OPENS[day]
        # the expiry lies behind all days
        frames += [
            trade([("NSE:A", 1, 1_000.0)], start),
            chain_frame(chain(60, pcr, start=start, expiry=NEXT_WEEK)),
            trade([("NSE:A", 7_100, 1_000.0)], start),
        ]
    return frames


def test_days_before_are_remembered() -> None:
    engine = new()
    text = 'alert "drift" on $NSE:A when abs(opt.pcr_oi - opt.pcr_oi[1d]) >= 0.3 at update chain fire every time'
    out = engine.apply([*arm(text), *_days([1.0, 1.1, 1.5, 1.4])])
    assert told(out) == [("drift", "NSE:A", (OPENS[2] - OPEN) / SECOND + 60)]
    engine = new()
    text = 'alert "mean" on $NSE:A when opt.pcr_oi - sma(opt.pcr_oi, 2)@1d > 0.2 at update chain fire every time'
    out = engine.apply([*arm(text), *_days([1.0, 1.1, 1.5, 1.4])])
    assert told(out) == [("mean", "NSE:A", (OPENS[2] - OPEN) / SECOND + 60)]


def test_rank_and_percentile_of_the_days() -> None:
    engine = new()
    history = {
        "instrument_id": IDS["NSE:A"],
        "days": list(range(100, 130)),
        "values": [15.5 + n for n in range(30)],
    }
    engine.apply(
        [frame(FrameKind.REFERENCE, {"type": "iv_history", "items": [history]}), chain_frame(chain(5, iv=0.30))]
    )
    assert value(engine, "opt.iv_rank(days: 252)") == pytest.approx(100 * 14.5 / 29, abs=1e-4)
    assert value(engine, "opt.iv_percentile(days: 252)") == pytest.approx(100 * 15 / 31)
    assert isnan(value(engine, "opt.iv_rank(days: 10)"))
    told = engine.apply([chain_frame(chain(9, iv=0.30))]).chains[0].metrics
    assert told["iv_rank"] == pytest.approx(100 * 14.5 / 29, abs=1e-4)
    assert (told["iv_days"], told["pcr_oi"]) == (31, 1.0)


def test_a_day_leaves_its_last_volatility_behind() -> None:
    engine = new()
    frames = []
    for day, iv in enumerate((0.20, 0.22)):
        start = OPENS[day]
        frames += [chain_frame(chain(60, iv=0.5, start=start)), chain_frame(chain(120, iv=iv, start=start))]
    engine.apply([*frames, chain_frame(chain(5, start=OPENS[2]))])
    days = engine.chains._books[ROW].days
    assert [round(one, 6) for one in days.values()] == [20.0, 22.0]


def test_an_expiry_that_is_over_is_forgotten() -> None:
    engine = new()
    day = OPENS[4]
    engine.apply([chain_frame(chain(5)), chain_frame(chain(5, expiry=NEXT_WEEK)), trade([("NSE:A", 1, 9.0)], day)])
    assert [one.chain.expiry for one in engine.chains.newest(ROW)] == [WEEK, NEXT_WEEK]
    engine.apply([chain_frame(chain(5, 0.7, expiry=NEXT_WEEK, start=day))])
    assert [one.chain.expiry for one in engine.chains.newest(ROW)] == [NEXT_WEEK]
    assert value(engine, PCR) == pytest.approx(0.7)


def _busy() -> list[Frame]:
    rng = np.random.default_rng(3)
    frames: list[Frame] = []
    seq = 0
    for minute in range(40):
        second = 60.0 * minute + 1
        frames.append(trade([("NSE:A", second, 1_000.0 + minute), ("NSE:B", second + 1, 50.0)]))
        for expiry in (NEXT_WEEK, WEEK):
            one = chain(
                second + 20, round(float(rng.uniform(0.5, 1.6)), 3), expiry=expiry, wall=1_000.0 + 25 * (minute % 5)
            )
            frames.append(chain_frame(one, seq, seq + 1))
            seq += 1
        frames.append(heartbeat(second + 30))
    return frames


RULES = (
    'alert "pcr" on ALL when opt.pcr_oi crosses above 1 or opt.pcr_oi < 0.6 at update chain fire every time',
    'alert "wall" on ALL when close crosses above opt.max_call_oi_strike at 5m close fire every time',
    'alert "held" on $NSE:A when opt.pcr_oi > 0.7 at update chain hold 1m fire every time',
    'alert "both" on $NSE:A when opt.pcr_oi > opt.pcr_oi(expiry: "next") at tick fire every time',
)


def test_outputs_do_not_depend_on_where_the_log_is_cut_nor_on_a_restart() -> None:
    whole = new()
    expected = [whole.apply([*arm(*RULES), *_busy()]), whole.finish()]
    assert len(fired(*expected)) > 20
    rng = np.random.default_rng(1)
    frames = [*arm(*RULES), *_busy()]
    engine, outputs, at = new(), [], 0
    while at < len(frames):
        size = int(rng.integers(1, 9))
        outputs.append(engine.apply(frames[at : at + size]))
        at += size
        if rng.random() < 0.3:
            engine = Engine.restore(engine.checkpoint(), engine.config, engine._sessions, (RuleBook,))
    outputs.append(engine.finish())
    assert ids(*outputs) == ids(*expected)
    told_of = [[(one.event_time, one.values, one.origins) for one in fired(*made)] for made in (outputs, expected)]
    assert repr(told_of[0]) == repr(told_of[1])  # unknown is NaN, which is not equal to itself
    ours, theirs = engine.checkpoint(), whole.checkpoint()
    names = {name for name in theirs if name.startswith("chains.")}
    assert names == {name for name in ours if name.startswith("chains.")}
    assert all(np.array_equal(ours[name], theirs[name]) for name in names)


def test_chains_go_with_their_shard_and_come_back() -> None:
    engine = new()
    engine.apply([*arm(RULES[0]), *_busy()])
    homes = Homes(ALL_SHARDS)
    homes.learn(engine.instruments)
    arrays = engine.checkpoint()
    halves = (Shards(0, 31), Shards(32, 63))
    parts = [split(arrays, half, homes, first=0, extra=(RuleBook,)) for half in halves]
    assert sum(any(name.startswith("chains.chain/") for name in part) for part in parts) == 1
    whole = merge(parts, homes, (RuleBook,))
    kept = [name for name in arrays if name.startswith("chains.")]
    assert kept
    assert all(np.array_equal(whole[name], arrays[name]) for name in kept)


def test_why_names_the_chain_and_its_age() -> None:
    engine = new()
    text = f'alert "near" on $NSE:A when {PCR} crosses above 1.4 or opt.atm_iv > 90 at update chain'
    out = engine.apply(
        [*arm(text), trade([("NSE:A", 0, 1_000.0)]), chain_frame(chain(10, 1.2)), chain_frame(chain(30, 1.5))]
    )
    (one,) = fired(out)
    why = Reasons().of(one, "recorded")
    term = next(term for term in why["terms"] if "pcr" in term["expression"])
    assert (term["source"], term["timeframe"], term["age_s"]) == ("option chain, test", "update chain", 0.0)
    assert term["as_of"] == OPEN + 30 * SECOND
    assert "1.5" in why["sentence"]
    engine.apply([heartbeat(90)])
    status = book(engine).status(one.rule_uid, ROW)
    assert status.origins[PCR] == (OPEN + 30 * SECOND, "test")
    assert status.truth is True
