"""What is traded, and where."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from marketbell.core.primitives.identity import InstrumentId, instrument_id, shard_of

LISTED_KINDS = ("equity", "crypto", "currency")
"""What counts for the market's breadth and its lists: what is traded itself."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One traded thing on one venue.

    `key` is VENUE:SYMBOL (`NSE:RELIANCE`). `root` is the underlying's key for derivatives, else the
    instrument's own: it decides the shard, so a chain stays together. `tick_size` is the smallest
    price step and gives the precision of every price that leaves the engine. `kind` is one of
    equity, index, future, option, crypto, currency.
    """

    key: str
    name: str = ""
    kind: str = "equity"
    sector: str = ""
    industry: str = ""
    isin: str = ""
    currency: str = "INR"
    calendar: str = "XNSE"
    tick_size: float = 0.05
    lot_size: int = 1
    shares_outstanding: float = 0.0
    root: str = ""
    indices: tuple[str, ...] = ()
    source: str = ""
    is_simulated: bool = False

    @property
    def instrument_id(self) -> InstrumentId:
        """The permanent id (see core/primitives/identity)."""
        return instrument_id(self.key)

    @property
    def venue(self) -> str:
        """The part before the colon."""
        return self.key.partition(":")[0]

    @property
    def symbol(self) -> str:
        """The part after the colon, the venue's own spelling."""
        return self.key.partition(":")[2]

    @property
    def shard(self) -> int:
        """Logical shard 0..63."""
        return shard_of(self.root or self.key)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON and the store."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `as_dict`; unknown keys are left out, so older readers read newer logs."""
        kept = {name: value for name, value in values.items() if name in _KNOWN}
        if "indices" in kept:
            kept["indices"] = tuple(kept["indices"])
        return cls(**kept)


_KNOWN = frozenset(one.name for one in fields(Instrument))
