"""Tells who looks at an option chain what of it changed: rows of strikes to the topic, whole chains to the cache.

A chain is analysed here only because somebody may look: of several that came since the last time the newest counts.
"""

from collections.abc import Callable, Sequence
from typing import Any

from marketbell.core.engine.chain_book import ChainUpdate, Known
from marketbell.core.options.document import chain_document
from marketbell.flows.stream.documents import dumps
from marketbell.ports.cache import Cache

CHAIN_KEY = "market:chain:"
"""In the cache, with `{underlying}:{expiry}` behind it: the newest chain."""
CACHE_S = 7 * 86_400.0
"""How long a chain stays in the cache if no other comes."""
_AT_ONCE = 2
"""Chains that are told in a turn, ten times a second: some milliseconds each."""
_SIDES = ("call", "put")


class ChainTeller:
    """Used by the stream's own thread. `say` takes a document for the topic."""

    def __init__(self, cache: Cache, say: Callable[[bytes], None]) -> None:
        self._cache = cache
        self._say = say
        self._news: dict[tuple[str, str], ChainUpdate] = {}
        self._told: dict[tuple[str, str], tuple[int, dict[str, int]]] = {}
        """By underlying and expiry how often it was told, and of each row a hash of what was said."""
        self._unkept: dict[str, bytes] = {}

    def take(self, updates: Sequence[ChainUpdate]) -> None:
        """Note chains that came."""
        for update in updates:
            if not update.is_late:
                self._news[update.key, update.chain.expiry.isoformat()] = update

    def tell(self) -> None:
        """Say what changed since the last time, of some chains: the others have their turn next time."""
        for place in list(self._news)[:_AT_ONCE]:
            update = self._news.pop(place)
            whole = chain_rows(update.known, is_simulated=update.is_simulated)
            seq, before = self._told.get(place, (0, {}))
            rows = {row[0]: hash(tuple(row)) for row in whole["rows"]}
            changed = [row for row in whole["rows"] if before.get(row[0]) != rows[row[0]]]
            removed = [key for key in before if key not in rows]
            said = whole | {"seq": seq + 1, "is_whole": not before, "rows": changed, "removed": removed}
            self._say(dumps(said))
            self._told[place] = (seq + 1, rows)
            self._unkept[f"{CHAIN_KEY}{place[0]}:{place[1]}"] = dumps(whole | {"seq": seq + 1, "is_whole": True})

    def keep(self) -> None:
        """Put whole chains into the cache. Raises BusUnavailableError; what was not kept is kept later."""
        for key in list(self._unkept):
            self._cache.set(key, self._unkept[key], ttl_s=CACHE_S)
            del self._unkept[key]

    def forget(self) -> None:
        """Another run, or other shards: what was told is told anew."""
        self._news.clear()
        self._told.clear()


def chain_rows(known: Known, *, is_simulated: bool) -> dict[str, Any]:
    """A chain as a document of the topic: one row a strike, values under the names of the API, dotted."""
    document = chain_document(known.analysed)
    name = f"{document['underlying']}:{document['expiry']}"
    strikes = document["strikes"]
    names = ["strike", "iv"]
    if strikes:
        names += [f"{side}.{field}" for side in _SIDES for field in strikes[0][side]]
    rows = [
        [
            f"{name}:{one['strike']:.12g}",
            one["strike"],
            one["iv"],
            *(value for side in _SIDES for value in one[side].values()),
        ]
        for one in strikes
    ]
    facts = ("spot", "forward", "forward_source", "as_of", "atm_strike", "metrics", "lot_size", "source", "t_years")
    return {
        "type": "chain",
        "underlying": document["underlying"],
        "expiry": document["expiry"],
        "columns": names,
        "rows": rows,
        "data": {fact: document[fact] for fact in facts} | {"is_simulated": is_simulated},
    }
