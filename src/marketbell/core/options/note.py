"""What was unusual in a source of chains: told to people, never hidden."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """One kind of unusual rows of one underlying and expiry.

    `where` is the first place, `text` what the kind means, `count` how many rows or chains.
    """

    kind: str
    where: str
    text: str
    count: int
