"""Names of underlyings as sources write them, to our keys."""

from marketbell.core.primitives.errors import InvalidSettingError

_SAME = {
    "NIFTY50": "NIFTY",
    "NIFTY 50": "NIFTY",
    "NIFTY BANK": "BANKNIFTY",
    "BANK NIFTY": "BANKNIFTY",
    "NIFTYBANK": "BANKNIFTY",
    "NIFTY FIN SERVICE": "FINNIFTY",
    "NIFTY FINANCIAL SERVICES": "FINNIFTY",
    "NIFTY MID SELECT": "MIDCPNIFTY",
    "NIFTY MIDCAP SELECT": "MIDCPNIFTY",
    "NIFTY NEXT 50": "NIFTYNXT50",
}
_VENUES = {
    "NSE": "NSE",
    "NSE_INDEX": "NSE",
    "NSE_EQ": "NSE",
    "NFO": "NSE",
    "BSE": "BSE",
    "BSE_INDEX": "BSE",
    "BSE_EQ": "BSE",
}


def key_of(name: str, venue: str = "NSE") -> str:
    """The key of an underlying: `NIFTY50`, `NSE_INDEX|Nifty 50` and `NSE:NIFTY` are NSE:NIFTY."""
    text = name.strip()
    for sign in ("|", ":"):
        before, found, after = text.partition(sign)
        if found:
            venue, text = _VENUES.get(before.upper(), before.upper()), after
    symbol = text.upper().removesuffix(".NS")
    return f"{venue}:{_SAME.get(symbol, symbol)}"


def checked_key(name: str) -> str:
    """The key that a person wrote, with or without the venue. InvalidSettingError for an empty one."""
    if not name.strip(" :|"):
        message = "an underlying is written NSE:NIFTY or NIFTY"
        raise InvalidSettingError(message)
    return key_of(name)
