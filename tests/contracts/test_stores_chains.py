"""Option chains: what the memory, PostgreSQL and MongoDB stores all promise."""

import math
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from marketbell.adapters.stores.memory.chains import MemoryChains
from marketbell.adapters.stores.mongo import MongoChains
from marketbell.adapters.stores.postgres import PostgresStores
from marketbell.adapters.stores.postgres import chains as postgres_chains
from marketbell.core.options.chain import Chain, Side
from marketbell.core.primitives.errors import InvalidSettingError, StoreUnavailableError
from marketbell.ports.chains import DAY_NS, ChainRecord, ChainStore

MINUTE = 60 * 10**9
DAY = 20_684 * DAY_NS
"""Midnight of 19 August 2026, UTC."""
OPEN = DAY + 225 * MINUTE
NEAR, NEXT = date(2026, 8, 25), date(2026, 9, 1)
NIFTY = "NSE:NIFTY"
STRIKES = np.array([24_000.0, 24_050.0, 24_100.0])


@pytest.fixture(params=["memory", "postgres", "mongo"])
def chains(request: pytest.FixtureRequest) -> Iterator[ChainStore]:
    if request.param == "memory":
        yield MemoryChains()
    elif request.param == "postgres":
        yield request.getfixturevalue("postgres_stores").chains
    else:
        made = MongoChains(request.getfixturevalue("mongo_url"))
        yield made
        made.close()


def chain(as_of: int, expiry: date = NEAR, underlying: str = NIFTY, spot: float = 24_050.5, **more: Any) -> Chain:
    nan = math.nan
    call = Side.of(3, last=[101.5, nan, 0.05], oi=[75.0, 0.0, nan], quote_time=[as_of, 0, as_of - 5 * 10**9])
    put = Side.of(3, bid=[10.0, 11.0, 12.1], ask=[10.2, nan, 12.3], published_iv=[0.1432, nan, nan])
    return Chain(underlying, expiry, as_of, spot, STRIKES, call, put, **more)


def record(as_of: int, expiry: date = NEAR, underlying: str = NIFTY, /, **metrics: Any) -> ChainRecord:
    return ChainRecord(chain(as_of, expiry, underlying), metrics)


def test_nothing_is_known_of_what_was_never_put(chains: ChainStore) -> None:
    chains.ping()
    chains.put([])
    assert chains.underlyings() == []
    assert chains.expiries(NIFTY) == []
    assert chains.latest(NIFTY, NEAR) is None
    assert chains.times(NIFTY, None, 0, 2**62) == []
    assert chains.series(NIFTY, None, 0, 2**62) == []
    assert chains.days(NIFTY, "atm_iv", 0, 2**62) == []
    assert chains.trim(2**62) == 0


def test_a_chain_comes_back_as_it_was(chains: ChainStore) -> None:
    given = chain(
        OPEN, expires_at=OPEN + 10**15 + 1, future=24_100.25, lot_size=75.0, source="nse", flags=("duplicate",)
    )
    metrics = {"pcr_oi": 0.8123456789012345, "oi_state": "long_buildup", "max_pain": math.nan, "atm_iv": None}
    chains.put([ChainRecord(given, metrics, is_simulated=True)])
    found = chains.latest(NIFTY, NEAR)
    assert found is not None
    assert found.chain.as_dict() == given.as_dict()
    assert found.chain.call.quote_time.tolist() == given.call.quote_time.tolist()
    assert found.metrics == metrics | {"max_pain": None}
    assert found.is_simulated
    unknown = chain(OPEN + 1, spot=math.nan)
    chains.put([ChainRecord(unknown)])
    again = chains.latest(NIFTY, NEAR)
    assert again is not None
    assert (again.chain.as_dict(), again.metrics, again.is_simulated) == (unknown.as_dict(), {}, False)
    assert math.isnan(chains.series(NIFTY, NEAR, OPEN + 1, OPEN + 2)[0].spot)


