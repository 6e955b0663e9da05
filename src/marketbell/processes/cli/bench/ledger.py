"""`marketbell bench ledger`: how fast an alert becomes durable, is claimed and arrives, beside a Celery task an alert.

PostgreSQL is real and syncs to disk, the broker is a real Valkey, the sender and the Celery worker are processes.
"""

import itertools
import logging
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
import redis
import structlog

from marketbell.processes.cli.bench import ledger_peer
from marketbell.processes.cli.bench.ledger_parts import Servers, celery_worker, receiver, sender, servers, until
from marketbell.processes.cli.bench.ledger_ticks import tick_to_durable
from marketbell.processes.cli.bench.rows import BenchRow, in_turn, seconds
from marketbell.wiring.bench import bench_planner, bench_stores

RUNS = 3
ALERTS = 2_000
BATCH = 50
"""Firings that a stream writes at once when much fires."""
CLAIMED = 100
LATENCIES = 200
PER_S = 20.0
PEER = "a Celery task an alert: Valkey, late ack, 2 processes"
_numbers = itertools.count()


def run() -> list[BenchRow]:
    """All rows, ours and the peer in turn."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with servers() as found:
        return [*_throughput(found), *_latency(found), *tick_to_durable(found)]


def _firings(count: int, notify: tuple[str, ...]) -> list[Any]:
    from marketbell.ports.ledger import Firing
    from marketbell.ports.stores import LOCAL_OWNER

    number = next(_numbers)
    values = {"condition": "close crosses above 1500", "sentence": "The price rose above 1500.", "value": 1500.05}
    return [
        Firing(
            f"{number:08x}{n:024x}", f"r{number}-{n}", "Breakout", LOCAL_OWNER, 1, "NSE:RELIANCE",
            1_700_000_000_000_000_000 + n, values, notify,
        )
        for n in range(count)
    ]  # fmt: skip


def _stores(found: Servers) -> Any:
    from marketbell.core.market.instrument import Instrument

    stores = bench_stores(found.database)
    stores.instruments.put([Instrument("NSE:RELIANCE", "Reliance Industries")])
    return stores


class _Rates:
    """Alerts and claims a second, each measured on call."""

    def __init__(self, found: Servers) -> None:
        from marketbell.ports.stores import LOCAL_OWNER, Channel

        self._found = found
        self.stores = _stores(found)
        self.stores.channels.put(Channel("bench", LOCAL_OWNER, "webhook", "bench", {"url": "https://127.0.0.1:9/"}))
        self._planner, self.app = bench_planner(self.stores), ledger_peer.make_app(found.valkey)
        self._place = itertools.count(1)
        self._database = psycopg.connect(found.database, autocommit=True)
        self._redis = redis.Redis.from_url(found.valkey)
        self._cpu: dict[str, list[float]] = {}
        self.others: tuple[int, ...] = ()
        """Processes of the peer."""

    def durable(self, batch: int, count: int = ALERTS) -> float:
        """Write so many a transaction, as the stream does."""
        firings = _firings(count, ("webhook:bench",))

        def work() -> None:
            for first in range(0, count, batch):
                self.stores.ledger.append(firings[first : first + batch], (0,), "bench", next(self._place))

        return count / self._timed("durable", work)

    def planned(self) -> float:
        """Write, and plan as the sender does when much has fired."""
        firings = _firings(ALERTS, ("webhook:bench",))

        def work() -> None:
            for first in range(0, ALERTS, BATCH):
                self.stores.ledger.append(firings[first : first + BATCH], (0,), "bench", next(self._place))
            while self._planner.run():
                pass

        return ALERTS / self._timed("planned", work)

    def settle_down(self) -> float:
        """Plan what `durable` left behind."""
        while self._planner.run():
            pass
        return 0.0

    def claims(self) -> float:
        """Take everything that is queued."""
        taken = 0
        began = time.perf_counter()
        while got := len(self.stores.ledger.claim(time.time_ns(), 600.0, CLAIMED)):
            taken += got
        return taken / (time.perf_counter() - began)

    def record(self) -> float:
        """Tasks that write an alert and its delivery."""
        body = {"rule": "Breakout", "instrument": "NSE:RELIANCE", "condition": "close crosses above 1500"}
        return self._tasks("record", self._recorded, body)

    def nothing(self) -> float:
        """Tasks that only count themselves."""
        return self._tasks("nothing", lambda: int(self._redis.get(ledger_peer.DONE) or 0))

    def _recorded(self) -> int:
        row = self._database.execute("SELECT count(*) FROM peer.alerts").fetchone()
        return int(row[0]) if row else 0

    def _tasks(self, name: str, done: Callable[[], int], *more: Any) -> float:
        wanted = done() + ALERTS
        firings = _firings(ALERTS, ())

        def work() -> None:
            with self.app.pool.acquire(block=True) as connection, self.app.amqp.Producer(connection) as producer:
                for one in firings:
                    self.app.send_task(name, (one.firing_id, *more), producer=producer)
            until(lambda: done() >= wanted, "the Celery tasks' end", 120.0, every_s=0.02)

        return ALERTS / self._timed(name, work)

    def _timed(self, name: str, work: Callable[[], None]) -> float:
        """Seconds of the clock; those of all CPUs are kept for `per_cpu`."""
        before = self._found.cpu_s(*self.others)
        took = seconds(work)
        self._cpu.setdefault(name, []).append(self._found.cpu_s(*self.others) - before)
        return took

    def per_cpu(self, name: str) -> float:
        """Alerts a second of CPU, everybody's that took part."""
        return ALERTS / statistics.median(self._cpu[name])

    def close(self) -> None:
        """Let go of connections."""
        self.stores.close()
        self.app.close()
        self._database.close()
        self._redis.close()


