"""Screens over the live market: who asks, and where the answer lies.

Who asks puts a field into the hash WANTS; the stream answers under HAVE. An answer is of one moment: nothing here
takes part in decisions. Screens that stand are told by the stream itself, under NOW and on the `market` topic.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any, NamedTuple, Self

WANTS = "screen:wants"
"""Hash: request id -> ScreenRequest as JSON."""
HAVE = "screen:have:"
"""Key prefix: request id -> ScreenAnswer as JSON, for HAVE_S."""
HAVE_S = 30.0
NOW = "screen:now:"
"""Key prefix: screen id -> {"seq", "count", "as_of", "members": [keys in order]} of a standing screen."""
MOST_ROWS = 10_000
PRICED = ("close", "change_pct", "volume")
"""What every row is shown with; of a past day it is asked for behind the columns."""


@dataclass(frozen=True, slots=True)
class ScreenRequest:
    """A screen to be read once: rows `offset` to `offset + limit` of those that meet it, in its order.

    `definition` is a Screen as JSON (core/language/json_form). `columns` are more expressions of the language behind
    the screen's own; `order_by`, where given, takes the place of its order. `as_of` (ns UTC) None is now. `asked_at`
    (ns, our clock) and `nonce` change with each repetition; they do not make another request.
    """

    definition: Mapping[str, Any]
    columns: tuple[str, ...] = ()
    order_by: str | None = None
    is_descending: bool = False
    limit: int = 100
    offset: int = 0
    as_of: int | None = None
    asked_at: int = 0
    nonce: str = ""
    kinds: tuple[str, ...] = ()
    """Kinds of instruments that it looks among; all where there are none."""

    @property
    def request_id(self) -> str:
        """The same for the same question."""
        said = self.as_dict() | {"asked_at": 0, "nonce": ""}
        text = json.dumps(said, sort_keys=True)
        return blake2b(text.encode(), digest_size=8, person=b"mb.screens.1").hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse."""
        return cls(**(dict(values) | {"columns": tuple(values["columns"]), "kinds": tuple(values.get("kinds", ()))}))


class ScreenRow(NamedTuple):
    """An instrument that meets a screen: its key (NSE:RELIANCE), and the columns' values, None where unknown.

    A fact in words (`symbol`) has its word.
    """

    key: str
    values: tuple[float | str | None, ...]


@dataclass(frozen=True, slots=True)
class ScreenAnswer:
    """What a screen says at a moment.

    `columns`: [{expression, label, type, unit}], one for each of a row's values. `count`: how many meet it, `rows`
    being a page of them. `chips`: [{text, count}], the parts of its `and` with how many meet each alone. `unknown`:
    for how many it cannot be said; `unknown_fields`: of these, how many lack each field. `as_of` ns UTC.
    """

    rows: tuple[ScreenRow, ...]
    columns: tuple[Mapping[str, Any], ...]
    count: int
    chips: tuple[Mapping[str, Any], ...]
    unknown: int
    unknown_fields: Mapping[str, int]
    as_of: int
    took_ms: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"rows": [[one.key, list(one.values)] for one in self.rows]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse; what else stands there is passed over."""
        rows = tuple(ScreenRow(str(key), tuple(found)) for key, found in values["rows"])
        return cls(
            rows,
            tuple(values["columns"]),
            int(values["count"]),
            tuple(values["chips"]),
            int(values["unknown"]),
            dict(values["unknown_fields"]),
            int(values["as_of"]),
            float(values["took_ms"]),
        )
