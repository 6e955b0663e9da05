"""Trading calendars as arrays, so that kernels can read them."""

from typing import Protocol

from marketbell.core.market.session import SessionTable

__all__ = ["Calendars", "SessionTable"]


class Calendars(Protocol):
    """Sessions by calendar name. InvalidSettingError (with the known names) for an unknown one."""

    def sessions(self, name: str) -> SessionTable: ...
    def names(self) -> list[str]: ...
