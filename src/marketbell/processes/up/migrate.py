"""`python -m marketbell.processes.up.migrate`: a step of `up` in a process of its own.

SQLAlchemy and Alembic stay out of the supervisor's memory.
"""

import sys
import time

from marketbell.core.primitives.errors import MarketbellError, UserError
from marketbell.observability import setup
from marketbell.settings import load
from marketbell.wiring.up import migrate


def main() -> int:
    """0 done; 2 the person has to mend something; 1 try again."""
    settings = load()
    log = setup("migrate", settings)
    try:
        migrate(settings, time.sleep, lambda reason: log.warning("database.awaited", reason=reason))
    except MarketbellError as error:
        sys.stderr.write(error.message + "\n")
        return 2 if isinstance(error, UserError) else 1
    log.info("schema.migrated")
    return 0


if __name__ == "__main__":
    sys.exit(main())
