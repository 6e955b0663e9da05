"""Option chains as documents of MongoDB: `chains`, one document a chain.

    {_id: "NSE:NIFTY 2026-08-25 1787123700000000000", underlying, expiry: "2026-08-25", as_of, spot,
     is_simulated, metrics: {pcr_oi: …}, chain: {…}}

Two compound indexes carry every question: (underlying, expiry, as_of descending) the newest up to a moment,
(underlying, as_of, expiry) what lies in a stretch of time. What people write reaches the server as values alone, never
as a key, a field path or an operator.
"""

import math
import threading
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel, ReplaceOne

from marketbell.adapters.stores.mongo.connection import Document, Line
from marketbell.core.options.chain import Chain
from marketbell.ports.chains import DAY_NS, ChainRecord, MetricsAt, plain_metrics, spaced

COLLECTION = "chains"
_NEWEST = [("underlying", ASCENDING), ("expiry", ASCENDING), ("as_of", DESCENDING)]
_BY_TIME = [("underlying", ASCENDING), ("as_of", ASCENDING), ("expiry", ASCENDING)]
_INDEXES = (IndexModel(_NEWEST, name="newest", unique=True), IndexModel(_BY_TIME, name="by_time"))
_EPOCH = date(1970, 1, 1)


class MongoChains:
    """Chains in MongoDB. The indexes are made before the first question."""

    kind = "mongodb"

    def __init__(self, url: str, connections: int = 4) -> None:
        self._line = Line(url, connections)
        self._chains = self._line.collection(COLLECTION)
        self._lock = threading.Lock()
        self._is_ready = False

    def ping(self) -> None:
        """StoreUnavailableError where the server does not answer, refuses us or is too old."""
        self._line.check()

    def close(self) -> None:
        """Let go of the connections."""
        self._line.close()

    def put(self, records: Sequence[ChainRecord]) -> None:
        """Keep chains, each whole or not at all; of one moment the later stays."""
        if not records:
            return
        documents = [_document(record) for record in records]
        self._prepare()
        with self._line.asking():
            self._chains.bulk_write([ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in documents])

    def underlyings(self) -> list[str]:
        """Keys of what has chains, in order."""
        self._prepare()
        with self._line.asking():
            return sorted(self._chains.distinct("underlying"))

    def expiries(self, underlying: str, as_of: int | None = None) -> list[tuple[date, int]]:
        """Expiries with their newest moment, in order."""
        self._prepare()
        wanted: Document = {"underlying": {"$eq": str(underlying)}}
        if as_of is not None:
            wanted["expiry"] = {"$gte": _day(as_of).isoformat()}
        found = []
        with self._line.asking():
            for expiry in sorted(self._chains.distinct("expiry", wanted)):
                newest = self._chains.find_one(
                    _up_to(underlying, expiry, as_of), {"_id": 0, "as_of": 1}, sort=_NEWEST, hint="newest"
                )
                if newest:
                    found.append((date.fromisoformat(expiry), int(newest["as_of"])))
        return found

    def latest(self, underlying: str, expiry: date, as_of: int | None = None) -> ChainRecord | None:
        """The newest chain at or before `as_of`."""
        self._prepare()
        with self._line.asking():
            found = self._chains.find_one(
                _up_to(underlying, expiry.isoformat(), as_of),
                {"chain": 1, "metrics": 1, "is_simulated": 1},
                sort=_NEWEST,
                hint="newest",
            )
        if found is None:
            return None
        return ChainRecord(Chain.from_dict(found["chain"]), found["metrics"], bool(found["is_simulated"]))

    def times(self, underlying: str, expiry: date | None, start: int, end: int) -> list[int]:
        """Moments in [start, end) that have a chain, rising."""
        self._prepare()
        stages = [{"$match": _between(underlying, expiry, start, end)}, {"$group": {"_id": "$as_of"}}]
        with self._line.asking():
            return sorted(int(one["_id"]) for one in self._chains.aggregate(stages))

    def series(
        self, underlying: str, expiry: date | None, start: int, end: int, names: Sequence[str] = (), limit: int = 5_000
    ) -> list[MetricsAt]:
        """Metrics by time and expiry."""
        self._prepare()
        metrics: Any = "$metrics"
        if names:
            some = {"input": {"$objectToArray": "$metrics"}, "cond": {"$in": ["$$this.k", {"$literal": list(names)}]}}
            metrics = {"$arrayToObject": {"$filter": some}}
        stages: list[Document] = [
            {"$match": _between(underlying, expiry, start, end)},
            {"$project": {"_id": 0, "as_of": 1, "expiry": 1, "spot": 1, "metrics": metrics}},
            {"$sort": {"as_of": 1, "expiry": 1}},
        ]
        moments = self.times(underlying, expiry, start, end)
        if len(moments) > limit:
            stages[0]["$match"]["as_of"] = {"$in": spaced(moments, limit)}
        with self._line.asking():
            return [
                MetricsAt(date.fromisoformat(one["expiry"]), int(one["as_of"]), _spot(one["spot"]), one["metrics"])
                for one in self._chains.aggregate(stages, allowDiskUse=True)
            ]

    def days(self, underlying: str, name: str, start: int, end: int) -> list[tuple[date, int, float]]:
        """The day's last known number of one metric of the nearest expiry.

        Which chains were a day's last is read from an index alone; only these are fetched. Where the metric of one is
        unknown, the day is looked through from its nearest expiry's end.
        """
        self._prepare()
        with self._line.asking():
            lasts = self._lasts(_between(underlying, None, start, end))
            of_day: dict[int, list[tuple[str, int]]] = {}
            for expiry, day, last in sorted(lasts):
                if date.fromisoformat(expiry) >= _day(day):
                    of_day.setdefault(day, []).append((expiry, last))
            nearest = [_id(underlying, *chains[0]) for chains in of_day.values()]
            value = {"$getField": {"field": {"$literal": str(name)}, "input": "$metrics"}}
            read: list[Document] = [{"$match": {"_id": {"$in": nearest}}}, {"$project": {"as_of": 1, "value": value}}]
            values = {one["_id"]: one.get("value") for one in self._chains.aggregate(read)}
            found = []
            for day, chains in sorted(of_day.items()):
                moment, number = chains[0][1], values.get(_id(underlying, *chains[0]))
                if not isinstance(number, float):
                    since, until = max(day, start), min(day + DAY_NS, end)
                    known = self._last_known(underlying, [expiry for expiry, _ in chains], value, since, until)
                    if known is None:
                        continue
                    moment, number = known
                found.append((_day(day), moment, number))
            return found

    def trim(self, before: int) -> int:
        """Forget chains captured before, but each day's last of an expiry."""
        self._prepare()
        gone = 0
        end = -(-before // DAY_NS) * DAY_NS  # of the last day that has something to forget
        with self._line.asking():
            for underlying in self._chains.distinct("underlying"):
                kept: dict[str, list[int]] = {}
                for expiry, _, last in self._lasts(_between(underlying, None, 0, end)):
                    kept.setdefault(expiry, []).append(last)
                for expiry, moments in kept.items():
                    old: Document = {"underlying": {"$eq": underlying}, "expiry": {"$eq": expiry}}
                    old["as_of"] = {"$lt": int(before), "$nin": moments}
                    gone += self._chains.delete_many(old).deleted_count
        return gone

    def _lasts(self, wanted: Document) -> list[tuple[str, int, int]]:
        """(expiry, day's begin, moment of the day's last chain) of the chains that are wanted; by the index alone."""
        # Whole numbers all the way: a division would go through floats and lose the last nanoseconds of a day.
        day = {"$subtract": ["$as_of", {"$mod": ["$as_of", DAY_NS]}]}
        stages: list[Document] = [
            {"$match": wanted},
            {"$project": {"_id": 0, "expiry": 1, "as_of": 1}},
            {"$group": {"_id": {"expiry": "$expiry", "day": day}, "last": {"$max": "$as_of"}}},
        ]
        found = self._chains.aggregate(stages, allowDiskUse=True, hint="by_time")
        return [(one["_id"]["expiry"], int(one["_id"]["day"]), int(one["last"])) for one in found]

    def _last_known(
        self, underlying: str, expiries: Sequence[str], value: Document, start: int, end: int
    ) -> tuple[int, float] | None:
        """The moment and the last number in [start, end) of the first of these expiries that has one."""
        for expiry in expiries:
            wanted = _between(underlying, date.fromisoformat(expiry), start, end)
            stages: list[Document] = [
                {"$match": wanted},
                {"$sort": dict(_NEWEST)},
                {"$project": {"as_of": 1, "value": value}},
                {"$match": {"$expr": {"$isNumber": "$value"}}},
                {"$limit": 1},
            ]
            for one in self._chains.aggregate(stages, hint="newest"):
                return int(one["as_of"]), float(one["value"])
        return None

    def _prepare(self) -> None:
        if self._is_ready:
            return
        with self._lock:
            if not self._is_ready:
                self._line.check()
                with self._line.asking():
                    self._chains.create_indexes(list(_INDEXES))
                self._is_ready = True


def _document(record: ChainRecord) -> Document:
    chain = record.chain
    return {
        "_id": _id(chain.underlying, chain.expiry.isoformat(), chain.as_of),
        "underlying": str(chain.underlying),
        "expiry": chain.expiry.isoformat(),
        "as_of": chain.as_of,
        "spot": float(chain.spot) if math.isfinite(chain.spot) else None,
        "is_simulated": bool(record.is_simulated),
        "metrics": plain_metrics(record.metrics),
        "chain": chain.as_dict(),
    }


def _id(underlying: str, expiry: str, as_of: int) -> str:
    return f"{underlying} {expiry} {as_of}"


def _up_to(underlying: str, expiry: str, as_of: int | None) -> Document:
    wanted: Document = {"underlying": {"$eq": str(underlying)}, "expiry": {"$eq": expiry}}
    return wanted if as_of is None else wanted | {"as_of": {"$lte": int(as_of)}}


def _between(underlying: str, expiry: date | None, start: int, end: int) -> Document:
    wanted: Document = {"underlying": {"$eq": str(underlying)}, "as_of": {"$gte": int(start), "$lt": int(end)}}
    return wanted if expiry is None else wanted | {"expiry": {"$eq": expiry.isoformat()}}


def _day(as_of: int) -> date:
    return _EPOCH + timedelta(days=as_of // DAY_NS)


def _spot(value: float | None) -> float:
    return float("nan") if value is None else float(value)
