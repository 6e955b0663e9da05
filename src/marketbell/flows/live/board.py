"""The market as the live server knows it: what `stream` last said, with a version on everything.

Documents of the `market` topic and the cache's snapshot go in; rooms read what changed since a
version. Values are rounded for the screen here (prices to the tick's decimals) and nowhere counted.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from marketbell.core.language.fields import BY_NAME, FIELDS, FieldType
from marketbell.flows.live.chains import ChainShelf

BAR_COLUMNS = ("bar.start", "bar.open", "bar.high", "bar.low", "bar.close", "bar.volume")
COLUMNS: tuple[str, ...] = (*(field.name for field in FIELDS if field.name != "src.age"), *BAR_COLUMNS)
"""What a row holds, in this order, behind its key. Ages are left to the reader's clock."""

CLOSED_BARS_KEPT = 30
SCREEN_EVENTS_KEPT = 200
_BOOK = ("bids", "asks", "as_of", "state")
_EVENT_TIME = COLUMNS.index("event_time")
_NO_TICK_SIZE_DECIMALS = 2

Row = list[Any]


def _price_like(name: str) -> bool:
    field = BY_NAME.get(name)
    return (field is not None and field.type is FieldType.PRICE) or name in {
        "bar.open",
        "bar.high",
        "bar.low",
        "bar.close",
    }


def _whole(name: str) -> bool:
    field = BY_NAME.get(name)
    return name in {"bar.start", "bar.volume"} or (
        field is not None and field.type in {FieldType.COUNT, FieldType.TIME}
    )


_PRICES = tuple(at for at, name in enumerate(COLUMNS) if _price_like(name))
_WHOLES = tuple(at for at, name in enumerate(COLUMNS) if _whole(name))
_OTHERS = tuple(at for at in range(len(COLUMNS)) if at not in _PRICES and at not in _WHOLES)


