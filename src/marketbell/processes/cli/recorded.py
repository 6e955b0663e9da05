"""What commands over recorded data share: watchlists from the command line, and progress on a terminal."""

import sys
from collections.abc import Sequence


def watchlists(given: Sequence[str]) -> dict[str, list[str]]:
    """`NAME=NSE:A,NSE:B` as keys by name. UserError where it is written otherwise."""
    from marketbell.core.primitives.errors import UserError

    found: dict[str, list[str]] = {}
    for one in given:
        name, sign, keys = one.partition("=")
        listed = [key.strip() for key in keys.split(",") if key.strip()]
        if not sign or not name.strip() or not listed or not all(":" in key for key in listed):
            raise UserError(f"--watchlist is written NAME=NSE:A,NSE:B, not '{one}'")
        found[name.strip()] = listed
    return found


def show_progress(done: int, total: int) -> None:
    """Progress on a terminal, one line that is written over."""
    end = "\n" if done >= total else ""
    sys.stderr.write(f"\r{done:,} of {total:,} rows{end}")
    sys.stderr.flush()
