"""What the store of option chains knows of the days before: volatilities that IV rank and percentile look back at.

They go on the log in front of everything, so that the engine that reads it needs no store, and a day that it saw
itself counts before one that is told here. A store that does not answer delays nobody: what it knows is not known then.
"""

from datetime import date
from typing import Any

import structlog

from marketbell.core.market.session import DAY
from marketbell.core.primitives.errors import StoreUnavailableError
from marketbell.flows.ingest.universe import Directory
from marketbell.ports.chains import ChainStore

log = structlog.stdlib.get_logger("ingest.past_chains")

DAYS = 400
"""Calendar days that are told: a year of sessions and some."""
METRIC = "atm_iv_30"
_EPOCH = date(1970, 1, 1)


class PastChains:
    """Reads a store of chains for the instruments of a directory."""

    def __init__(self, chains: ChainStore, directory: Directory) -> None:
        self._chains = chains
        self._directory = directory

    def payload(self, until: int) -> dict[str, Any] | None:
        """The REFERENCE entry of days before `until` (ns UTC); None where there are none, or nobody can say."""
        items = []
        try:
            for key in self._chains.underlyings():
                known = self._directory.get(key)
                if known is None:
                    continue
                days = self._chains.days(key, METRIC, until - DAYS * DAY, until)
                if days:
                    items.append(
                        {
                            "instrument_id": int(known.instrument_id),
                            "days": [(day - _EPOCH).days for day, _, _ in days],
                            "values": [value for _, _, value in days],
                        }
                    )
        except StoreUnavailableError as error:
            log.warning("volatilities.untold", error=error.message)
            return None
        return {"type": "iv_history", "items": items} if items else None