def test_putting_a_chain_again_replaces_it(chains: ChainStore) -> None:
    chains.put([record(OPEN, pcr_oi=1.0), record(OPEN, pcr_oi=2.0)])
    chains.put([record(OPEN, pcr_oi=3.0)])
    assert chains.times(NIFTY, NEAR, 0, 2**62) == [OPEN]
    assert [one.metrics for one in chains.series(NIFTY, NEAR, 0, 2**62)] == [{"pcr_oi": 3.0}]


def test_the_newest_chain_up_to_a_moment(chains: ChainStore) -> None:
    moments = [OPEN + minute * MINUTE for minute in (2, 0, 1)]
    chains.put([record(moment) for moment in moments])
    chains.put([record(OPEN + 9 * MINUTE, NEXT), record(OPEN + 9 * MINUTE, NEAR, "NSE:BANKNIFTY")])

    def latest(as_of: int | None, expiry: date = NEAR) -> int | None:
        found = chains.latest(NIFTY, expiry, as_of)
        return found.chain.as_of if found else None

    assert latest(None) == OPEN + 2 * MINUTE
    assert latest(OPEN + 2 * MINUTE - 1) == OPEN + MINUTE
    assert latest(OPEN) == OPEN
    assert latest(OPEN - 1) is None
    assert latest(None, NEXT) == OPEN + 9 * MINUTE
    assert latest(None, date(2026, 8, 26)) is None
    assert chains.underlyings() == ["NSE:BANKNIFTY", NIFTY]


def test_expiries_with_their_newest_chain(chains: ChainStore) -> None:
    chains.put([record(OPEN), record(OPEN + MINUTE, NEXT), record(OPEN + MINUTE, date(2026, 8, 18))])
    assert chains.expiries(NIFTY) == [(date(2026, 8, 18), OPEN + MINUTE), (NEAR, OPEN), (NEXT, OPEN + MINUTE)]
    assert chains.expiries(NIFTY, OPEN + MINUTE) == [(NEAR, OPEN), (NEXT, OPEN + MINUTE)], "18 August has passed"
    assert chains.expiries(NIFTY, OPEN) == [(NEAR, OPEN)], "the others were not there yet"
    on_its_day = 20_690 * DAY_NS + DAY_NS - 1
    assert chains.expiries(NIFTY, on_its_day)[0] == (NEAR, OPEN), "until its day has gone by"
    assert chains.expiries(NIFTY, on_its_day + 1) == [(NEXT, OPEN + MINUTE)]
    assert chains.expiries(NIFTY, OPEN - 1) == []
    assert chains.expiries("NSE:OTHER") == []


def test_moments_and_metrics_of_a_stretch_of_time(chains: ChainStore) -> None:
    chains.put([record(OPEN + minute * MINUTE, pcr_oi=float(minute), max_pain=24_000.0) for minute in range(4)])
    chains.put([record(OPEN + MINUTE, NEXT, pcr_oi=9.0, oi_state="short_buildup", atm_iv=None)])
    end = OPEN + 3 * MINUTE
    assert chains.times(NIFTY, None, OPEN + MINUTE, end) == [OPEN + MINUTE, OPEN + 2 * MINUTE]
    assert chains.times(NIFTY, NEXT, OPEN, end) == [OPEN + MINUTE]
    found = chains.series(NIFTY, None, OPEN + MINUTE, end)
    assert [(one.expiry, one.as_of, one.spot) for one in found] == [
        (NEAR, OPEN + MINUTE, 24_050.5),
        (NEXT, OPEN + MINUTE, 24_050.5),
        (NEAR, OPEN + 2 * MINUTE, 24_050.5),
    ]
    assert found[1].metrics == {"pcr_oi": 9.0, "oi_state": "short_buildup", "atm_iv": None}
    some = chains.series(NIFTY, NEXT, OPEN, end, ["oi_state", "atm_iv", "never_heard_of"])
    assert [one.metrics for one in some] == [{"oi_state": "short_buildup", "atm_iv": None}]


