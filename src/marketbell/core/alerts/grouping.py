"""Storms: the first firings of a rule go at once, the rest of a window are told in one message."""

from dataclasses import dataclass, replace
from datetime import tzinfo

from marketbell.core.alerts.local_time import SECOND, told
from marketbell.core.alerts.verdict import TELL, Verdict, hold

AT_ONCE = 3
"""So many firings of one rule go to one destination singly before the others of the window are gathered."""
STORM = "storm:"
LONGEST_LISTED = 12


@dataclass(frozen=True, slots=True)
class Window:
    """What one rule sent to one destination since `began_at` (ns UTC): so many at once, so many held."""

    began_at: int
    at_once: int = 0
    held: int = 0


def gathered_by(rule_uid: str) -> str:
    """The key of what is told together."""
    return STORM + rule_uid


def place(window: Window | None, window_s: float, zone: tzinfo, now: int) -> tuple[Verdict, Window | None]:
    """Now, or with others at the window's end; and the window after it.

    A storm that goes on into the next window is not let through afresh there: while it lasts, each window gives one
    message.
    """
    if window_s <= 0:
        return TELL, None
    length = int(window_s * SECOND)
    if window is None or not window.began_at <= now < window.began_at + length:
        goes_on = window is not None and window.held > 0 and 0 <= now - window.began_at - length < length
        window = Window(window.began_at + length, AT_ONCE) if window and goes_on else Window(now)
    if window.at_once < AT_ONCE:
        return TELL, replace(window, at_once=window.at_once + 1)
    until = window.began_at + length
    verdict = hold("storm", f"many at once: gathered until {told(until, zone)}", until)
    return verdict, replace(window, held=window.held + 1)


def headline(rule: str, symbols: list[str]) -> str:
    """`43 symbols matched Volume shocker: A, B, C and 40 more`; a symbol that fired twice is named once."""
    named = list(dict.fromkeys(symbols))
    many = f"{len(named)} symbols" if len(named) > 1 else f"{named[0]} {len(symbols)} times"
    if len(named) == 1:
        return f"{rule}: {many}"
    listed = ", ".join(named[:LONGEST_LISTED])
    rest = len(named) - LONGEST_LISTED
    return f"{many} matched {rule}: {listed}" + (f" and {rest} more" if rest > 0 else "")
