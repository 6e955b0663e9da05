"""Series for charts: answers who asks, and tells each change while somebody looks.

The values are those of the engine's functions over stored bars, bars that closed since, and the forming one.
Nothing here takes part in decisions or in checkpoints. One thread does all of it but `take`, `forming` and
`forget`, which the stream's own thread calls; those only put things down.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import orjson
import structlog
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.primitives.errors import BusUnavailableError, StoreUnavailableError, UserError
from marketbell.flows.stream.documents import dumps
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.series import FORGET_S, HAVE, HAVE_S, WANTS, SeriesRequest
from marketbell.ports.stores import BarStore

log = structlog.stdlib.get_logger("stream.charts")

BARS = ("start", "open", "high", "low", "close", "volume", "trades", "vwap")
MOST_MINUTES = 20_000
MOST_DAYS = 5_000
_TOLD = 3
"""Newest points of a series in each message: the forming bar, and those that closed since the last one."""
_EVERY_S = 0.25
_LOOK_S = 0.1
_MOST_REQUESTS = 200
_SETTLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Values at each start, oldest first; the last is forming where `is_forming`. `types` are the language's."""

    starts: NDArray[np.int64]
    is_forming: bool
    values: Sequence[NDArray[np.float64]]
    types: Sequence[str]


class Evaluator(Protocol):
    """Expressions over one instrument's bars. UserError for what cannot be evaluated."""

    def bars_needed(self, timeframe: Timeframe, expressions: Sequence[str], limit: int) -> tuple[int, int]:
        """How many minute and day bars the newest `limit` values rest on."""

    def evaluate(
        self,
        instrument: Instrument,
        timeframe: Timeframe,
        expressions: Sequence[str],
        minutes: Columns,
        days: Columns,
        forming: tuple[bool, bool],
    ) -> Evaluated:
        """Values at all bars of the timeframe. `forming`: whether the last minute, the last day are open."""


@dataclass(slots=True)
class _Bars:
    """One instrument's closed bars in memory, and its forming minute and day."""

    instrument: Instrument
    minutes: Columns
    days: Columns
    minute: dict[str, float] | None = None
    day: dict[str, float] | None = None
    event_time: int = 0
    loaded: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class _Live:
    """A request that is being answered."""

    request: SeriesRequest
    answered: str = ""
    has_news: bool = False
    told_at: float = float("-inf")


@dataclass(slots=True)
class _Inbox:
    """What the stream's thread puts down."""

    bars: list[tuple[str, Columns]] = field(default_factory=list)
    forming: dict[int, dict[str, Any]] = field(default_factory=dict)
    is_new_run: bool = False
    """What was held before is of another run."""


