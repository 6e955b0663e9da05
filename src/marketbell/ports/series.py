"""Series for charts: who asks, and where the answer lies.

A chart asks by a field of the hash WANTS; the stream that owns the instrument answers under HAVE and, while
somebody goes on asking, tells each change on the `market` topic. Nothing here takes part in decisions: the
values come from the same functions as a rule's, over the stored bars and the forming one.
"""

from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any, Self

WANTS = "series:wants"
"""Hash: request id -> SeriesRequest as JSON."""
HAVE = "series:have:"
"""Key prefix: request id -> SeriesAnswer as JSON, for HAVE_S."""
HAVE_S = 120.0
FORGET_S = 95.0
"""A request that nobody repeated for so long is over."""
MOST_EXPRESSIONS = 16


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """Values of `expressions` at the newest `limit` bars of `timeframe`, the forming one included.

    `asked_at` (ns, our clock) and `nonce` change with each repetition; they do not make another request.
    """

    instrument_id: int
    instrument: str
    timeframe: str
    expressions: tuple[str, ...]
    limit: int
    asked_at: int = 0
    nonce: str = ""

    @property
    def request_id(self) -> str:
        """The same for the same question."""
        said = "\n".join((self.instrument, self.timeframe, str(self.limit), *self.expressions))
        return blake2b(said.encode(), digest_size=8, person=b"mb.series.1").hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse."""
        return cls(**(values | {"expressions": tuple(values["expressions"])}))
