"""A recorded day through real servers and processes while each of them is killed: nothing differs at the end.

The replay of 2021-04-28 runs at high speed; stream, ingest, the bus, PostgreSQL and the sender get SIGKILL one
after the other and are started again, as the supervisor would. Bars, snapshot and quality counts in the
database must equal those of `marketbell replay`, and so must the firings of rules at bars and ticks, with holds,
cooldowns and sessions; a level must have fired once, at the tick that pandas finds.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson
import pandas as pd
import pytest
from kill_house import DAY, RULES, House, SystemNow, same_bars, same_quality, same_snapshot

from marketbell.adapters.stores.postgres import PostgresStores, migrate
from marketbell.core.market.instrument import Instrument
from marketbell.wiring.replay import replay_to_files
from marketbell.wiring.rules import people, rule_desk

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

SPEED = 1_500.0
RULE = 'alert "Reliance up" on $RELIANCE when close crosses above {level} at tick fire once'
JOINT = """
alert "Pair" on $NSE:INFY when close / $NSE:TCS.close crosses above sma(close / $NSE:TCS.close, 5)@15m at 15m close
"""
FINAL = 60.0
"""Seconds for the replay's end after the last kill."""


@pytest.fixture
def house(house_dir: Path, shared_data: Path) -> Iterator[House]:
    made = House(house_dir, f"replay:{shared_data / DAY}", SPEED)
    try:
        yield made
    finally:
        made.close()


def _in_order_ticks(path: Path) -> pd.DataFrame:
    """In-session ticks that are not behind the newest of the file, by plain pandas."""
    ticks = pd.read_csv(path)
    ticks["time"] = pd.to_datetime(ticks["timestamp"]).dt.tz_localize("Asia/Kolkata")
    clock = ticks["time"].dt.strftime("%H:%M:%S")
    ticks = ticks[(clock >= "09:15:00") & (clock < "15:30:00")]
    return ticks[ticks["time"] >= ticks["time"].cummax()]


def _first_crossing(ticks: pd.DataFrame, level: float) -> pd.Timestamp:
    price = ticks["ltp"]
    crossed = (price.shift() <= level) & (price > level)
    moment = ticks.loc[crossed, "time"].iloc[0]
    assert isinstance(moment, pd.Timestamp)
    return moment


def test_every_kill_leaves_the_same_day(house: House, shared_data: Path, tmp_path: Path) -> None:
    ticks = _in_order_ticks(shared_data / DAY / "RELIANCE.csv.gz")
    # a level that is crossed in the middle of the day, when kills are under way
    noon = ticks[ticks["time"].dt.strftime("%H:%M") >= "11:00"]
    level = float(ticks.loc[ticks["time"] < noon["time"].iloc[0], "ltp"].max())
    expected = _first_crossing(ticks, level)

    house.start("postgres", "bus", "cache")
    migrate.upgrade(house.database_url)
    stores = PostgresStores(house.database_url)
    try:
        stores.instruments.put([Instrument(f"NSE:{symbol}") for symbol in ("RELIANCE", "TCS", "INFY")])
        rules = rule_desk(stores.rules, people(stores.instruments, stores.watchlists, stores.channels), SystemNow())
        rule = rules.arm("owner", RULE.format(level=level))
        uids = {one.name: one.rule_uid for one in rules.arm_file("owner", RULES + JOINT)} | {rule.name: rule.rule_uid}
        bell = tmp_path / "rules.bell"
        bell.write_text(rules.export("owner"))
        offline = tmp_path / "offline"
        replay_to_files([str(shared_data / DAY)], offline, rules=bell)
        house.start("stream", "ingest", "sender")
        _kill_in_turn(house)
        house.wait(lambda: house.feed().get("state") == "ended", FINAL, "the replay ends")
        house.wait(house.has_read_everything, 30.0, "the stream has read everything")
        assert house.children["stream"].stop(4.0) == 0
        assert house.children["ingest"].stop(5.0) == 0

        same_bars(stores, offline)
        same_snapshot(stores, offline)
        same_quality(stores, offline)
        _same_firings(stores, offline, uids)
        (level,) = [one for one, _ in stores.ledger.firings("owner", 1_000) if one.rule_uid == rule.rule_uid]
        assert level.event_time == expected.value
        house.wait(lambda: _are_sent(stores), 15.0, "every alert is in the inbox once")
        house.children["sender"].stop(5.0)
        _same_recording(house.folder / "data" / "recordings" / "2021-04-28", offline, tmp_path / "again")
    finally:
        stores.close()


def _kill_in_turn(house: House) -> None:
    """Each of them once or twice, at places spread over the day (220,555 rows)."""
    plan = ("stream", "ingest", "bus", "postgres", "sender", "stream", "cache", "ingest")
    for number, name in enumerate(plan, start=1):
        place = number * 22_000
        house.wait(lambda place=place: house.rows() >= place, 60.0, f"{place} rows are published")
        house.kill_and_start(name)


def _same_firings(stores: PostgresStores, offline: Path, uids: Mapping[str, str]) -> None:
    """What was told is what the replay tells: the same ids, of the same rules and instruments, at the same times."""
    # what the watch says about the faults themselves is no part of the market
    found = [one for one, _ in stores.ledger.firings("owner", 10_000) if not one.rule_uid.startswith("watch:")]
    wanted = pd.read_parquet(offline / "firings.parquet")
    times = wanted["event_time"].astype("datetime64[ns, UTC]").astype("int64")
    told = sorted((one.firing_id, one.rule_uid, one.instrument, one.event_time) for one in found if not one.suppressed)
    assert told == sorted(
        zip(wanted["firing_id"], wanted["rule"].map(uids), wanted["instrument"], times.tolist(), strict=True)
    )
    assert set(wanted["rule"]) == set(uids), "every rule fires on this day"
    assert any(one.suppressed == "cooldown" for one in found)


def _are_sent(stores: PostgresStores) -> bool:
    found = stores.ledger.firings("owner", 10_000)
    return all([one.state for one in deliveries] == ["sent"] for firing, deliveries in found if not firing.suppressed)


def _same_recording(recording: Path, offline: Path, out: Path) -> None:
    """The recorded log, replayed, is the day once more: every tick of the source stands in it once."""
    summary = replay_to_files([str(recording)], out)
    assert summary["ticks_read"] == orjson.loads((offline / "summary.json").read_bytes())["ticks_read"]
    for name in ("bars_1m", "bars_1d"):
        mine, theirs = (pd.read_parquet(folder / f"{name}.parquet") for folder in (out, offline))
        pd.testing.assert_frame_equal(mine, theirs, check_exact=True)