class Charts:
    """See the module. `instrument_of(id)` is None for what this process does not own."""

    def __init__(
        self,
        cache: Cache,
        bars: BarStore,
        clock: Clock,
        evaluator: Evaluator,
        instrument_of: Callable[[int], Instrument | None],
        say: Callable[[bytes], None],
        is_settled: Callable[[], bool],
    ) -> None:
        """`say` publishes a document; `is_settled` tells that every closed bar is in the store."""
        self._cache = cache
        self._store = bars
        self._clock = clock
        self._evaluator = evaluator
        self._instrument_of = instrument_of
        self._say = say
        self._is_settled = is_settled
        self._lock = threading.Lock()
        self._inbox = _Inbox()
        self._wanted: frozenset[int] = frozenset()
        self._bars: dict[int, _Bars] = {}
        self._live: dict[str, _Live] = {}
        self._looked_at = float("-inf")
        self.error = ""

    # --- the stream's thread ----------------------------------------------------------------------------

    @property
    def wanted(self) -> frozenset[int]:
        """Ids of the instruments that somebody looks at."""
        return self._wanted

    def take(self, timeframe: str, bars: Columns) -> None:
        """Bars that closed ('1m' or '1d')."""
        if not self._wanted or not len(bars["start"]):
            return
        mine = np.isin(bars["instrument_id"], np.fromiter(self._wanted, np.int64))
        if mine.any():
            with self._lock:
                self._inbox.bars.append((timeframe, {name: column[mine] for name, column in bars.items()}))

    def forming(self, instrument_id: int, row: dict[str, Any]) -> None:
        """The newest row of a wanted instrument, by the registry's names."""
        with self._lock:
            self._inbox.forming[instrument_id] = row

    def forget(self) -> None:
        """Another run began: nothing of the old one holds."""
        with self._lock:
            self._inbox = _Inbox(is_new_run=True)

    # --- the charts' thread -----------------------------------------------------------------------------

    def step(self) -> bool:
        """Look for requests, answer new ones, tell what changed. False when there was nothing to do."""
        steady = self._clock.monotonic()
        did_work = False
        try:
            if steady - self._looked_at >= _LOOK_S:
                self._looked_at = steady
                self._look()
            self._drain()
            for live in list(self._live.values()):
                if live.answered != live.request.nonce:
                    self._answer(live)
                    did_work = True
            did_work |= self._tell(steady)
            self.error = ""
        except (BusUnavailableError, StoreUnavailableError) as error:
            if not self.error:
                log.warning("charts.delayed", error=error.message)
            self.error = error.message
        return did_work

    def _look(self) -> None:
        """Requests that still hold; the others are forgotten."""
        now = self._clock.now()
        asked: dict[str, SeriesRequest] = {}
        for name, value in self._cache.fields(WANTS).items():
            request = SeriesRequest.from_dict(orjson.loads(value))
            if now - request.asked_at > FORGET_S * 1e9 or len(asked) >= _MOST_REQUESTS:
                if (
                    self._instrument_of(request.instrument_id) is not None
                    or now - request.asked_at > 2 * FORGET_S * 1e9
                ):
                    self._cache.drop_fields(WANTS, [name])
                continue
            if self._instrument_of(request.instrument_id) is not None:
                asked[name] = request
        for name in self._live.keys() - asked.keys():
            del self._live[name]
        for name, request in asked.items():
            live = self._live.setdefault(name, _Live(request))
            live.request = request
        wanted = frozenset(live.request.instrument_id for live in self._live.values())
        for gone in self._bars.keys() - wanted:
            del self._bars[gone]
        self._wanted = wanted

    def _drain(self) -> None:
        with self._lock:
            inbox, self._inbox = self._inbox, _Inbox()
        if inbox.is_new_run:
            self._bars.clear()
            for live in self._live.values():
                live.answered = ""
        changed: set[int] = set()
        for timeframe, bars in inbox.bars:
            for ident in np.unique(bars["instrument_id"]).tolist():
                held = self._bars.get(ident)
                if held is None:
                    continue
                mine = bars["instrument_id"] == ident
                new = {name: bars[name][mine] for name in BARS}
                if timeframe == "1m":
                    held.minutes = _joined(held.minutes, new, MOST_MINUTES)
                else:
                    held.days = _joined(held.days, new, MOST_DAYS)
                changed.add(ident)
        for ident, row in inbox.forming.items():
            held = self._bars.get(ident)
            if held is not None:
                held.minute, held.day = _forming_minute(row), _forming_day(row, held.days)
                held.event_time = int(row.get("event_time") or 0)
                changed.add(ident)
        for live in self._live.values():
            live.has_news |= live.request.instrument_id in changed

    def _answer(self, live: _Live) -> None:
        request = live.request
        live.answered = request.nonce
        answer: dict[str, Any] = {"nonce": request.nonce}
        try:
            found, event_time = self._evaluated(request)
            answer |= {
                "starts": found.starts[-request.limit :].tolist(),
                "is_forming": found.is_forming,
                "series": [
                    {"expression": text, "type": type_, "values": values[-request.limit :].tolist()}
                    for text, type_, values in zip(request.expressions, found.types, found.values, strict=True)
                ],
                "as_of": event_time or None,
            }
        except UserError as error:
            answer |= {"error": error.message, "field": str(error.facts.get("field", "expressions"))}
        except StoreUnavailableError:
            live.answered = ""  # asked again when the store is back
            raise
        self._cache.set(HAVE + request.request_id, dumps(answer), ttl_s=HAVE_S)

    def _evaluated(self, request: SeriesRequest) -> tuple[Evaluated, int]:
        """The values, and the event time of the newest row that they know of."""
        timeframe = Timeframe.parse(request.timeframe)
        needed = self._evaluator.bars_needed(timeframe, request.expressions, request.limit)
        held = self._load(request.instrument_id, (min(needed[0], MOST_MINUTES), min(needed[1], MOST_DAYS)))
        minutes, has_minute = _with_forming(held.minutes, held.minute)
        days, has_day = _with_forming(held.days, held.day)
        event_time = held.event_time
        found = self._evaluator.evaluate(
            held.instrument, timeframe, request.expressions, minutes, days, (has_minute, has_day)
        )
        return found, event_time

    def _load(self, ident: int, needed: tuple[int, int]) -> _Bars:
        """The instrument's bars, from the store where more are needed than are held."""
        held = self._bars.get(ident)
        if held is not None and held.loaded[0] >= needed[0] and held.loaded[1] >= needed[1]:
            return held
        instrument = self._instrument_of(ident)
        if instrument is None:
            raise UserError("this instrument is not known any more")
        if held is None:
            # Known from here on, so that bars that close while the store is read are not missed.
            held = self._bars[ident] = _Bars(instrument, _no_bars(), _no_bars())
            self._wanted |= {ident}
        until = self._clock.monotonic() + _SETTLE_S
        while not self._is_settled() and self._clock.monotonic() < until:
            self._clock.sleep(0.01)
        minutes = self._store.last(ident, "1m", needed[0]) if needed[0] else _no_bars()
        days = self._store.last(ident, "1d", needed[1]) if needed[1] else _no_bars()
        held.minutes = _joined({name: minutes[name] for name in BARS}, held.minutes, MOST_MINUTES)
        held.days = _joined({name: days[name] for name in BARS}, held.days, MOST_DAYS)
        held.loaded = (max(needed[0], held.loaded[0]), max(needed[1], held.loaded[1]))
        self._drain()
        return held

    def _tell(self, steady: float) -> bool:
        """Newest points of what changed, at most four times a second for each request."""
        due = [live for live in self._live.values() if live.has_news and steady - live.told_at >= _EVERY_S]
        documents: dict[str, dict[str, Any]] = {}
        for live in due:
            request = live.request
            live.told_at, live.has_news = steady, False
            try:
                found, _ = self._evaluated(request)
            except UserError:
                continue  # who asked was told
            last = slice(-_TOLD, None)
            columns = [found.starts[last].tolist(), *(values[last].tolist() for values in found.values)]
            documents.setdefault(request.instrument, {})[request.request_id] = {
                "is_forming": found.is_forming,
                "points": [list(point) for point in zip(*columns, strict=True)],
            }
        for key, sets in documents.items():
            self._say(dumps({"type": "series", "instrument": key, "sets": sets}))
        return bool(due)


