"""What each kind of room shows: which rows, which columns, which parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from marketbell.flows.live.board import COLUMNS, MarketBoard
from marketbell.flows.live.chains import ChainShelf

ALL = tuple(range(len(COLUMNS)))
LISTED = 30
"""How many keys of each list a screen gets; the rest is a page away in REST."""

_MARKET_COLUMNS = (
    "close",
    "change",
    "change_pct",
    "volume",
    "turnover",
    "vwap",
    "day.open",
    "day.high",
    "day.low",
    "prev_day.close",
    "high_52w",
    "low_52w",
    "from_high_52w_pct",
    "from_low_52w_pct",
    "volatility",
    "volume_spike",
    "fund.pe",
    "fund.market_cap",
    "event_time",
)
_UNIVERSE_COLUMNS = ("close", "change_pct", "volume", "fund.market_cap")


def _indices_of(names: Sequence[str]) -> tuple[int, ...]:
    return tuple(COLUMNS.index(name) for name in names)


class Shelf(Protocol):
    """Where a room's rows stand: what a row holds behind its key, the rows, and which of them changed."""

    @property
    def names(self) -> Sequence[str]:
        """What a row holds behind its key."""

    def row(self, key: str, /) -> list[Any] | None:
        """[key, values…]; None without a row."""

    def row_changed(self, key: str, since: int, /) -> bool:
        """True where the row changed after that version."""

    def changed_rows(self, since: int, /) -> Iterable[str]:
        """Keys of rows that changed after that version, newest first."""


@dataclass(frozen=True, slots=True)
class _Instruments:
    """The rows of instruments, some of the board's columns."""

    board: MarketBoard
    columns: tuple[int, ...]

    @property
    def names(self) -> Sequence[str]:
        """What a row holds."""
        return [COLUMNS[at] for at in self.columns]

    def row(self, key: str, /) -> list[Any] | None:
        """The row of an instrument."""
        return self.board.row(key, self.columns)

    def row_changed(self, key: str, since: int, /) -> bool:
        """See MarketBoard."""
        return self.board.row_changed(key, since)

    def changed_rows(self, since: int, /) -> Iterable[str]:
        """See MarketBoard."""
        return self.board.changed_rows(since)


class _OfInstruments:
    """A window on the rows of instruments. `columns` says which of the board's columns."""

    __slots__ = ()
    columns: tuple[int, ...]

    def shelf(self, board: MarketBoard, /) -> Shelf:
        """The board's own rows."""
        return _Instruments(board, self.columns)


class View(Protocol):
    """A room's window on the board."""

    def shelf(self, board: MarketBoard, /) -> Shelf:
        """Where its rows stand."""

    @property
    def every(self) -> int:
        """A frame each so many ticks of the server."""

    def keys(self, board: MarketBoard, /) -> Sequence[str]:
        """Whose rows."""

    def data(self, board: MarketBoard, since: int, /) -> dict[str, Any]:
        """Parts that changed after that version; since 0 all that there are."""


def _parts(board: MarketBoard, names: Sequence[str], since: int) -> dict[str, Any]:
    return {name: board.parts[name] for name in names if board.part_version.get(name, 0) > since}


@dataclass(frozen=True, slots=True)
class MarketView(_OfInstruments):
    """The Overview: lists with their rows, breadth, sectors, indices, session, source, lights."""

    columns: tuple[int, ...] = _indices_of(_MARKET_COLUMNS)
    every: int = 1

    def keys(self, board: MarketBoard, /) -> Sequence[str]:
        """All instruments that a list or the indices name."""
        lists: dict[str, list[str]] = board.parts.get("lists") or {}
        named = dict.fromkeys(board.parts.get("indices") or ())
        for keys in lists.values():
            named |= dict.fromkeys(keys[:LISTED])
        return list(named)

    def data(self, board: MarketBoard, since: int, /) -> dict[str, Any]:
        """The parts; lists cut to what a screen shows."""
        names = ("breadth", "sectors", "indices", "session", "clock", "source", "feeds", "lights")
        found = _parts(board, names, since)
        if board.part_version.get("lists", 0) > since:
            found["lists"] = {name: keys[:LISTED] for name, keys in board.parts["lists"].items()}
        return found


@dataclass(frozen=True, slots=True)
class UniverseView(_OfInstruments):
    """The heat map: every instrument, few columns, twice a second."""

    columns: tuple[int, ...] = _indices_of(_UNIVERSE_COLUMNS)
    every: int = 5

    def keys(self, board: MarketBoard, /) -> Sequence[str]:
        """Everybody."""
        return board.keys()

    def data(self, _board: MarketBoard, _since: int, /) -> dict[str, Any]:
        """Nothing beside the rows."""
        return {}


