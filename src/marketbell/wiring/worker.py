"""What scheduled work needs: the store of runs, what each job does, and whom its progress is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from marketbell.core.primitives.errors import UnavailableError
from marketbell.flows.jobs.catalogue import BACKTEST, NS, PULSE, Job, catalogue
from marketbell.flows.jobs.documents import JOB, document
from marketbell.flows.jobs.fundamentals import refresher
from marketbell.flows.jobs.running import BusyError, Report, Runner, StoppedError, Work
from marketbell.ports.cache import Cache
from marketbell.ports.chains import ChainStore
from marketbell.ports.clock import Clock
from marketbell.ports.jobs import JobStore, Run
from marketbell.settings import Settings
from marketbell.wiring.secrets import required

if TYPE_CHECKING:
    from marketbell.adapters.stores.postgres import PostgresStores

AHEAD = timedelta(days=62)
DAY_NS = 86_400 * NS
ARCHIVED_AT_ONCE = 1_000
OWN_END_S = 60.0
"""What has a process of its own is ended by its caller so long before the worker itself would have to end."""
MARKET = "market"
"""The topic that the live process follows."""


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """`runner` does runs by id; `stop` ends what takes long, `close` lets go of connections."""

    jobs: Sequence[Job]
    runner: Runner
    store: JobStore
    cache: Cache
    clock: Clock
    stop: Callable[[], None]
    close: Callable[[], None]


@dataclass(frozen=True, slots=True)
class BeatParts:
    """The clockwork's."""

    jobs: Sequence[Job]
    store: JobStore
    cache: Cache
    clock: Clock
    close: Callable[[], None]


def build_worker(settings: Settings) -> WorkerParts:
    """Real parts by the settings' URLs. Nothing connects before its first use."""
    from marketbell.adapters.bus.redis import RedisBus
    from marketbell.adapters.cache.redis import RedisCache
    from marketbell.adapters.clock.system import SystemClock
    from marketbell.adapters.stores.postgres import PostgresStores
    from marketbell.wiring.chains import build_chains
    from marketbell.wiring.preview import PreviewProcess

    url = required(settings.database_url, "database_url")
    stores = PostgresStores(url, connections=3)
    chains = build_chains(settings, stores, connections=1)
    cache = RedisCache(required(settings.cache_url, "cache_url"))
    bus = RedisBus(required(settings.redis_url, "redis_url"))
    clock = SystemClock()
    trying = PreviewProcess(url, settings.mongodb_url)
    jobs = catalogue(settings.jobs.pulse_every_s)
    limits = {job.name: job.limit_s for job in jobs}

    def told(run: Run) -> None:
        if run.job == PULSE:
            return
        try:
            bus.publish(MARKET, 0, orjson.dumps({"type": JOB, **document(run)}))
        except UnavailableError:
            return  # progress is for those who watch; it stands in the store all the same

    work: dict[str, Work] = {
        **housekeeping(settings, stores, chains, clock, jobs),
        PULSE: lambda _run, _report: {},
        "refresh_fundamentals": refresher(cache, clock),
        BACKTEST: backtests(trying.at_length, limits[BACKTEST] - OWN_END_S, lambda: trying.is_stopped),
    }

    def close() -> None:
        trying.close()
        chains.close()
        stores.close()
        cache.close()
        bus.close()

    by_name = {job.name: job for job in jobs}
    return WorkerParts(
        jobs, Runner(stores.jobs, by_name, work, clock, told), stores.jobs, cache, clock, trying.stop, close
    )


def housekeeping(
    settings: Settings, stores: "PostgresStores", chains: ChainStore, clock: Clock, jobs: Sequence[Job]
) -> Mapping[str, Work]:
    """What keeps the stores in order."""
    from marketbell.adapters.stores.postgres.housekeeping import ensure_partitions, retain

    def now() -> datetime:
        return datetime.fromtimestamp(clock.now() / 1e9, UTC)

    def make_partitions(_run: Run, _report: Report) -> dict[str, Any]:
        return {"made": ensure_partitions(stores.database, now(), now() + AHEAD)}

    def forget_old(_run: Run, _report: Report) -> dict[str, Any]:
        gone = retain(stores.database, bars_1m_days=settings.retention.bars_1m_days, now=now())
        runs = sum(stores.jobs.forget(job.name, clock.now() - int(job.keep_s * NS)) for job in jobs)
        # Last: chains may be on a server of their own, and its outage must leave nothing else undone.
        days = settings.retention.chains_days
        forgotten = chains.trim(clock.now() - days * DAY_NS) if days else 0
        return {
            "partitions": list(gone.partitions),
            "answers": gone.idempotency,
            "sessions": gone.sessions,
            "screen_events": gone.screen_events,
            "runs": runs,
            "chains": forgotten,
        }

    def archive_ledger(_run: Run, report: Report) -> dict[str, Any]:
        before = clock.now() - settings.retention.archive_after_days * DAY_NS
        moved = last = stores.ledger.archive(before, ARCHIVED_AT_ONCE)
        while last == ARCHIVED_AT_ONCE:
            report(0.0, f"{moved} moved")
            last = stores.ledger.archive(before, ARCHIVED_AT_ONCE)
            moved += last
        return {"firings": moved}

    return {"make_partitions": make_partitions, "forget_old": forget_old, "archive_ledger": archive_ledger}


def backtests(try_at_length: Callable[..., dict[str, Any]], limit_s: float, is_stopped: Callable[[], bool]) -> Work:
    """A rule on the past, in a process of its own. Another one under way: the run waits for its turn.

    Where that process dies because we stop, the run is the next worker's; where it dies by itself, it has failed.
    """
    from marketbell.wiring.preview import PreviewBusyError, PreviewGoneError

    def work(run: Run, report: Report) -> dict[str, Any]:
        try:
            return try_at_length(run.args, limit_s, report)
        except PreviewBusyError as error:
            raise BusyError(error.message) from error
        except PreviewGoneError as error:
            if is_stopped():
                raise StoppedError(error.message) from error
            raise

    return work


def build_beat(settings: Settings) -> BeatParts:
    """The clockwork needs the runs, and the cache for its heartbeat."""
    from marketbell.adapters.cache.redis import RedisCache
    from marketbell.adapters.clock.system import SystemClock
    from marketbell.adapters.stores.postgres.connections import Database
    from marketbell.adapters.stores.postgres.jobs import PostgresJobs

    database = Database(required(settings.database_url, "database_url"), size=1)
    cache = RedisCache(required(settings.cache_url, "cache_url"))

    def close() -> None:
        database.close()
        cache.close()

    return BeatParts(catalogue(settings.jobs.pulse_every_s), PostgresJobs(database), cache, SystemClock(), close)
