"""Secrets in environment variables: `desk/slack#token` is MB_SECRET_DESK_SLACK__TOKEN."""

import re
from collections.abc import Mapping

PREFIX = "MB_SECRET_"
_OTHER = re.compile(r"[^A-Z0-9]")


class EnvironmentSecrets:
    """Reads the variables that it was given, at each question."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def find(self, name: str) -> str | None:
        """The variable's value; an empty one counts as none."""
        return self._environment.get(variable(name)) or None

    def close(self) -> None:
        """Nothing is held."""


def variable(name: str) -> str:
    """The variable of a secret's name."""
    entry, _, part = name.upper().partition("#")
    whole = f"{entry}__{part}" if part else entry
    return PREFIX + _OTHER.sub("_", whole)