@pytest.mark.parametrize(("count", "limit"), [(7, 7), (7, 3), (10, 4), (3, 1), (5, 4)])
def test_of_many_moments_evenly_spaced_ones_are_kept(chains: ChainStore, count: int, limit: int) -> None:
    moments = [OPEN + place * MINUTE for place in range(count)]
    chains.put([record(moment, expiry) for moment in moments for expiry in (NEAR, NEXT)])
    found = chains.series(NIFTY, None, 0, 2**62, limit=limit)
    kept = sorted({one.as_of for one in found})
    assert len(kept) == limit
    assert len(found) == 2 * limit, "both expiries of each"
    assert kept[-1] == moments[-1]
    steps = [(later - sooner) // MINUTE for sooner, later in pairwise(kept)]
    assert all(count // limit <= step <= -(-count // limit) for step in steps)


def test_the_last_known_number_of_each_day(chains: ChainStore) -> None:
    before, day, after = OPEN - DAY_NS, OPEN, OPEN + DAY_NS
    today = date(2026, 8, 19)
    chains.put(
        [
            record(before, atm_iv=11.0),
            record(before + MINUTE, atm_iv=12.0),
            record(before + 2 * MINUTE, NEXT, atm_iv=99.0),
            record(day, today, atm_iv=13.0),
            record(day + MINUTE, today, atm_iv=None, oi_state="long_buildup"),
            record(day + MINUTE, NEAR, atm_iv=14.0),
            record(after, today, atm_iv=77.0),
            record(after, NEAR, atm_iv=None),
            record(after, NEXT, atm_iv=15.0),
            record(after + DAY_NS, NEAR, atm_iv=None),
        ]
    )
    found = chains.days(NIFTY, "atm_iv", 0, 2**62)
    assert found == [
        (date(2026, 8, 18), before + MINUTE, 12.0),
        (today, day, 13.0),
        (date(2026, 8, 20), after, 15.0),
    ], "of the nearest expiry with a number, none that had passed, no day without one"
    assert chains.days(NIFTY, "atm_iv", before + MINUTE, day + MINUTE) == found[:2]
    assert chains.days(NIFTY, "atm_iv", before, before + MINUTE) == [(date(2026, 8, 18), before, 11.0)]
    assert chains.days(NIFTY, "oi_state", 0, 2**62) == [], "a word is no number"


def test_trimming_leaves_the_last_chain_of_each_day_and_expiry(chains: ChainStore) -> None:
    last_ns = DAY + DAY_NS - 1
    chains.put([record(DAY), record(OPEN), record(OPEN + MINUTE, NEXT), record(last_ns), record(DAY + DAY_NS)])
    chains.put([record(DAY + DAY_NS + MINUTE), record(DAY + DAY_NS, NEAR, "NSE:BANKNIFTY")])
    assert chains.trim(OPEN) == 1, "of the day that `before` lies in, too"
    assert chains.times(NIFTY, NEAR, 0, 2**62) == [OPEN, last_ns, DAY + DAY_NS, DAY + DAY_NS + MINUTE]
    assert chains.trim(DAY + DAY_NS + MINUTE) == 2
    assert chains.trim(2**62) == 0
    assert chains.times(NIFTY, NEAR, 0, 2**62) == [last_ns, DAY + DAY_NS + MINUTE]
    assert chains.times(NIFTY, NEXT, 0, 2**62) == [OPEN + MINUTE]
    assert chains.times("NSE:BANKNIFTY", NEAR, 0, 2**62) == [DAY + DAY_NS]
    assert chains.latest(NIFTY, NEAR) is not None


STRANGE = ["$where", "a.b", '{"$gt": ""}', "'; DROP TABLE market.chains; --", "$metrics", "%s %(name)s {}", "ünï ✓"]


@pytest.mark.parametrize("word", STRANGE)
def test_text_stays_text(chains: ChainStore, word: str) -> None:
    """An operator, a field path or a statement in what people write means nothing to a store."""
    chains.put([record(OPEN, pcr_oi=1.0), record(OPEN, NEAR, word, **{word: 2.0, "pcr_oi": 3.0})])
    assert sorted(chains.underlyings()) == sorted([NIFTY, word])
    found = chains.latest(word, NEAR)
    assert found is not None
    assert (found.chain.underlying, dict(found.metrics)) == (word, {word: 2.0, "pcr_oi": 3.0})
    assert [one.metrics for one in chains.series(word, NEAR, 0, 2**62, [word])] == [{word: 2.0}]
    assert [value for _, _, value in chains.days(word, word, 0, 2**62)] == [2.0]
    assert chains.days(NIFTY, word, 0, 2**62) == []
    assert [one.metrics for one in chains.series(NIFTY, NEAR, 0, 2**62, [word])] == [{}]
    assert chains.expiries(word, OPEN) == [(NEAR, OPEN)]


def test_a_mongodb_that_is_not_there_is_an_outage_and_nobody_waits_for_it_twice() -> None:
    store = MongoChains("mongodb://someone:secret-word@127.0.0.1:1/db")
    with pytest.raises(StoreUnavailableError, match="MongoDB did not answer") as first:
        store.latest(NIFTY, NEAR)
    with pytest.raises(StoreUnavailableError) as second:
        store.put([record(OPEN)])
    assert second.value.message == first.value.message
    assert "imeout" not in first.value.message, "the driver's settings are nobody's concern"
    assert "secret" not in first.value.message
    store.close()


@pytest.mark.parametrize("url", ["mongodb://a:b:secret@h", "mongodb://me:se@cret@h/", "postgresql://h/d", "mongodb://"])
def test_a_url_that_cannot_be_read_is_an_error_of_settings_without_the_password(url: str) -> None:
    with pytest.raises(InvalidSettingError, match="mongodb://user:password@host") as caught:
        MongoChains(url)
    assert "secret" not in caught.value.message


def test_mongodb_answers_from_its_indexes(mongo_url: str) -> None:
    """The newest chain is one entry of one index, and so it stays however many there are."""
    import pymongo

    store = MongoChains(mongo_url)
    store.put([record(OPEN + minute * MINUTE) for minute in range(50)])
    with pymongo.MongoClient(mongo_url) as client:
        found = client.get_default_database()["chains"]
        assert {"newest", "by_time"} <= found.index_information().keys()
        wanted = {
            "underlying": {"$eq": NIFTY},
            "expiry": {"$eq": NEAR.isoformat()},
            "as_of": {"$lte": OPEN + MINUTE * 20},
        }
        order = [("underlying", 1), ("expiry", 1), ("as_of", -1)]
        stats = found.find(wanted).sort(order).limit(1).explain()["executionStats"]
        assert (stats["totalKeysExamined"], stats["totalDocsExamined"]) == (1, 1)
    store.close()


def test_postgresql_answers_from_its_index(postgres_stores: PostgresStores) -> None:
    """The newest chain is the first entry of one index, without a sort."""
    expiries = [NEAR + timedelta(weeks=week) for week in range(10)]
    postgres_stores.chains.put([record(OPEN + minute * MINUTE, day) for minute in range(30) for day in expiries])
    with postgres_stores.database.transaction() as connection:
        connection.execute("ANALYZE market.chains")
        plan = connection.execute("EXPLAIN " + postgres_chains.LATEST, (NIFTY, NEAR, OPEN + 20 * MINUTE)).fetchall()
    lines = [row[0].strip() for row in plan]
    assert lines[0].startswith("Limit")
    assert lines[1].startswith("->  Index Scan using chains_newest")