def _throughput(found: Servers) -> list[BenchRow]:
    """Alerts a second until they are durable with their deliveries; claims a second."""
    rates = _Rates(found)
    try:
        with celery_worker(found) as worker:
            rates.others = (worker,)
            durable, single, _, planned, claims, record, nothing = in_turn(
                RUNS,
                lambda: rates.durable(BATCH),
                lambda: rates.durable(1, ALERTS // 4),
                rates.settle_down,
                rates.planned,
                rates.claims,
                rates.record,
                rates.nothing,
            )
            per_cpu = {name: rates.per_cpu(name) for name in ("planned", "record")}
    finally:
        rates.close()
    case = f"alert durable, {BATCH} a transaction"
    whole = f"{case}, and its deliveries (inbox, webhook) planned"
    doing = f"{PEER}, which writes both in one transaction"
    idle = f"{PEER}, which does nothing"
    return [
        BenchRow(case, "alerts/s", durable, record, doing, 10.0),
        BenchRow(whole, "alerts/s", planned, record, doing),
        BenchRow(whole, "alerts/CPU-s", per_cpu["planned"], per_cpu["record"], doing, 10.0),
        BenchRow(whole, "alerts/s", planned, nothing, idle),
        BenchRow("alert durable, one a transaction", "alerts/s", single, record, doing),
        BenchRow(f"deliveries claimed under a lease, {CLAIMED} at once", "claims/s", claims, None, ""),
    ]


def _latency(found: Servers) -> list[BenchRow]:
    """From the moment at which a firing is handed to the ledger to the receiver's, at a gentle pace."""
    from marketbell.core.alerts.plan import delivery_id
    from marketbell.ports.stores import LOCAL_OWNER, Channel

    stores, app = _stores(found), ledger_peer.make_app(found.valkey)
    body = {"rule": "Breakout", "instrument": "NSE:RELIANCE", "value": 1500.05}
    place = itertools.count(1_000_000)
    try:
        with receiver() as heard, sender(found), celery_worker(found):
            stores.channels.put(Channel("hook", LOCAL_OWNER, "webhook", "hook", {"url": heard.url}))

            def ours(firing: Any) -> str:
                stores.ledger.append([firing], (0,), "bench", next(place))
                return delivery_id(firing.firing_id, "webhook", "hook")

            def peer(firing: Any) -> str:
                app.send_task("tell", (firing.firing_id, heard.url, body))
                return str(firing.firing_id)

            def measured(hand_over: Callable[[Any], str], count: int) -> list[float]:
                began: dict[str, float] = {}
                for firing in _firings(count, ("webhook:hook",)):
                    at = time.perf_counter()
                    began[hand_over(firing)] = at
                    time.sleep(max(0.0, at + 1 / PER_S - time.perf_counter()))
                until(lambda: began.keys() <= heard.came.keys(), "the last message", 60.0)
                return [(heard.came[key] - at) * 1_000 for key, at in began.items()]

            measured(ours, 20)
            measured(peer, 20)
            our_ms, peer_ms = measured(ours, LATENCIES), measured(peer, LATENCIES)
    finally:
        stores.close()
        app.close()
    case = f"firing handed over to accepted by a webhook, {PER_S:.0f} a second"
    return [
        BenchRow(
            f"{case}: p{percent}", "ms", float(np.percentile(our_ms, percent)), float(np.percentile(peer_ms, percent)),
            f"{PEER}, which records and POSTs it", higher_is_better=False,
        )
        for percent in (50, 99)
    ]  # fmt: skip
