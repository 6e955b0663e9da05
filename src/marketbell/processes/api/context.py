"""What a request finds around it: the parts, the market reader, the actor."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from flask import current_app, g

from marketbell.core.primitives.errors import ForbiddenError, LoginNeededError, NotFoundError
from marketbell.flows.accounts.decisions import NOBODY, Action, Actor, Resource, decide
from marketbell.flows.accounts.limits import RateLimit
from marketbell.flows.accounts.tokens import LiveTokens
from marketbell.flows.market_views.reader import Market, MarketReader
from marketbell.processes.api.sessions import Sessions
from marketbell.wiring.api import ApiParts

F = TypeVar("F", bound=Callable[..., Any])

EXTENSION = "marketbell"


@dataclass(frozen=True, slots=True)
class Edge:
    """One process's parts and what it remembers between requests."""

    parts: ApiParts
    reader: MarketReader
    sessions: Sessions
    live_tokens: LiveTokens
    login_limit: RateLimit


def edge() -> Edge:
    """The parts of the app that answers this request."""
    return cast("Edge", current_app.extensions[EXTENSION])


def parts() -> ApiParts:
    """The ports."""
    return edge().parts


def market() -> Market:
    """The market of this moment."""
    return edge().reader.market()


def actor() -> Actor:
    """Who asks."""
    return cast("Actor", g.get("actor", NOBODY))


def owner_id() -> str:
    """Whose rows are meant."""
    return actor().owner_id


def demand(action: Action, resource: Resource) -> None:
    """Ask the one decision function; raise what HTTP turns into 401, 403 or, for other people's things, 404."""
    decision = decide(actor(), action, resource)
    if decision.allowed:
        return
    if not actor().is_known:
        raise LoginNeededError
    if resource.owner_id is not None:
        raise NotFoundError(f"no such {resource.kind}")
    raise ForbiddenError(f"not allowed: {decision.reason}")


def asks(action: Action, kind: str) -> Callable[[F], F]:
    """Mark a view with what it asks for. A view without the mark is refused (see `security.py`)."""

    def mark(view: F) -> F:
        @functools.wraps(view)
        def asking(*args: Any, **kwargs: Any) -> Any:
            demand(action, Resource(kind))
            return view(*args, **kwargs)

        asking.__dict__["asks_for"] = (action, kind)
        return cast("F", asking)

    return mark
