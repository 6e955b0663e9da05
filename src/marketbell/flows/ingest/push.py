"""Market data that somebody sends us: judged row by row, accepted rows to the log, the others to `dead`.

Only what cannot be read at all is refused here (names, types, times); a price that is wrong or a tick
that is late is the engine's to judge, so that it is counted on Data health like any other.
"""

import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import structlog

from marketbell.core.columns.frame import FrameKind
from marketbell.core.market.instrument import Instrument
from marketbell.core.options.chain import Chain
from marketbell.core.primitives.errors import BusUnavailableError, UnavailableError
from marketbell.flows.ingest.frames import Entry, chain_entries, producer_id, rows_entries, trade_columns
from marketbell.flows.ingest.library import Library
from marketbell.flows.ingest.log import LogWriter
from marketbell.flows.ingest.paced import PUSHED
from marketbell.flows.ingest.preamble import Preamble
from marketbell.flows.ingest.pushed_chains import MAX_CHAINS, read_chain
from marketbell.flows.ingest.rows import RowError, integer_of, key_of, kind_of, number_of, time_of
from marketbell.flows.ingest.universe import Directory
from marketbell.ports.bus import Bus
from marketbell.ports.clock import Clock

log = structlog.stdlib.get_logger("ingest.push")

DEAD = "dead"
DEAD_RETENTION = 10_000
MAX_ROWS = 100_000
_CALENDARS = {"NSE": "XNSE", "US": "XNYS"}
_CURRENCIES = {"NSE": "INR", "US": "USD"}
_TIMEFRAMES = {"1m": 60, "1d": 86_400, 60: 60, 86_400: 86_400}
_ROWS_A_FRAME = 1_024


class BehindError(UnavailableError):
    """The stream is behind: send again later."""

    code = "behind"