@dataclass(frozen=True, slots=True)
class InstrumentView(_OfInstruments):
    """The Symbol page: one row with its forming bar, the book, the newest closed minutes."""

    key: str
    columns: tuple[int, ...] = ALL
    every: int = 1

    def keys(self, _board: MarketBoard, /) -> Sequence[str]:
        """Itself."""
        return (self.key,)

    def data(self, board: MarketBoard, since: int, /) -> dict[str, Any]:
        """`depth` {bids, asks, as_of}; `bars` {timeframe, columns, rows}, rows replace those of equal start.

        `series` {request_id: {is_forming, points: [[start, value...]]}}: the newest points of sets asked for
        by REST; a point replaces that of equal start.
        """
        found: dict[str, Any] = {}
        for word in ("depth", "series"):
            name = f"{word}:{self.key}"
            if board.part_version.get(name, 0) > since:
                found[word] = board.parts[name]
        bars = board.bars(self.key, since)
        if bars is not None:
            found["bars"] = bars
        return found


@dataclass(slots=True)
class WatchlistView(_OfInstruments):
    """A watchlist's rows. `show` gives it another list of instruments."""

    watchlist_id: str
    columns: tuple[int, ...] = ALL
    every: int = 1
    _keys: list[str] = field(default_factory=list)
    _name: str = ""
    _version: int = 0

    def show(self, name: str, keys: Sequence[str], board: MarketBoard) -> None:
        """Follow these from now on."""
        self._name, self._keys = name, list(keys)
        board.version += 1
        self._version = board.version

    def keys(self, _board: MarketBoard, /) -> Sequence[str]:
        """Its instruments."""
        return self._keys

    def data(self, _board: MarketBoard, since: int, /) -> dict[str, Any]:
        """The list itself, when it changed."""
        if self._version <= since:
            return {}
        return {"watchlist": {"watchlist_id": self.watchlist_id, "name": self._name, "instruments": self._keys}}


@dataclass(frozen=True, slots=True)
class ScreenView(_OfInstruments):
    """A standing screen: its members' rows, and who entered and left."""

    screen_id: str
    columns: tuple[int, ...] = ALL
    every: int = 1

    def keys(self, board: MarketBoard, /) -> Sequence[str]:
        """Its members, in its order."""
        return board.members(self.screen_id)

    def data(self, board: MarketBoard, since: int, /) -> dict[str, Any]:
        """`screen` {screen_id, count, seq, as_of}; `events` [{event, instrument, at}], oldest first."""
        name = f"screen:{self.screen_id}"
        found = {"screen": board.parts[name]} if board.part_version.get(name, 0) > since else {}
        events = board.screen_events(self.screen_id, since)
        return found | ({"events": events} if events else {})


@dataclass(frozen=True, slots=True)
class ChainView:
    """An option chain (`{underlying}:{expiry}`): a row a strike. Empty while nobody has told of it."""

    name: str
    every: int = 1

    def shelf(self, board: MarketBoard, /) -> Shelf:
        """The rows of its strikes."""
        return board.chains.get(self.name) or ChainShelf()

    def keys(self, board: MarketBoard, /) -> Sequence[str]:
        """Its strikes, rising."""
        found = board.chains.get(self.name)
        return () if found is None else found.keys()

    def data(self, board: MarketBoard, since: int, /) -> dict[str, Any]:
        """`metrics` {name: value}, `spot`, `forward`, `as_of`, `atm_strike` …: all of them, when one changed."""
        found = board.chains.get(self.name)
        return dict(found.data) if found is not None and found.data_version > since else {}


@dataclass(frozen=True, slots=True)
class JobView(_OfInstruments):
    """One run of a job: how far it is."""

    run_id: str
    columns: tuple[int, ...] = ()
    every: int = 1

    def keys(self, _board: MarketBoard, /) -> Sequence[str]:
        """It has no rows."""
        return ()

    def data(self, board: MarketBoard, since: int, /) -> dict[str, Any]:
        """`job` {run_id, job, state, progress, stage, attempts, error, times ns UTC}, when it changed."""
        name = f"job:{self.run_id}"
        return {"job": board.parts[name]} if board.part_version.get(name, 0) > since else {}


@dataclass(frozen=True, slots=True)
class UserView(_OfInstruments):
    """A person's own room: it has no rows, only alerts."""

    columns: tuple[int, ...] = ()
    every: int = 1

    def keys(self, _board: MarketBoard, /) -> Sequence[str]:
        """Nobody."""
        return ()

    def data(self, _board: MarketBoard, _since: int, /) -> dict[str, Any]:
        """Nothing; alerts are said one by one."""
        return {}
