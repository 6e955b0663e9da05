"""Leases: one owner for each shard, told apart by a number that only grows."""

from collections.abc import Sequence
from typing import Protocol


class Lease(Protocol):
    """What its holder shows before it does something that only the owner may do."""

    fence: int
    """Larger with every new holder of the same name."""

    def is_held(self) -> bool:
        """False once somebody else may hold one of the names. StoreUnavailableError while nobody can tell."""

    def release(self) -> None: ...


class Leases(Protocol):
    """Hands out leases. Raises StoreUnavailableError when the database does not answer."""

    def acquire(self, name: str) -> Lease | None:
        """The lease, or None while another holder has it. Does not wait."""

    def acquire_all(self, names: Sequence[str]) -> Lease | None:
        """One lease of all the names, or None while anybody has any of them: all or nothing. Does not wait."""
