"""Trading calendars as arrays, so that kernels can read them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SessionTable:
    """Sessions of one calendar, ascending and disjoint.

    `open` and `close` are ns UTC (a session is [open, close)), `date` the trading date as days since
    1970-01-01, `zone` the IANA name of the venue's time zone, `kind` 0 regular, 1 special, 2 muhurat.
    """

    name: str
    zone: str
    open: NDArray[np.int64]
    close: NDArray[np.int64]
    date: NDArray[np.int64]
    kind: NDArray[np.uint8]


class Calendars(Protocol):
    """Sessions by calendar name. InvalidSettingError (with the known names) for an unknown one."""

    def sessions(self, name: str) -> SessionTable: ...
    def names(self) -> list[str]: ...