def _no_bars() -> Columns:
    return {name: np.empty(0, np.int64 if name in {"start", "trades"} else np.float64) for name in BARS}


def _joined(old: Columns, new: Columns, most: int) -> Columns:
    """Both in order of start, newest `most`; of two with the same start the newer one stands."""
    if not len(new["start"]):
        return old
    whole = {name: np.concatenate([old[name], new[name]]) for name in BARS}
    starts = whole["start"]
    order = np.argsort(starts, kind="stable")
    is_last = np.append(starts[order][1:] != starts[order][:-1], True)
    kept = order[is_last][-most:]
    return {name: column[kept] for name, column in whole.items()}


def _forming_minute(row: Mapping[str, Any]) -> dict[str, float] | None:
    start = row.get("bar.start") or 0
    if not start:
        return None
    found = {name: row[f"bar.{name}"] for name in ("open", "high", "low", "close", "volume")}
    return found | {"start": start, "trades": 0, "vwap": np.nan}


def _forming_day(row: Mapping[str, Any], days: Columns) -> dict[str, float] | None:
    """The day so far; it is labelled by its session's open, `day.start`."""
    start = row.get("day.start") or 0
    if not start or not row.get("event_time") or (len(days["start"]) and days["start"][-1] >= start):
        return None
    found = {name: row[f"day.{name}"] for name in ("open", "high", "low", "volume")}
    return found | {"start": start, "close": row["close"], "trades": 0, "vwap": row["vwap"]}


def _with_forming(bars: Columns, forming: Mapping[str, float] | None) -> tuple[Columns, bool]:
    if forming is None or (len(bars["start"]) and bars["start"][-1] >= forming["start"]):
        return bars, False
    last = {name: np.array([forming[name]], bars[name].dtype) for name in BARS}
    return {name: np.concatenate([bars[name], last[name]]) for name in BARS}, True
