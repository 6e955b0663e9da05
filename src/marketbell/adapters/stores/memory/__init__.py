"""The stores inside one process: for tests and for work that needs no server. Nothing outlives the object."""

from marketbell.adapters.stores.memory.chains import MemoryChains
from marketbell.adapters.stores.memory.jobs import MemoryJobs
from marketbell.adapters.stores.memory.ledger import MemoryLedger
from marketbell.adapters.stores.memory.market import MemoryBars, MemoryInstruments, MemoryQuality, MemorySnapshots
from marketbell.adapters.stores.memory.outbox import Outbox
from marketbell.adapters.stores.memory.people import (
    MemoryChannels,
    MemoryIdempotency,
    MemorySessions,
    MemoryWatchlists,
)
from marketbell.adapters.stores.memory.reference import MemoryFundamentals
from marketbell.adapters.stores.memory.rules import MemoryRules
from marketbell.adapters.stores.memory.screens import MemoryScreens
from marketbell.adapters.stores.memory.watches import MemoryWatches
from marketbell.adapters.stores.memory.wishes import MemoryWishes


class MemoryStores:
    """Every store, empty."""

    def __init__(self) -> None:
        self.instruments = MemoryInstruments()
        self.bars = MemoryBars()
        self.snapshots = MemorySnapshots()
        self.quality = MemoryQuality()
        self.fundamentals = MemoryFundamentals()
        self.chains = MemoryChains()
        outbox = Outbox()
        self.rules = MemoryRules(outbox)
        self.screens = MemoryScreens(outbox)
        self.ledger = MemoryLedger()
        self.jobs = MemoryJobs()
        self.watches = MemoryWatches()
        self.wishes = MemoryWishes()
        self.watchlists = MemoryWatchlists()
        self.channels = MemoryChannels()
        self.sessions = MemorySessions()
        self.idempotency = MemoryIdempotency()

    def ping(self) -> None:
        """Always there."""

    def close(self) -> None:
        """Nothing is held."""
