"""The one decision: may this actor do this to that? Deny by default, and say why.

Until accounts land there is one actor, the local owner; everybody else is nobody. Every route, every
socket event and every room asks here, so that roles change this file and nothing else.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """What can be asked for."""

    READ = "read"
    WRITE = "write"
    CONTROL = "control"
    LOGIN = "login"
    CONNECT = "connect"
    JOIN = "join"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. `owner_id` is empty for nobody; `via` is token, cookie, live_token or nothing."""

    owner_id: str = ""
    via: str = ""

    @property
    def is_known(self) -> bool:
        """True for somebody who proved who they are."""
        return bool(self.owner_id)


NOBODY: Final = Actor()


@dataclass(frozen=True, slots=True)
class Resource:
    """What is asked for: `kind` of thing, its id, and whose it is (None: everybody's)."""

    kind: str
    id: str = ""
    owner_id: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, with a reason fit for the log and for the person."""

    allowed: bool
    reason: str


PUBLIC: Final = frozenset(
    {
        (Action.READ, "health"),
        (Action.LOGIN, "session"),
        (Action.READ, "ingest_docs"),
        (Action.READ, "signed_link"),
        (Action.WRITE, "signed_link"),
    }
)
"""What needs no login: the health answer, the way in, and links that carry their own signature."""

ROOMS: Final = frozenset({"market", "universe", "instrument", "watchlist", "screen", "chain", "job", "user"})


def decide(actor: Actor, action: Action, resource: Resource) -> Decision:
    """Say whether `actor` may do `action` to `resource`."""
    if (action, resource.kind) in PUBLIC:
        return Decision(True, "open to everybody")
    if not actor.is_known:
        return Decision(False, "not signed in")
    if resource.owner_id is not None and resource.owner_id != actor.owner_id:
        return Decision(False, "belongs to somebody else")
    if action is Action.JOIN and resource.kind not in ROOMS:
        return Decision(False, "no such room")
    return Decision(True, "the local owner")
