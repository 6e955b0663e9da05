"""Permanent identity of instruments, and the logical shard each belongs to."""

from hashlib import blake2b
from typing import NewType

InstrumentId = NewType("InstrumentId", int)
"""52-bit positive integer: exact in a JSON number, the same on every machine, never reused."""

SHARDS = 64
"""Logical shards. Fixed for good: the shard of an instrument is part of its history."""


def instrument_id(key: str) -> InstrumentId:
    """Derive the permanent id from the first canonical key (`NSE:RELIANCE`).

    The id depends on no database sequence, so a firing in a live run and in a replay on
    another machine bear the same id. A renamed instrument keeps it: tickers are dated aliases.
    """
    digest = blake2b(key.encode(), digest_size=8).digest()
    return InstrumentId(int.from_bytes(digest, "big") >> 12)


def shard_of(root: str) -> int:
    """Map a root key (the underlying for derivatives, else the instrument itself) to 0..63."""
    digest = blake2b(root.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % SHARDS


def partition_of(shard: int, partitions: int) -> int:
    """Map a logical shard to one of the bus's physical partitions, in contiguous ranges."""
    return shard * partitions // SHARDS