class MarketBoard:
    """Rows, parts, books and closed bars, each with the version at which it last changed.

    `decimals` tells how many decimals the prices of an instrument have.
    """

    def __init__(self, decimals: Callable[[str], int] = lambda _: _NO_TICK_SIZE_DECIMALS) -> None:
        self.version = 0
        self.as_of: int | None = None
        self.parts: dict[str, Any] = {}
        self.part_version: dict[str, int] = {}
        self._decimals = decimals
        self._rows: OrderedDict[str, Row] = OrderedDict()  # least recently changed first
        self._row_version: dict[str, int] = {}
        self._shown: dict[str, tuple[int, Row]] = {}
        self._bars: dict[str, dict[int, list[Any]]] = {}
        self._bar_columns: list[str] = []
        self._bar_version: dict[str, int] = {}
        self._members: dict[str, dict[str, None]] = {}
        self._screen_events: dict[str, deque[tuple[int, dict[str, Any]]]] = {}
        self.chains: dict[str, ChainShelf] = {}
        """Chains that somebody looks at, by `{underlying}:{expiry}`."""
        self.torn_chains: set[str] = set()
        """Those of which something was missed: the cache has them whole."""
        self._layout: tuple[tuple[str, ...], tuple[int | None, ...]] | None = None

    # -- in ------------------------------------------------------------------------------------------------------

    def apply(self, document: Mapping[str, Any]) -> bool:  # noqa: C901, PLR0912 — one branch a kind of document
        """Take one document of the topic; False for a type that is not the board's."""
        kind = document.get("type")
        if kind == "rows":
            self._apply_rows(document)
        elif kind == "bars":
            self._apply_bars(document)
        elif kind == "lists":
            for name in ("lists", "breadth", "sectors", "indices"):
                if name in document:
                    self.put_part(name, document[name])
        elif kind == "depth":
            self.put_part(f"depth:{document['instrument']}", {k: document.get(k) for k in _BOOK})
        elif kind == "chain":
            self.put_chain(document)
        elif kind == "screen":
            self._apply_screen(document)
        elif kind == "series":
            self.put_part(f"series:{document['instrument']}", document["sets"])
        elif kind == "source":
            for name in ("session", "clock"):
                if name in document:
                    self.put_part(name, document[name])
            self.put_part("source", {k: v for k, v in document.items() if k not in {"type", "session", "clock"}})
        else:
            return False
        self._moved_to(document.get("as_of"))
        return True

    def _moved_to(self, as_of: Any) -> None:
        if isinstance(as_of, int) and (self.as_of is None or as_of > self.as_of):
            self.as_of = as_of

    def _apply_rows(self, document: Mapping[str, Any]) -> None:
        names = tuple(document["columns"])
        if self._layout is None or self._layout[0] != names:
            where = {name: at for at, name in enumerate(names, start=1)}
            self._layout = (names, tuple(where.get(name) for name in COLUMNS))
        places = self._layout[1]
        self.version += 1
        for given in document["rows"]:
            self._put_row(given[0], [None if at is None else given[at] for at in places])

    def _put_row(self, key: str, row: Row) -> None:
        self._rows[key] = row
        self._rows.move_to_end(key)
        self._row_version[key] = self.version

    def load_rows(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Take the cache's rows where they are news: unknown keys, and rows with a later event time."""
        self.version += 1
        for key, values in rows.items():
            row = [values.get(name) for name in COLUMNS]
            old = self._rows.get(key)
            if old is None or (row[_EVENT_TIME] or 0) > (old[_EVENT_TIME] or 0):
                if old is not None:  # the cache may not carry what only the topic has
                    row = [was if new is None else new for new, was in zip(row, old, strict=True)]
                self._put_row(key, row)

    def put_part(self, name: str, value: Any) -> None:
        """Keep a named part; an equal value is no change."""
        if name in self.parts and self.parts[name] == value:
            return
        self.version += 1
        self.parts[name] = value
        self.part_version[name] = self.version

    def watch_chain(self, name: str) -> ChainShelf:
        """Keep an option chain (`{underlying}:{expiry}`) from now on; others are passed over."""
        return self.chains.setdefault(name, ChainShelf())

    def drop_chain(self, name: str) -> None:
        """Nobody looks at it any more."""
        self.chains.pop(name, None)
        self.torn_chains.discard(name)

    def put_chain(self, document: Mapping[str, Any]) -> None:
        """Take what was told of a chain, where somebody looks at it."""
        name = f"{document['underlying']}:{document['expiry']}"
        shelf = self.chains.get(name)
        if shelf is None:
            return
        self.version += 1
        if shelf.apply(document, self.version):
            self.torn_chains.discard(name)
        else:
            self.torn_chains.add(name)

    def drop_part(self, name: str) -> None:
        """Forget a named part that nobody looks at."""
        self.parts.pop(name, None)
        self.part_version.pop(name, None)

    def _apply_screen(self, document: Mapping[str, Any]) -> None:
        """Members in their order, or who came and went since."""
        screen_id = str(document["screen_id"])
        state = {name: document.get(name) for name in ("screen_id", "count", "seq", "as_of")}
        self.put_part(f"screen:{screen_id}", state)
        members = self._members.setdefault(screen_id, {})
        if "members" in document:
            if list(members) != document["members"]:
                self.version += 1
                self._members[screen_id] = dict.fromkeys(document["members"])
            return
        self.version += 1
        events = self._screen_events.setdefault(screen_id, deque(maxlen=SCREEN_EVENTS_KEPT))
        for event, key, at in document["events"]:
            if event == "enter":
                members[key] = None
            elif event == "leave":
                members.pop(key, None)
            events.append((self.version, {"event": event, "instrument": key, "at": at}))

    def _apply_bars(self, document: Mapping[str, Any]) -> None:
        if document.get("timeframe") != "1m":
            return
        self.version += 1
        columns = [name for name in document["columns"] if name not in {"key", "instrument"}]
        self._bar_columns = columns
        at = columns.index("start")
        for given in document["rows"]:
            key, bar = given[0], given[1:]
            bars = self._bars.setdefault(key, {})
            bars[bar[at]] = self._shown_bar(key, bar)
            while len(bars) > CLOSED_BARS_KEPT:
                del bars[min(bars)]
            self._bar_version[key] = self.version

    def _shown_bar(self, key: str, bar: list[Any]) -> list[Any]:
        places = self._decimals(key)
        return [
            round(value, places)
            if isinstance(value, float) and name in {"open", "high", "low", "close", "vwap"}
            else value
            for name, value in zip(self._bar_columns, bar, strict=True)
        ]

    # -- out -----------------------------------------------------------------------------------------------------

    def keys(self) -> list[str]:
        """Every instrument with a row."""
        return sorted(self._rows)

    def has(self, key: str) -> bool:
        """True where the instrument has a row."""
        return key in self._rows

    def changed_rows(self, since: int) -> Iterable[str]:
        """Keys of rows that changed after that version, newest first."""
        for key in reversed(self._rows):
            if self._row_version[key] <= since:
                return
            yield key

    def row_changed(self, key: str, since: int) -> bool:
        """True where the row changed after that version."""
        return self._row_version.get(key, 0) > since

    def row(self, key: str, columns: tuple[int, ...]) -> Row | None:
        """[key, values…] of the asked columns, rounded; None without a row."""
        raw = self._rows.get(key)
        if raw is None:
            return None
        version = self._row_version[key]
        shown = self._shown.get(key)
        if shown is None or shown[0] != version:
            shown = (version, self._rounded(key, raw))
            self._shown[key] = shown
        values = shown[1]
        return [key, *[values[at] for at in columns]]

    def _rounded(self, key: str, raw: Row) -> Row:
        places = self._decimals(key)
        row = list(raw)
        for at in _PRICES:
            value = row[at]
            if value is not None:
                row[at] = round(value, places) if math.isfinite(value) else None
        for at in _OTHERS:
            value = row[at]
            if value is not None:
                row[at] = round(value, 2) if math.isfinite(value) else None
        for at in _WHOLES:
            value = row[at]
            if isinstance(value, float):
                row[at] = int(value) if math.isfinite(value) else None
        return row

    def members(self, screen_id: str) -> list[str]:
        """Who is in a screen, in its order, as far as it was told."""
        return list(self._members.get(screen_id, ()))

    def screen_events(self, screen_id: str, since: int) -> list[dict[str, Any]]:
        """Who entered and left a screen after that version, oldest first."""
        return [said for version, said in self._screen_events.get(screen_id, ()) if version > since]

    def bars(self, key: str, since: int = 0) -> dict[str, Any] | None:
        """The newest closed minutes of an instrument when they changed after that version."""
        if self._bar_version.get(key, 0) <= since:
            return None
        bars = self._bars[key]
        return {"timeframe": "1m", "columns": self._bar_columns, "rows": [bars[start] for start in sorted(bars)]}
