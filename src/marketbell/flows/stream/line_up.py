"""The operators that the stream and every replay put behind the engine's own."""

from marketbell.core.engine.line_up import Extra

BEHIND: tuple[Extra, ...] = ()
"""In the order of their calls."""
