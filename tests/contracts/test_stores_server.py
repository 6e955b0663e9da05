"""The PostgreSQL stores against their own server: killed, restarted, busy, partitioned, under gevent."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.servers.postgres import EmbeddedPostgres
from marketbell.adapters.stores.memory.chains import MemoryChains
from marketbell.adapters.stores.postgres import PostgresStores, connections, housekeeping, migrate
from marketbell.core.options.chain import Chain, Side
from marketbell.core.primitives.errors import StoreUnavailableError, UserError
from marketbell.ports.chains import DAY_NS, ChainRecord, ChainStore
from marketbell.ports.jobs import new_run
from marketbell.ports.stores import LOCAL_OWNER, Firing, ScreenEvent, Watchlist
from marketbell.settings import load
from marketbell.wiring.worker import housekeeping as housekeeping_work

MINUTE = 60 * 10**9
APRIL_28 = 1_619_581_500 * 10**9


class Server:
    """A PostgreSQL that a test may kill and start again."""

    def __init__(self, folder: Path) -> None:
        self._embedded = EmbeddedPostgres(folder / "postgres", is_durable=True)
        self._embedded.prepare()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self._embedded.url

    def start(self) -> None:
        launch = self._embedded.launch()
        self._child = subprocess.Popen(
            launch.argv,
            env=dict(launch.env),
            cwd=launch.cwd,
            user=launch.uid,
            group=launch.gid,
            extra_groups=None if launch.uid is None else [],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(self._embedded.is_ready, within_s=60)

    def stop(self, signum: int) -> None:
        """SIGKILL goes to the whole group, as when a machine dies; the others to the postmaster."""
        if self._child is None:
            return
        if signum == signal.SIGKILL:
            os.killpg(self._child.pid, signum)
        else:
            self._child.send_signal(signum)
        self._child.wait(30)
        self._child = None


def wait_for(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def firing(number: int) -> Firing:
    return Firing(f"{number:032x}", "uid", "n", LOCAL_OWNER, 7, "NSE:X", number, {})


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("pg"))
    made.start()
    yield made
    made.stop(signal.SIGINT)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGQUIT], ids=["killed", "stopped at once"])
def test_no_committed_firing_is_lost_and_the_pool_finds_the_server_again(server: Server, signum: int) -> None:
    migrate.upgrade(server.url)
    stores = PostgresStores(server.url)
    committed: list[int] = []
    outages: list[Exception] = []

    def write() -> None:
        try:
            for number in range(1_000_000):
                stores.ledger.append([firing(number)], (0,), "e", number)
                committed.append(number)
        except StoreUnavailableError as error:
            outages.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    wait_for(lambda: len(committed) > 50)
    server.stop(signum)
    writer.join(20)
    assert len(outages) == 1
    with pytest.raises(StoreUnavailableError, match="did not answer"):
        stores.ping()

    server.start()
    stores.ping()
    kept = {found.event_time for found, _ in stores.ledger.firings(LOCAL_OWNER, limit=1_000_000)}
    assert kept >= set(committed)
    progress = stores.ledger.progress(0)
    assert progress is not None
    assert progress[1] == max(kept)
    stores.close()


def test_a_waiter_hears_of_the_outage_and_listens_again(server: Server) -> None:
    migrate.upgrade(server.url)
    stores = PostgresStores(server.url)
    assert not stores.ledger.wait(0.01)
    server.stop(signal.SIGKILL)
    with pytest.raises(StoreUnavailableError):
        stores.ledger.wait(5)
    server.start()
    assert not stores.ledger.wait(0.01)
    stores.ledger.append([firing(1)], (0,), "e", 1)
    assert stores.ledger.wait(10)
    stores.close()


def test_before_the_migration_the_store_is_unavailable_not_broken(postgres_url: str) -> None:
    stores = PostgresStores(postgres_url)
    stores.ping()
    with pytest.raises(StoreUnavailableError, match="not migrated"):
        stores.instruments.all()
    stores.close()


def test_connections_that_the_server_closed_are_replaced(postgres_stores: PostgresStores, migrated_url: str) -> None:
    barrier = threading.Barrier(4)

    def hold() -> None:
        with postgres_stores.database.transaction() as connection:
            connection.execute("SELECT 1")
            barrier.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(postgres_stores.database._idle) == 4
    with psycopg.connect(migrated_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    for _ in range(4):
        postgres_stores.ping()


def test_a_pool_that_is_busy_says_so(postgres_stores: PostgresStores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_BUSY_TIMEOUT_S", 0.05)
    with ExitStack() as taken:
        for _ in range(4):
            taken.enter_context(postgres_stores.database.transaction())
        with pytest.raises(StoreUnavailableError, match="busy"):
            postgres_stores.ping()
    postgres_stores.ping()


def add_a_user_and_fail(stores: PostgresStores) -> None:
    with stores.database.transaction() as connection:
        connection.execute("INSERT INTO people.users (user_id, name) VALUES ('x', 'x')")
        raise ZeroDivisionError


def test_an_error_rolls_back_and_gives_the_connection_back(postgres_stores: PostgresStores) -> None:
    for _ in range(10):
        with pytest.raises(UserError, match="cannot be stored"):
            postgres_stores.watchlists.put(Watchlist("w", LOCAL_OWNER, "a\x00b"))
        with pytest.raises(ZeroDivisionError):
            add_a_user_and_fail(postgres_stores)
    with postgres_stores.database.transaction() as connection:
        row = connection.execute("SELECT count(*) FROM people.users").fetchone()
    assert row == (1,)


def test_partitions_are_made_ahead_and_old_minutes_dropped(postgres_stores: PostgresStores) -> None:
    database = postgres_stores.database
    made = housekeeping.ensure_partitions(
        database, datetime(2030, 11, 15, tzinfo=UTC), datetime(2031, 1, 2, tzinfo=UTC)
    )
    assert made == [
        "bars_1m_p203011",
        "bars_1m_p203012",
        "bars_1m_p203101",
        "bars_1d_p2030",
        "bars_1d_p2031",
    ]
    assert (
        housekeeping.ensure_partitions(database, datetime(2030, 11, 15, tzinfo=UTC), datetime(2031, 1, 2, tzinfo=UTC))
        == []
    )

    put = {name: np.ones(3) for name in ("open", "high", "low", "close", "volume")} | {
        "instrument_id": np.full(3, 7),
        "start": np.array([APRIL_28 + i * 40 * 1_440 * MINUTE for i in range(3)]),
    }
    postgres_stores.bars.put("1m", put)
    postgres_stores.bars.put("1d", put)
    postgres_stores.sessions.create(LOCAL_OWNER, b"old", expires_at=1)
    postgres_stores.sessions.create(LOCAL_OWNER, b"new", expires_at=2**62)
    postgres_stores.idempotency.remember(LOCAL_OWNER, "old", b"", 200, b"", now=1)

    gone = housekeeping.retain(database, bars_1m_days=30, now=datetime(2021, 7, 17, tzinfo=UTC))
    assert {"bars_1m_p202104"} <= set(gone.partitions)
    assert (gone.idempotency, gone.sessions) == (1, 1)
    assert len(postgres_stores.bars.last(7, "1m", 10)["start"]) == 2
    assert len(postgres_stores.bars.last(7, "1d", 10)["start"]) == 3
    assert postgres_stores.sessions.owner(b"new", now=1) == LOCAL_OWNER

    postgres_stores.bars.put("1m", put)
    assert len(postgres_stores.bars.last(7, "1m", 10)["start"]) == 3


class NoChains(MemoryChains):
    """Their server is away."""

    def trim(self, before: int) -> int:
        raise StoreUnavailableError


def test_the_nightly_job_lets_old_chains_go_after_everything_else(postgres_stores: PostgresStores) -> None:
    clock = ManualClock(APRIL_28 + 100 * DAY_NS)
    nan = np.full(1, np.nan)
    side = Side.of(1, last=nan)
    old, newer, new = (
        Chain("NSE:NIFTY", date(2021, 9, 1), at, 1.0, np.ones(1), side, side)
        for at in (APRIL_28, APRIL_28 + MINUTE, APRIL_28 + 95 * DAY_NS)
    )
    postgres_stores.chains.put([ChainRecord(old), ChainRecord(newer), ChainRecord(new)])

    def forget(chains: ChainStore, **terms: str) -> dict[str, object]:
        settings = load(env={f"MARKETBELL_RETENTION__{name.upper()}": value for name, value in terms.items()})
        run = new_run("forget_old", clock.now(), now=clock.now())
        return housekeeping_work(settings, postgres_stores, chains, clock, [])["forget_old"](run, lambda *_: None)

    assert forget(postgres_stores.chains)["chains"] == 0, "kept for good where nobody says otherwise"
    assert forget(postgres_stores.chains, chains_days="30")["chains"] == 1
    assert postgres_stores.chains.times("NSE:NIFTY", None, 0, 2**62) == [newer.as_of, new.as_of]
    postgres_stores.sessions.create(LOCAL_OWNER, b"old", expires_at=1)
    with pytest.raises(StoreUnavailableError):
        forget(NoChains(), chains_days="30")
    with postgres_stores.database.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM people.sessions").fetchone() == (0,)


def test_who_came_to_a_screen_is_forgotten_by_the_age_of_the_record(postgres_stores: PostgresStores) -> None:
    long_ago = ScreenEvent("enter", 7, 1)  # of a replayed day
    postgres_stores.screens.put_events("s", [long_ago])

    def forgotten(after_days: int) -> int:
        now = datetime.now(UTC) + timedelta(days=after_days)
        return housekeeping.retain(postgres_stores.database, bars_1m_days=None, now=now).screen_events

    assert forgotten(after_days=364) == 0
    assert postgres_stores.screens.history("s", 0) == [long_ago]
    assert forgotten(after_days=366) == 1
    assert postgres_stores.screens.history("s", 0) == []


def test_two_writers_may_need_the_same_partition_at_once(migrated_url: str) -> None:
    put = {name: np.ones(200) for name in ("open", "high", "low", "close", "volume")} | {
        "start": np.arange(200) * 31 * 1_440 * MINUTE + 10**18
    }
    writers = [PostgresStores(migrated_url, connections=1) for _ in range(3)]
    failures: list[Exception] = []

    def write(number: int) -> None:
        try:
            writers[number].bars.put("1m", put | {"instrument_id": np.full(200, number)})
        except Exception as error:  # noqa: BLE001 — a thread's error is the test's result
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for number, stores in enumerate(writers):
        assert len(stores.bars.last(number, "1m", 1_000)["start"]) == 200
        stores.close()


def test_the_stores_work_under_gevent(migrated_url: str) -> None:
    """In a process of its own: patching is for good."""
    program = f"""
from gevent import monkey; monkey.patch_all()
import time
import gevent
from marketbell.adapters.stores.postgres import PostgresStores
stores = PostgresStores({migrated_url!r})
began = time.monotonic()
def slow():
    with stores.database.transaction() as connection:
        connection.execute("SELECT pg_sleep(1)")
gevent.joinall([gevent.spawn(slow) for _ in range(4)], raise_error=True)
assert time.monotonic() - began < 3, "the queries waited for each other"
waiter = gevent.spawn(stores.ledger.wait, 1.0)
stores.ping()
assert waiter.get(timeout=5) is False
stores.close()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
