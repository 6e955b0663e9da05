"""The instruments as readers look for them: by key, by id, by symbol, by words."""

from collections import defaultdict
from collections.abc import Iterable

from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import ConflictError, NotFoundError


class Universe:
    """An index over the known instruments. Made anew when they change; never altered."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.by_key = {instrument.key: instrument for instrument in sorted(instruments, key=lambda i: i.key)}
        self._by_id = {str(instrument.instrument_id): instrument for instrument in self.by_key.values()}
        self._by_symbol: dict[str, list[Instrument]] = defaultdict(list)
        for instrument in self.by_key.values():
            self._by_symbol[instrument.symbol.upper()].append(instrument)
        self._words = {
            key: (instrument.symbol.upper(), instrument.name.upper().split()) for key, instrument in self.by_key.items()
        }

    def get(self, key: str) -> Instrument:
        """The instrument of that key; one that only the engine knows gets what its key says."""
        return self.by_key.get(key) or Instrument(key=key)

    def resolve(self, text: str, also: Iterable[str] = ()) -> Instrument:
        """The instrument meant by VENUE:SYMBOL, an unambiguous SYMBOL or a numeric id.

        `also` names keys that are known from elsewhere (rows of the engine whose reference is not
        stored yet). NotFoundError, or ConflictError where several venues list the symbol.
        """
        wanted = text.strip().removeprefix("$").upper()
        found = self.by_key.get(wanted) or self._by_id.get(wanted)
        if found is not None:
            return found
        candidates = list(self._by_symbol.get(wanted, ()))
        if not candidates:
            candidates = [Instrument(key=key) for key in also if wanted in {key.upper(), key.partition(":")[2].upper()}]
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            keys = ", ".join(instrument.key for instrument in candidates)
            raise ConflictError(f"{text} is listed more than once: ask for one of {keys}")
        raise NotFoundError(f"no instrument {text}; ask as VENUE:SYMBOL, for example NSE:RELIANCE")

    def search(self, text: str, among: Iterable[str]) -> list[str]:
        """Keys whose symbol starts with the text, then those with words of the name that start with its words."""
        wanted = text.strip().upper()
        parts = wanted.split()
        if not parts:
            return list(among)
        first: list[str] = []
        second: list[str] = []
        for key in among:
            symbol, words = self._words.get(key, (key.partition(":")[2].upper(), []))
            if symbol.startswith(wanted) or key.upper().startswith(wanted):
                first.append(key)
            elif all(any(word.startswith(part) for word in (*words, symbol)) for part in parts):
                second.append(key)
        first.sort(key=lambda key: (len(key), key))
        return first + second
