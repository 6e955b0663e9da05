"""The table of children on one machine: servers, the migration, then Marketbell's own processes."""

import sys
from collections.abc import Callable, Sequence

from marketbell.core.primitives.shards import Shards, stream_name
from marketbell.ports.servers import EmbeddedServer, Launch
from marketbell.processes.up.spec import EDGE, ENGINE, SERVER, Spec
from marketbell.settings import Settings

MIGRATE = "migrate"
PAGE = ("api", "live")
"""A person can use the page once these are ready."""


def _python(module: str, *arguments: str) -> Callable[[], Launch]:
    return lambda: Launch([sys.executable, "-m", f"marketbell.processes.{module}", *arguments])


def _streams(settings: Settings, needs: tuple[str, ...]) -> list[Spec]:
    """The engine, in as many processes as are wanted."""
    if settings.stream.processes == 1:
        return [Spec("stream", _python("stream"), needs=needs, stage=ENGINE)]
    return [
        Spec(stream_name(part), _python("stream", "--shards", str(part)), needs=needs, stage=ENGINE)
        for part in Shards.parse(settings.stream.shards).cut(settings.stream.processes)
    ]


def build_table(settings: Settings, servers: Sequence[EmbeddedServer], *, is_migrated: bool = False) -> list[Spec]:
    """Servers first; what the page needs next; the rest once the page is there, so that it is there sooner.

    The migration waits for its database itself, so that it is loaded meanwhile; one that was done needs none.
    """
    names = tuple(server.name for server in servers)
    table = [
        Spec(server.name, server.launch, stage=SERVER, probe=server.is_ready, port=server.port) for server in servers
    ]
    if not is_migrated:
        table.append(Spec(MIGRATE, _python("up.migrate"), stage=ENGINE, once=True))
    migrated = names if is_migrated else (*names, MIGRATE)
    return [
        *table,
        *_streams(settings, migrated),
        Spec("api", _python("api"), needs=migrated, stage=EDGE, port=settings.port),
        Spec("ingest", _python("ingest"), needs=migrated, stage=EDGE, port=settings.ingest_port),
        Spec("live", _python("live"), needs=migrated, stage=EDGE, port=settings.live_port),
        Spec("sender", _python("sender"), needs=PAGE, stage=EDGE),
        Spec("worker", _python("worker"), needs=PAGE, stage=EDGE),
        Spec("beat", _python("beat"), needs=PAGE, stage=EDGE),
    ]
