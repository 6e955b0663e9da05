"""The bus on Redis Streams: Valkey, or Redis from 7 on.

One stream a partition (`mb:TOPIC:PARTITION`), one hash a topic (`mb:TOPIC`: epoch, partitions,
retention). Entry ids are `BASE-SEQUENCE`: a topic is made with a random BASE that lies after any wall
clock, so the server numbers the entries 1, 2, 3 … whatever its clock does, and an offset from a topic
that was lost bears another base and is recognised. The broker must run with `noeviction`.
"""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from marketbell.core.primitives.errors import BusFullError, BusUnavailableError, InvalidSettingError, TopicLostError
from marketbell.ports.bus import DurableLevel

_FIELD = b"f"
_SEQUENCE_BITS = 39
_SEQUENCE_MASK = (1 << _SEQUENCE_BITS) - 1
_BASES = 1 << 14
_FIRST_BASE = 1 << 42  # milliseconds: the year 2109
_SYNC_KEY = "mb:sync"
_SYNC_TTL_MS = 10 * 365 * 86_400_000
_LONGEST_BLOCK_S = 2.0
_TIMEOUT_S = 10.0
_CONNECT_TIMEOUT_S = 2.0
_FSYNC_TIMEOUT_MS = 5_000
_REFUSALS = ("OOM", "MISCONF")


class _Meta(NamedTuple):
    epoch: str
    partitions: int
    retention: int


