"""Words of the language beside its functions and fields, and the nearest one to a word that is none."""

from collections.abc import Sequence
from difflib import get_close_matches

from marketbell.core.language.fields import ALIASES, BY_NAME

BAR_FIELDS: dict[str, tuple[str, str]] = {
    "open": ("price", "First price of the bar."),
    "high": ("price", "Highest price of the bar."),
    "low": ("price", "Lowest price of the bar."),
}
"""Type and meaning of names that only a bar has; `close` and `volume` are fields too."""

LEVEL_FIELDS = frozenset({"close"})
"""Fields that a level rule can watch."""

CHANNELS = (
    "in_app", "webhook", "slack", "telegram", "sms", "mail", "email", "whatsapp", "discord", "teams", "push", "voice",
    "apprise",
)  # fmt: skip
"""Kinds of channels that a rule may name; which of them can be told is the sender's matter."""
SAME_CHANNEL = {"mail": "email"}
"""Words for a kind that has another name in the list of channels."""
ACTIONS = ("paper_buy", "paper_sell", "paper_close")
UPDATES = ("chain", "shareholding", "fundamentals", "news")
"""What `at update` may wait for."""
VENUES = ("NSE", "BSE", "MCX", "US", "NYSE", "NASDAQ", "SIM", "NONE")
TEXT_FIELDS: dict[str, str] = {
    "symbol": "The venue's own spelling of the instrument.",
    "name": "Name of the instrument.",
    "sector": "Sector.",
    "industry": "Industry.",
    "instrument": "The instrument's key: NSE:RELIANCE.",
}
"""Facts of an instrument that are words: they can be columns of a screen and its order, no part of an expression."""

TYPE_NAMES = {
    "price": "a price",
    "number": "a number",
    "percent": "a percentage",
    "money": "an amount of money",
    "count": "a count",
    "duration": "a duration",
    "bool": "true or false",
    "enum": "a choice",
    "time": "a time",
    "text": "a text",
}


def nearest(word: str, names: Sequence[str]) -> str | None:
    """The known name that was probably meant, None where nothing is near."""
    for candidate in (word, word.lower()):
        found = get_close_matches(candidate, names, n=1, cutoff=0.6)
        if found:
            return found[0]
    return None


def nearest_field(word: str) -> str | None:
    """The field or alias that was probably meant."""
    return nearest(word, [*BY_NAME, *ALIASES])


def hint(word: str, names: Sequence[str]) -> str:
    """`: did you mean `close`?`, or nothing."""
    near = nearest(word, names)
    return f": did you mean `{near}`?" if near else ""
