"""How the stream as a whole stands, put together from what each of its processes says of itself.

Every process keeps its own part in the cache, where it expires soon after the process does, and joins all
parts into the one status that others read: whoever does it last, the parts are the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from marketbell.core.primitives.shards import ALL_SHARDS, Shards
from marketbell.flows.stream.documents import dumps
from marketbell.ports.cache import Cache

STATUS_KEY = "stream:status"
PART_KEY = "stream:part:"
PART_TTL_S = 5.0
_SUMS = ("ticks_per_s", "firings_written")


class Standing:
    """One process's share in the status. `instance` tells processes apart that want the same shards."""

    def __init__(self, cache: Cache, shards: Shards, instance: str) -> None:
        self._cache = cache
        self._shards = shards
        self._key = f"{PART_KEY}{shards}:{instance}"

    def tell(self, part: Mapping[str, Any]) -> dict[str, Any]:
        """Say how this process stands; the status of all. Raises BusUnavailableError."""
        if self._shards == ALL_SHARDS and part["is_owner"]:
            whole = joined([part])  # nobody else can have a share
        else:
            self._cache.set(self._key, dumps(part), ttl_s=PART_TTL_S)
            found = [self._cache.get(key) for key in self._cache.keys(PART_KEY)]
            whole = joined([orjson.loads(raw) for raw in found if raw])
        self._cache.set(STATUS_KEY, dumps(whole))
        return whole

    def end(self) -> None:
        """The process stops: it has no share any more. Raises BusUnavailableError."""
        self._cache.delete(self._key)


def joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The status of all processes; of two that claim the same shards, the one with the larger fence counts."""
    owners: list[Mapping[str, Any]] = []
    held: set[int] = set()
    for part in sorted(parts, key=lambda one: one["fence"], reverse=True):
        shards = set(Shards.parse(part["shards"]))
        if part["is_owner"] and not shards & held:
            held |= shards
            owners.append(part)
    owners.sort(key=lambda part: Shards.parse(part["shards"]))
    counted = owners or list(parts)
    ticks: dict[str, int] = {}
    waiting: dict[str, int] = {}
    for part in owners:
        for into, name in ((ticks, "ticks"), (waiting, "waiting")):
            for kind, count in part[name].items():
                into[kind] = into.get(kind, 0) + count
    missing = [shard for shard in ALL_SHARDS if shard not in held]
    problems = [part["problem"] for part in counted if part["problem"]]
    if owners and missing:
        problems.append(f"nobody evaluates the shards {_ranges(missing)}")
    return {
        "partitions": [one for part in counted for one in part["partitions"]],
        **{name: sum(part[name] for part in owners) for name in _SUMS},
        "ticks": ticks,
        "waiting": waiting,
        "problem": next(iter(problems), None),
        "processes": [
            {name: part[name] for name in ("shards", "fence", "ticks_per_s", "problem")}
            | {"is_owner": part in owners, "is_leader": bool(part.get("is_leader"))}
            for part in parts
        ],
    }


def slowest(status: Mapping[str, Any]) -> dict[int, int]:
    """By partition, the place up to which every process has taken the log."""
    found: dict[int, int] = {}
    for one in status["partitions"]:
        if one["state"] in {"running", "lost"}:
            number, offset = int(one["partition"]), int(one["offset"])
            found[number] = min(offset, found.get(number, offset))
    return found


def _ranges(shards: Sequence[int]) -> str:
    """Shards as text: 1, 4-7."""
    ranges: list[list[int]] = []
    for shard in shards:
        if ranges and ranges[-1][1] == shard - 1:
            ranges[-1][1] = shard
        else:
            ranges.append([shard, shard])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
