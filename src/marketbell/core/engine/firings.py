"""What fired, as columns; a record is made only of the firing that somebody looks at."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

# Places in an about row (levels.py).
A_HASH = 0  # of the uid
A_VERSION = 1  # of the command that armed it
A_KNOWN = 2  # newest version heard of, a disarmed one included
A_INSTRUMENT = 3  # 0: only a disarming was heard of
A_LEVEL = 4  # float64 bits
A_UID = 5  # place in the text << 16 | bytes
A_NAME = 6
A_TEMPLATE = 7  # number << 3 | HAS_*
A_HASH_HIGH = 8  # definition_hash
A_HASH_LOW = 9
NA = 10

HAS_HASH = 1
HAS_NAME = 2
HAS_EXPIRY = 4
SPAN = 16
"""Bits for the length of a text."""


@dataclass(frozen=True, slots=True)
class Fired:
    """A level was crossed. `value` is the field now, `previous` that of the evaluation before.

    `nth` counts the rule's firings at this event_time, from 1. `payload` is the command that armed it.
    """

    rule_uid: str
    version: int
    rule: str
    owner_id: str
    instrument_id: int
    key: str
    event_time: int
    previous: float
    value: float
    level: float
    direction: str
    nth: int
    definition_hash: str
    notify: tuple[str, ...]
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Texts:
    """Uids, names and templates of commands in one buffer that only grows; `templates` are (place, bytes)."""

    buffer: NDArray[np.uint8]
    templates: Sequence[tuple[int, int]]

    def at(self, span: int) -> str:
        """The text of a span (place << SPAN | bytes)."""
        place = span >> SPAN
        return self.buffer[place : place + (span & ((1 << SPAN) - 1))].tobytes().decode()

    def template(self, number: int) -> dict[str, Any]:
        """A command without what is its rule's own; these keys are there and null."""
        place, size = self.templates[number]
        found: dict[str, Any] = json.loads(self.buffer[place : place + size].tobytes())
        return found

    def command(self, about: NDArray[np.int64], expires: int) -> dict[str, Any]:
        """The command that armed a level, from its about row."""
        number = int(about[A_TEMPLATE])
        command = self.template(number >> 3)
        command["rule_uid"] = self.at(int(about[A_UID]))
        command["version"] = int(about[A_VERSION])
        command["instrument_id"] = int(about[A_INSTRUMENT])
        command["level"] = float(about[A_LEVEL : A_LEVEL + 1].view(np.float64)[0])
        if number & HAS_HASH:
            command["definition_hash"] = about[A_HASH_HIGH : A_HASH_LOW + 1].astype(">i8").tobytes().hex()
        if number & HAS_NAME:
            command["rule"] = self.at(int(about[A_NAME]))
        if number & HAS_EXPIRY:
            command["expires_at"] = expires
        return command


@dataclass(frozen=True, slots=True)
class FiredColumns:
    """The firings of one call of a kernel, in order: `event_time`, `nth`, `row`, `previous`, `value`.

    `about` and `expires` are what the book of levels knew of each when it fired; `ids` the instruments.
    """

    slot: NDArray[np.int64]
    event_time: NDArray[np.int64]
    nth: NDArray[np.int64]
    row: NDArray[np.int64]
    previous: NDArray[np.float64]
    value: NDArray[np.float64]
    ids: NDArray[np.int64]
    about: NDArray[np.int64]
    expires: NDArray[np.int64]
    texts: Texts
    keys: Sequence[str]

    def __len__(self) -> int:
        return len(self.slot)

    def record(self, n: int) -> Fired:
        """The n-th firing."""
        command = self.texts.command(self.about[n], int(self.expires[n]))
        return Fired(
            rule_uid=command["rule_uid"],
            version=command["version"],
            rule=str(command.get("rule", "")),
            owner_id=str(command.get("owner_id", "")),
            instrument_id=int(self.ids[n]),
            key=self.keys[self.row[n]],
            event_time=int(self.event_time[n]),
            previous=float(self.previous[n]),
            value=float(self.value[n]),
            level=command["level"],
            direction=str(command["direction"]),
            nth=int(self.nth[n]),
            definition_hash=str(command.get("definition_hash", "")),
            notify=tuple(command.get("notify") or ()),
            payload=command,
        )


class Firings(Sequence[Fired]):
    """All firings of one call of the engine, in log order. Its length costs nothing, a record is made on demand."""

    __slots__ = ("parts",)

    def __init__(self, parts: Sequence[FiredColumns] = ()) -> None:
        self.parts = tuple(part for part in parts if len(part))

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[Fired]:
        return chain.from_iterable(map(part.record, range(len(part))) for part in self.parts)

    @overload
    def __getitem__(self, at: int) -> Fired: ...
    @overload
    def __getitem__(self, at: slice) -> list[Fired]: ...
    def __getitem__(self, at: int | slice) -> Fired | list[Fired]:
        if isinstance(at, slice):
            return [self[n] for n in range(*at.indices(len(self)))]
        place = at + len(self) if at < 0 else at
        if place >= 0:
            for part in self.parts:
                if place < len(part):
                    return part.record(place)
                place -= len(part)
        raise IndexError(at)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Firings({list(self)!r})"