class RedisBus:
    """A bus behind one URL. A pool hands every call its own connection, so a waiting reader delays nobody.

    Nothing is sent before the first call, and nothing is repeated inside the adapter.
    """

    def __init__(self, url: str) -> None:
        self.durable_level = DurableLevel.PROCESS
        self.has_groups = True
        self.max_frame = 64 << 20
        try:
            # Any: the client's types allow for decoded and for raw answers alike; ours are raw.
            self._client: Any = redis.Redis.from_url(
                url,
                protocol=2,
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_CONNECT_TIMEOUT_S,
                socket_keepalive=True,
                socket_read_size=1 << 18,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            message = f"the bus's URL cannot be read: {error}"
            raise InvalidSettingError(message) from error
        self._meta: dict[str, _Meta] = {}
        self._is_probed = False

    def ensure_topic(self, name: str, partitions: int, retention_frames: int) -> str:
        """Make the topic and its streams in one transaction if need be, return its epoch."""
        if partitions < 1:
            message = f"topic {name} needs at least one partition"
            raise ValueError(message)
        with _errors():
            self._probe()
            while True:
                try:
                    meta = self._create(name, partitions, retention_frames)
                except redis.WatchError:
                    continue
                self._meta[name] = meta
                return meta.epoch

    def epoch(self, name: str) -> str | None:
        """The topic's epoch, None when there is no such topic (any more)."""
        with _errors():
            meta = self._fetch(name)
        return meta.epoch if meta else None

    def partitions(self, name: str) -> int:
        """How many partitions the topic was made with."""
        with _errors():
            meta = self._fetch(name)
        if meta is None:
            raise _lost(name)
        return meta.partitions

    def publish(self, topic: str, partition: int, frame: bytes) -> int:
        """Append one frame, return its offset."""
        with _errors():
            meta = self._known(topic)
            self._check(topic, meta, partition, frame)
            entry = self._client.execute_command(*_append(topic, partition, frame, meta.retention))
        if entry is None:
            raise self._forget(topic)
        return _offset(entry)

    def publish_many(self, topic: str, frames: Sequence[tuple[int, bytes]]) -> list[int]:
        """Append all the frames in one MULTI/EXEC."""
        if not frames:
            return []
        with _errors():
            meta = self._known(topic)
            with self._client.pipeline(transaction=True) as pipe:
                for partition, frame in frames:
                    self._check(topic, meta, partition, frame)
                    pipe.execute_command(*_append(topic, partition, frame, meta.retention))
                entries = pipe.execute()
        if None in entries:
            raise self._forget(topic)
        return [_offset(entry) for entry in entries]

    def flush(self) -> None:
        """Wait for the server's fsync of everything published before, where it can tell; else return.

        With `appendfsync everysec` that takes up to a second.
        """
        with _errors():
            self._probe()
            if self.durable_level is not DurableLevel.FSYNC:
                self._client.ping()
                return
            # WAITAOF speaks of its own connection's writes: a write that needs no memory goes first.
            with self._client.pipeline(transaction=False) as pipe:
                pipe.pexpire(_SYNC_KEY, _SYNC_TTL_MS)
                pipe.execute_command("WAITAOF", 1, 0, _FSYNC_TIMEOUT_MS)
                has_written, synced = pipe.execute()
                if not has_written:
                    pipe.set(_SYNC_KEY, b"1", px=_SYNC_TTL_MS)
                    pipe.execute_command("WAITAOF", 1, 0, _FSYNC_TIMEOUT_MS)
                    _, synced = pipe.execute()
        if synced[0] < 1:
            message = f"the bus did not sync its file within {_FSYNC_TIMEOUT_MS} ms"
            raise BusUnavailableError(message)

    def read(
        self, topic: str, partition: int, after: int, max_frames: int = 1_000, max_wait_s: float = 0.0
    ) -> list[tuple[int, bytes]]:
        """Frames behind `after`. A wait is cut into pieces that a dead connection cannot outlast."""
        deadline = time.monotonic() + max_wait_s
        key = _key(topic, partition)
        position = _entry_id(after)
        while True:
            left = deadline - time.monotonic()
            with _errors():
                if left <= 0:
                    found = self._client.execute_command("XREAD", "COUNT", max_frames, "STREAMS", key, position)
                else:
                    block_ms = max(1, int(1_000 * min(left, _LONGEST_BLOCK_S)))
                    found = self._client.execute_command(
                        "XREAD", "COUNT", max_frames, "BLOCK", block_ms, "STREAMS", key, position
                    )
                if not found and after:
                    self._check_base(topic, partition, after)
            if found:
                frames = [(_offset(entry), fields[_FIELD]) for entry, fields in _entries(found)]
                if after and frames[0][0] >> _SEQUENCE_BITS != after >> _SEQUENCE_BITS:
                    raise _lost_offset(topic, partition, after)
                return frames
            if left <= 0:
                return []

    def last(self, topic: str, partition: int) -> tuple[int, bytes] | None:
        """The newest frame and its offset."""
        with _errors():
            found = self._client.xrevrange(_key(topic, partition), count=1)
        return (_offset(found[0][0]), found[0][1][_FIELD]) if found else None

    def first_offset(self, topic: str, partition: int) -> int | None:
        """Offset of the oldest frame kept."""
        with _errors():
            found = self._client.xrange(_key(topic, partition), count=1)
        return _offset(found[0][0]) if found else None

    def commit(self, group: str, topic: str, partition: int, offset: int) -> None:
        """Remember how far a group got."""
        with _errors():
            self._client.hset(f"mb:{topic}:groups", f"{group}:{partition}", str(offset))

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        """What the group committed last."""
        with _errors():
            found = self._client.hget(f"mb:{topic}:groups", f"{group}:{partition}")
        return int(found) if found is not None else None

    def trim(self, topic: str, partition: int, before: int) -> None:
        """Forget frames with an offset below `before`."""
        with _errors():
            newest = self._newest(topic, partition)
            # An offset of a lost topic may bear a larger base, and would then trim everything.
            if newest is not None and newest[0] >> _SEQUENCE_BITS == before >> _SEQUENCE_BITS:
                self._client.xtrim(_key(topic, partition), minid=_entry_id(before), approximate=False)

    def lag(self, topic: str, partition: int, after: int) -> int:
        """How many frames lie behind `after`."""
        with _errors():
            newest = self._newest(topic, partition)
        if newest is None:
            return 0
        offset, length = newest
        if after >> _SEQUENCE_BITS != offset >> _SEQUENCE_BITS:
            return length
        return max(0, min(length, offset - after))

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _create(self, name: str, partitions: int, retention_frames: int) -> _Meta:
        key = f"mb:{name}"
        with self._client.pipeline(transaction=True) as pipe:
            pipe.watch(key)
            found = _meta(pipe.hgetall(key))
            if found is not None and found.retention == retention_frames:
                return found
            meta = (
                found._replace(retention=retention_frames)
                if found
                else _Meta(secrets.token_hex(8), partitions, retention_frames)
            )
            pipe.multi()
            pipe.hset(key, mapping={"epoch": meta.epoch, "partitions": meta.partitions, "retention": meta.retention})
            if found is None:
                pipe.set(_SYNC_KEY, b"1", px=_SYNC_TTL_MS)
                base = _FIRST_BASE + 1 + secrets.randbelow(_BASES - 1)
                for partition in range(partitions):
                    stream = _key(name, partition)
                    # The one way to an empty stream is by a group; the group itself is not wanted.
                    pipe.xgroup_create(stream, "made", id="0", mkstream=True)
                    pipe.xgroup_destroy(stream, "made")
                    pipe.execute_command("XSETID", stream, f"{base}-0")
            pipe.execute()
        return meta

    def _fetch(self, name: str) -> _Meta | None:
        meta = _meta(self._client.hgetall(f"mb:{name}"))
        if meta is None:
            self._meta.pop(name, None)
        else:
            self._meta[name] = meta
        return meta

    def _known(self, name: str) -> _Meta:
        meta = self._meta.get(name) or self._fetch(name)
        if meta is None:
            raise _lost(name)
        return meta

    def _forget(self, name: str) -> TopicLostError:
        self._meta.pop(name, None)
        return _lost(name)

    def _check(self, name: str, meta: _Meta, partition: int, frame: bytes) -> None:
        if not 0 <= partition < meta.partitions:
            message = f"topic {name} has {meta.partitions} partitions, there is no {partition}"
            raise ValueError(message)
        if len(frame) > self.max_frame:
            message = f"a frame of {len(frame)} bytes is above the bus's limit of {self.max_frame}"
            raise ValueError(message)

    def _newest(self, name: str, partition: int) -> tuple[int, int] | None:
        """Offset given last and number of frames kept; None without the stream."""
        try:
            found: dict[str, Any] = self._client.xinfo_stream(_key(name, partition))
        except redis.ResponseError as error:
            if "no such key" in str(error):
                return None
            raise
        return _offset(found["last-generated-id"]), int(found["length"])

    def _check_base(self, name: str, partition: int, after: int) -> None:
        newest = self._newest(name, partition)
        if newest is None or newest[0] >> _SEQUENCE_BITS != after >> _SEQUENCE_BITS:
            raise _lost_offset(name, partition, after)

    def _probe(self) -> None:
        """Learn once how durable the server can be."""
        if self._is_probed:
            return
        if int(self._client.info("persistence").get("aof_enabled", 0)):
            try:
                self._client.execute_command("WAITAOF", 0, 0, 1)
                self.durable_level = DurableLevel.FSYNC
            except redis.ResponseError:
                self.durable_level = DurableLevel.PROCESS
        else:
            self.durable_level = DurableLevel.NONE
        self._is_probed = True


@contextmanager
def _errors() -> Iterator[None]:
    """Say broker errors in the port's words; what is nobody's outage (WRONGTYPE, NOPERM) stays as it is."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        message = f"the bus did not answer: {error}"
        raise BusUnavailableError(message) from error
    except redis.ReadOnlyError as error:
        message = "the bus takes no writes: it is a replica"
        raise BusUnavailableError(message) from error
    except redis.ResponseError as error:
        if isinstance(error, redis.OutOfMemoryError) or str(error).startswith(_REFUSALS):
            message = f"the bus takes no more: {error}"
            raise BusFullError(message) from error
        raise


def _append(topic: str, partition: int, frame: bytes, retention: int) -> tuple[object, ...]:
    bound: tuple[object, ...] = ("MAXLEN", "~", retention) if retention else ()
    return ("XADD", _key(topic, partition), "NOMKSTREAM", *bound, "*", _FIELD, frame)


def _key(topic: str, partition: int) -> str:
    return f"mb:{topic}:{partition}"


def _offset(entry: bytes | str) -> int:
    text = entry.decode() if isinstance(entry, bytes) else entry
    base, _, sequence = text.partition("-")
    return (int(base) - _FIRST_BASE) << _SEQUENCE_BITS | int(sequence)


def _entry_id(offset: int) -> str:
    """The inverse of `_offset`; 0 is the beginning."""
    if not offset:
        return "0-0"
    return f"{_FIRST_BASE + (offset >> _SEQUENCE_BITS)}-{offset & _SEQUENCE_MASK}"


def _entries(found: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """The one stream's entries of an answer to XREAD."""
    entries: list[tuple[bytes, dict[bytes, bytes]]] = found[0][1]
    return entries


def _meta(found: dict[bytes, bytes]) -> _Meta | None:
    if not found:
        return None
    return _Meta(found[b"epoch"].decode(), int(found[b"partitions"]), int(found[b"retention"]))


def _lost(name: str) -> TopicLostError:
    message = f"the bus has no topic {name}"
    return TopicLostError(message)


def _lost_offset(name: str, partition: int, after: int) -> TopicLostError:
    message = f"offset {after} of {name}/{partition} is from data that the bus no longer has"
    return TopicLostError(message)
