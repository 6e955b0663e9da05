"""Ranges of logical shards: what one process of the engine owns, and what one checkpoint holds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from marketbell.core.primitives.errors import InvalidSettingError
from marketbell.core.primitives.identity import SHARDS, partition_of

_TEXT = re.compile(rf"(\d+)(?:-(\d+))?(?:/{SHARDS})?")


@dataclass(frozen=True, slots=True, order=True)
class Shards:
    """The shards `first` to `last`, both of them included."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last < SHARDS:
            message = f"shards {self.first}-{self.last} are no range inside 0-{SHARDS - 1}"
            raise InvalidSettingError(message)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `a-b`, `a-b/64` or `a`. InvalidSettingError where it is none of them."""
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            message = f"shards {text!r} are not a range such as 0-31 or 0-31/{SHARDS}"
            raise InvalidSettingError(message)
        first = int(found[1])
        return cls(first, int(found[2] or first))

    def __str__(self) -> str:
        """The range as `parse` reads it."""
        return f"{self.first}-{self.last}"

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.last + 1))

    def __contains__(self, shard: int) -> bool:
        return self.first <= shard <= self.last

    def common(self, other: "Shards") -> "Shards | None":
        """What both hold, None where that is nothing."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        return Shards(first, last) if first <= last else None

    def cut(self, parts: int) -> "tuple[Shards, ...]":
        """An even cut into `parts` neighbours. InvalidSettingError where there are fewer shards than that."""
        if not 1 <= parts <= len(self):
            message = f"{len(self)} shards cannot be cut into {parts} parts"
            raise InvalidSettingError(message)
        edges = [self.first + len(self) * at // parts for at in range(parts + 1)]
        return tuple(Shards(low, high - 1) for low, high in pairwise(edges))


ALL_SHARDS = Shards(0, SHARDS - 1)


def shards_of(partition: int, partitions: int) -> Shards:
    """The shards whose rows stand in a physical partition: the inverse of `partition_of`."""
    mine = [shard for shard in ALL_SHARDS if partition_of(shard, partitions) == partition]
    return Shards(mine[0], mine[-1])


def stream_name(shards: Shards) -> str:
    """The name of the process that owns these shards: `stream` is the one with shard 0."""
    return "stream" if 0 in shards else f"stream.{shards}"
