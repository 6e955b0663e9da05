"""An option chain as the live server knows it: one row a strike, each with the version at which it last changed."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

Row = list[Any]


class ChainShelf:
    """The newest chain of one underlying and expiry. `seq` counts what was told of it; 0: nothing is known."""

    def __init__(self) -> None:
        self.seq = 0
        self.names: list[str] = []
        self.data: dict[str, Any] = {}
        self.data_version = 0
        self._rows: OrderedDict[str, Row] = OrderedDict()  # least recently changed first
        self._versions: dict[str, int] = {}

    def apply(self, document: Mapping[str, Any], version: int) -> bool:
        """Take a document of the topic or the cache; False where something between was missed, and nothing is done."""
        is_whole = bool(document["is_whole"])
        if not is_whole and document["seq"] != self.seq + 1:
            return False
        self.seq = int(document["seq"])
        self.names = list(document["columns"])
        gone = document.get("removed") or ()
        if is_whole:
            kept = {row[0] for row in document["rows"]}
            gone = [key for key in self._rows if key not in kept]
        for key in gone:
            self._rows.pop(key, None)
            self._versions.pop(key, None)
        for row in document["rows"]:
            if self._rows.get(row[0]) != row:
                self._rows[row[0]] = row
                self._rows.move_to_end(row[0])
                self._versions[row[0]] = version
        if self.data != document["data"]:
            self.data, self.data_version = dict(document["data"]), version
        return True

    def keys(self) -> list[str]:
        """Its strikes, rising: the second value of a row is the strike."""
        return sorted(self._rows, key=lambda key: float(self._rows[key][1]))

    def row(self, key: str) -> Row | None:
        """The row of a strike; None without one."""
        return self._rows.get(key)

    def row_changed(self, key: str, since: int) -> bool:
        """True where the row changed after that version."""
        return self._versions.get(key, 0) > since

    def changed_rows(self, since: int) -> Iterable[str]:
        """Keys of rows that changed after that version, newest first."""
        for key in reversed(self._rows):
            if self._versions[key] <= since:
                return
            yield key
