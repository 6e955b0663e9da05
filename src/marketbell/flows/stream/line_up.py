"""The operators that the stream and every replay put behind the engine's own."""

from marketbell.core.engine.line_up import Extra
from marketbell.core.rules.book import RuleBook
from marketbell.core.screening.standing import StandingScreens

BEHIND: tuple[Extra, ...] = (RuleBook,)
"""In the order of their calls."""
LIVE: tuple[Extra, ...] = (*BEHIND, StandingScreens)
"""Those of the stream, where somebody can look at screens."""
