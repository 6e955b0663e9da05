"""Servers that somebody else wrote and that we start ourselves, as children in the foreground."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a child. `uid` and `gid` are set where it must not run as us; signals go to its process group."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    uid: int | None = None
    gid: int | None = None
    stop_signal: int = 15


class EmbeddedServer(Protocol):
    """A server with its own data folder, password and port, remembered between runs.

    `prepare` makes the folder, chooses the port, and stops what a crashed run left behind; it raises UserError
    with one clear line where the machine does not allow that. After it `launch` may be called as often as the server
    must be started: always with the same port and the same data.
    """

    name: str
    binary: str

    @property
    def url(self) -> str:
        """Where clients connect, password included."""

    @property
    def port(self) -> int:
        """On 127.0.0.1."""

    def prepare(self) -> None: ...
    def launch(self) -> Launch: ...
    def is_ready(self) -> bool:
        """True once it answers a client; never raises."""
