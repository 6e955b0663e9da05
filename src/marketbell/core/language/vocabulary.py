"""Names of the language: those that work, and those that are reserved for what is not built yet.

A reserved name is answered with "not yet supported"; any other unknown name with the nearest one.
"""

from difflib import get_close_matches

from marketbell.core.language.fields import ALIASES, BY_NAME

FUNCTIONS: dict[str, str | None] = {
    # What a function returns: a type's name, "same" as its first argument, or None where it depends.
    **dict.fromkeys(("sma", "ema", "wma", "highest", "lowest", "stdev", "sum", "avg", "change"), "same"),
    **dict.fromkeys(("live", "value_when", "abs", "min", "max", "round", "coalesce", "avg_of"), "same"),
    **dict.fromkeys(("rsi", "adx", "mfi", "cci", "zscore", "corr", "beta", "percentile", "slope", "obv"), "number"),
    **dict.fromkeys(("pct_change", "roc", "hv", "pct_of"), "percent"),
    **dict.fromkeys(("rank", "count", "bars_since", "days_to"), "count"),
    **dict.fromkeys(("vwap", "atr"), "price"),
    **dict.fromkeys(("macd", "bb", "supertrend", "stoch", "orb", "pivots", "gap", "if"), None),
}
"""Known functions; none of them can be evaluated in a rule yet."""

RESERVED_FIELDS = frozenset({"open", "high", "low", "oi", "fund.cagr_5y", "fund.pe_median_5y", "cagr_5y"})
RESERVED_NAMESPACES = frozenset({"opt", "fut", "book", "news", "macro", "mkt", "pos", "acct", "my"})
RESERVED_PARTS = frozenset({"day", "prev_day", "src"})

LEVEL_FIELDS = frozenset({"close"})
"""Fields that a level rule can watch."""

CHANNELS = ("in_app", "webhook", "slack")
RESERVED_CHANNELS = ("telegram", "sms", "mail", "email", "whatsapp", "discord", "teams", "push", "voice")

TYPE_NAMES = {
    "price": "a price",
    "number": "a number",
    "percent": "a percent",
    "money": "an amount of money",
    "count": "a count",
    "duration": "a duration",
    "bool": "true or false",
    "enum": "a choice",
    "time": "a time",
    "text": "a text",
}


def nearest(word: str, names: tuple[str, ...] | list[str]) -> str | None:
    """The known name that was probably meant, None where nothing is near."""
    for candidate in (word, word.lower()):
        found = get_close_matches(candidate, names, n=1, cutoff=0.6)
        if found:
            return found[0]
    return None


def nearest_field(word: str) -> str | None:
    """The field or alias that was probably meant."""
    return nearest(word, [*BY_NAME, *ALIASES])


def hint(word: str, names: tuple[str, ...] | list[str]) -> str:
    """`: did you mean `close`?`, or nothing."""
    near = nearest(word, names)
    return f": did you mean `{near}`?" if near else ""