@dataclass(slots=True)
class Verdict:
    """How many rows were taken, and why the others were not. `index` counts from 0 in the order sent."""

    accepted: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For the answer."""
        return {"accepted": self.accepted, "rejected": self.rejected}


class PushGate:
    """Takes rows as mappings of names to plain values. Threads may share it."""

    def __init__(
        self,
        writer: LogWriter,
        bus: Bus,
        directory: Directory,
        library: Library,
        clock: Clock,
        *,
        hold_frames: int,
        lag: Callable[[], int],
    ) -> None:
        self._writer = writer
        self._bus = bus
        self._directory = directory
        self._library = library
        self._clock = clock
        self._hold_frames = hold_frames
        self._lag = lag
        self._lock = threading.Lock()
        # A name for this process's life: positions begin at 0 and nobody mistakes them for older ones.
        self._producer = producer_id(f"push:{uuid.uuid4()}")
        self._position = 0
        self._has_dead_topic = False
        self.accepted = 0
        self.rejected = 0
        self.last_event = 0

    def check_room(self) -> None:
        """BehindError while the stream is far behind or frames already wait on disk."""
        if not self._writer.is_open or self._writer.spill_fill > 0.5 or self._lag() > self._hold_frames:
            raise BehindError

    def ticks(self, rows: Sequence[Any]) -> Verdict:
        """Rows: instrument (VENUE:SYMBOL), event_time, price, and volume (cumulative), size, trade_id."""
        return self._take(rows, _tick, self._publish_ticks)

    def bars(self, rows: Sequence[Any]) -> Verdict:
        """Rows: instrument, timeframe (1m, 1d), start, open, high, low, close, volume."""
        return self._take(rows, _bar, self._publish_bars)

    def chains(self, rows: Sequence[Any]) -> Verdict:
        """Option chains in the shape of `Chain.as_dict`; see pushed_chains."""
        now = self._clock.now()

        def read(row: Mapping[str, Any]) -> dict[str, Any]:
            chain, kind = read_chain(row, now)
            return {"instrument": chain.underlying, "kind": kind, "chain": chain}

        return self._take(rows, read, self._publish_chains)

    def _take(
        self,
        rows: Sequence[Any],
        read: Callable[[Mapping[str, Any]], dict[str, Any]],
        publish: Callable[[list[dict[str, Any]]], None],
    ) -> Verdict:
        self.check_room()
        verdict = Verdict()
        good: list[dict[str, Any]] = []
        dead: list[bytes] = []
        now = self._clock.now()
        for index, row in enumerate(rows):
            try:
                if not isinstance(row, Mapping):
                    raise RowError("a row is an object", "")  # noqa: TRY301 — one place answers every bad row
                good.append(read(row))
            except RowError as error:
                verdict.rejected.append({"index": index, "reason": error.reason, "field": error.name})
                dead.append(_letter(row, error, now))
        with self._lock:
            if good:
                self._introduce(good)
                publish(good)
            self.accepted += len(good)
            self.rejected += len(dead)
        verdict.accepted = len(good)
        self._bury(dead)
        return verdict

    def _introduce(self, rows: list[dict[str, Any]]) -> None:
        """Unknown instruments become known: to the log first, then to the store."""
        new: dict[str, Instrument] = {}
        for row in rows:
            key = row["instrument"]
            if self._directory.get(key) is None and key not in new:
                venue = key.partition(":")[0]
                new[key] = Instrument(
                    key=key,
                    name=key.partition(":")[2],
                    kind=row.get("kind") or "equity",
                    currency=_CURRENCIES.get(venue, "USD"),
                    calendar=_CALENDARS.get(venue, "24/7"),
                    tick_size=0.05 if venue == "NSE" else 0.01,
                    source=PUSHED,
                )
        if new:
            self._directory.add(new.values())
            preamble = Preamble(self._writer.partitions, self._directory.partition, self._clock.now())
            self._writer.publish(preamble.instruments(new.values()))
            self._library.put_instruments(list(new.values()))
            log.info("instruments.introduced", count=len(new), instruments=list(new)[:10])

    def _publish_ticks(self, rows: list[dict[str, Any]]) -> None:
        count = len(rows)
        columns = trade_columns(
            {
                "instrument_id": [self._id(row) for row in rows],
                "event_time": [row["event_time"] for row in rows],
                "ingest_time": np.full(count, self._clock.now()),
                "price": [row["price"] for row in rows],
                "volume": [row["volume"] for row in rows],
                "size": [row["size"] for row in rows],
                "trade_id": [row["trade_id"] for row in rows],
                "flags": np.zeros(count),
            }
        )
        self.last_event = max(self.last_event, int(columns["event_time"].max()))
        self._publish(FrameKind.TRADE, columns, {})

    def _publish_bars(self, rows: list[dict[str, Any]]) -> None:
        names = ("open", "high", "low", "close", "volume")
        columns: dict[str, Any] = {
            "instrument_id": np.array([self._id(row) for row in rows], "<i8"),
            "timeframe_s": np.array([row["timeframe_s"] for row in rows], "<i4"),
            "start": np.array([row["start"] for row in rows], "<i8"),
        }
        columns |= {name: np.array([row[name] for row in rows], "<f8") for name in names}
        self._publish(FrameKind.BAR, columns, {"role": "source"})

    def _publish_chains(self, rows: list[dict[str, Any]]) -> None:
        """In the order of time, of one moment the nearest expiry first."""
        found: Iterable[Chain] = (row["chain"] for row in rows)
        chains = sorted(found, key=lambda one: (one.as_of, one.expiry))
        first, self._position = self._position, self._position + len(chains)
        entries = chain_entries(
            chains,
            partitions=self._writer.partitions,
            partition_of=self._directory.partition,
            producer=self._producer,
            first=first,
        )
        self.last_event = max(self.last_event, chains[-1].as_of)
        try:
            self._writer.publish(entries)
        except UnavailableError:
            self._position = first
            raise

    def _publish(self, kind: FrameKind, columns: dict[str, Any], payload: dict[str, Any]) -> None:
        entries: list[Entry] = []
        count = len(columns["instrument_id"])
        for at in range(0, count, _ROWS_A_FRAME):
            part = {name: column[at : at + _ROWS_A_FRAME] for name, column in columns.items()}
            first = self._position
            self._position += len(part["instrument_id"])
            entries += rows_entries(
                kind,
                part,
                partitions=self._writer.partitions,
                partition_of=self._directory.partition,
                producer=self._producer,
                first=first,
                last=self._position,
                payload=payload,
            )
        try:
            self._writer.publish(entries)
        except UnavailableError:
            self._position -= count
            raise

    def _id(self, row: Mapping[str, Any]) -> int:
        known = self._directory.get(row["instrument"])
        assert known is not None, "introduced before"  # noqa: S101 — `_introduce` ran
        return int(known.instrument_id)

    def _bury(self, letters: list[bytes]) -> None:
        """Keep rejected rows with their reasons. The sender knows them already: an outage loses only our copy."""
        if not letters:
            return
        try:
            if not self._has_dead_topic:
                self._bus.ensure_topic(DEAD, 1, DEAD_RETENTION)
                self._has_dead_topic = True
            self._bus.publish_many(DEAD, [(0, letter) for letter in letters])
        except BusUnavailableError as error:
            self._has_dead_topic = False
            log.warning("dead_letters.lost", count=len(letters), error=error.message)

    def document(self) -> dict[str, Any]:
        """The push endpoints as Data health shows them."""
        return {
            "name": "push",
            "label": "Pushed over HTTP",
            "kind": "push",
            "is_simulated": False,
            "supports": ["trades", "bars", "chains"],
            "limits": f"{MAX_ROWS} rows or {MAX_CHAINS} chains a request",
            "tested": "contract tests of the endpoints",
            "calendar": "XNSE",
            "state": "running" if self.accepted else "idle",
            "position": self._position,
            "clock": self._clock.now(),
            "last_event_time": self.last_event or None,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "error": None,
        }


def _letter(row: Any, error: RowError, now: int) -> bytes:
    body = {"source": "push", "reason": error.reason, "field": error.name, "row": row, "received_at": now}
    option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(body, default=str, option=option)
    except TypeError:
        # what JSON cannot say (a number beyond 64 bits) is kept as Python writes it
        return orjson.dumps(body | {"row": repr(row)}, option=option)


def _tick(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "instrument": key_of(row),
        "kind": kind_of(row),
        "event_time": time_of(row, "event_time"),
        "price": number_of(row, "price"),
        "volume": number_of(row, "volume", default=np.nan),
        "size": number_of(row, "size", default=np.nan),
        "trade_id": integer_of(row, "trade_id", default=-1),
    }


def _bar(row: Mapping[str, Any]) -> dict[str, Any]:
    timeframe = row.get("timeframe", "1m")
    seconds = _TIMEFRAMES.get(timeframe) if isinstance(timeframe, (str, int)) else None
    if seconds is None:
        raise RowError("timeframe is 1m or 1d", "timeframe")
    prices = {name: number_of(row, name) for name in ("open", "high", "low", "close")}
    return {
        "instrument": key_of(row),
        "kind": kind_of(row),
        "timeframe_s": seconds,
        "start": time_of(row, "start"),
        "volume": number_of(row, "volume", default=np.nan),
        **prices,
    }
