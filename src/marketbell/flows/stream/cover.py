"""Which checkpoints a range of shards goes on from, whatever ranges they were made of."""

from dataclasses import dataclass

from marketbell.core.primitives.errors import CheckpointError
from marketbell.core.primitives.shards import Shards
from marketbell.ports.checkpoints import Checkpoint, CheckpointStore


@dataclass(frozen=True, slots=True)
class Covered:
    """Neighbouring shards and the newest whole checkpoint that holds them; None where there is none.

    `damaged` are sentences about newer ones that were passed over.
    """

    shards: Shards
    checkpoint: Checkpoint | None
    damaged: tuple[str, ...]


def cover(store: CheckpointStore, wanted: Shards) -> list[Covered]:
    """For each shard the newest whole checkpoint; shards with the same one stand together.

    An owner of a shard has a larger fence than the one before it, and begins from what that one left: so of
    two checkpoints of a shard the larger (fence, sequence) is the later state, also across other splits.
    """
    found: dict[int, Checkpoint | None] = {}
    damaged: dict[int, tuple[str, ...]] = dict.fromkeys(wanted, ())
    for place in sorted(store.kept(), key=lambda one: one.age, reverse=True):
        open_shards = [shard for shard in place.shards if shard in wanted and shard not in found]
        if not open_shards:
            continue
        try:
            checkpoint = store.load(place)
        except CheckpointError as error:
            for shard in open_shards:
                damaged[shard] = (*damaged[shard], error.message)
        else:
            found.update(dict.fromkeys(open_shards, checkpoint))
    parts: list[Covered] = []
    first = wanted.first
    for shard in wanted:
        if shard == wanted.last or _differ(shard, found, damaged):
            parts.append(Covered(Shards(first, shard), found.get(shard), damaged[shard]))
            first = shard + 1
    return parts


def _differ(shard: int, found: dict[int, Checkpoint | None], damaged: dict[int, tuple[str, ...]]) -> bool:
    """True where the next shard goes on from something else."""
    return found.get(shard) is not found.get(shard + 1) or damaged[shard] != damaged[shard + 1]
