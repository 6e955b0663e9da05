"""Who may work on a range of shards: one process, by advisory locks and a fence in the ledger.

The locks end with their holder's session, so a killed owner is followed within a second. The fence is what
makes an owner harmless that was cut off without noticing: its next transaction is refused.
"""

from collections.abc import Callable

import structlog

from marketbell.core.primitives.errors import StoreUnavailableError
from marketbell.core.primitives.shards import Shards
from marketbell.ports.leases import Lease, Leases
from marketbell.ports.ledger import Ledger

log = structlog.stdlib.get_logger("stream.ownership")

EVERY_S = 1.0
"""How often a standby asks for the shards, and an owner whether it has them still."""


def lease_name(shard: int) -> str:
    """The lock of one shard."""
    return f"stream:shard:{shard}"


class Ownership:
    """A range of shards, all of it or nothing. `may_write` may be asked by any thread, the rest by one."""

    def __init__(self, shards: Shards, leases: Leases, ledger: Ledger) -> None:
        self.shards = shards
        self.fence = 0
        self.reason = ""
        self._leases = leases
        self._ledger = ledger
        self._lease: Lease | None = None
        self._due = float("-inf")

    @property
    def is_owner(self) -> bool:
        """True between `take` and a `watch` that said otherwise."""
        return self._lease is not None

    def may_write(self) -> bool:
        """True where the shards are ours at this moment. StoreUnavailableError while nobody can tell."""
        lease = self._lease
        return lease is not None and lease.is_held()

    def take(self, steady: float, newest_fence: Callable[[], int]) -> bool:
        """Try to become the owner, at most once a second. `newest_fence` is that of the checkpoints."""
        if steady < self._due:
            return False
        self._due = steady + EVERY_S
        try:
            lease = self._leases.acquire_all([lease_name(shard) for shard in self.shards])
            if lease is None:
                if not self.reason.startswith("another"):
                    log.warning("shards.taken", shards=str(self.shards))
                self.reason = f"another stream process has some of the shards {self.shards}; this one waits"
                return False
            try:
                # a database that was made anew counts from 1: the checkpoints know better
                self.fence = self._ledger.raise_fence(list(self.shards), newest_fence())
            except BaseException:
                lease.release()
                raise
        except StoreUnavailableError as error:
            self.reason = error.message
            return False
        self._lease, self.reason = lease, ""
        self._due = steady + EVERY_S
        log.info("shards.owned", shards=str(self.shards), fence=self.fence)
        return True

    def watch(self, steady: float) -> bool:
        """Look after the lease once a second. False where somebody else was in between, or is the owner now."""
        if self._lease is None or steady < self._due:
            return True
        self._due = steady + EVERY_S
        try:
            if self._lease.is_held():
                return True
            lease = self._leases.acquire_all([lease_name(shard) for shard in self.shards])
            if lease is not None:
                if set(self._ledger.fences(list(self.shards))) == {self.fence}:
                    self._lease = lease
                    log.info("shards.kept", shards=str(self.shards), fence=self.fence)
                    return True
                lease.release()
        except StoreUnavailableError:
            return True  # nobody can take it either; the lanes say that the database is away
        log.warning("shards.lost", shards=str(self.shards), fence=self.fence)
        self.release()
        return False

    def release(self) -> None:
        """Let the next one have the shards."""
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()
