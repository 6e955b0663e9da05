"""The instruments as the live server needs them: which exist, and how many decimals their prices have."""

from marketbell.core.primitives.errors import UnavailableError
from marketbell.flows.market_views.numbers import decimals_of
from marketbell.ports.stores import InstrumentStore

DEFAULT_DECIMALS = 2
REFRESH_EVERY_S = 30.0
REFRESH_SOONEST_S = 2.0


class Directory:
    """Read at the start, now and then, and soon after an unknown instrument was asked about."""

    def __init__(self, store: InstrumentStore) -> None:
        self._store = store
        self._decimals: dict[str, int] = {}
        self._is_missing_some = True
        self._read_at: float | None = None

    def decimals(self, key: str) -> int:
        """Decimals of the instrument's prices."""
        found = self._decimals.get(key)
        if found is None:
            self._is_missing_some = True
            return DEFAULT_DECIMALS
        return found

    def knows(self, key: str) -> bool:
        """True where the reference has the instrument."""
        return key in self._decimals

    def refresh(self, now_s: float) -> None:
        """Read anew when it is time. A store that does not answer leaves what is known."""
        wait_s = REFRESH_SOONEST_S if self._is_missing_some else REFRESH_EVERY_S
        if self._read_at is not None and now_s - self._read_at < wait_s:
            return
        self._read_at = now_s
        try:
            self._decimals = {i.key: decimals_of(i.tick_size) for i in self._store.all()}
        except UnavailableError:
            return
        self._is_missing_some = False
