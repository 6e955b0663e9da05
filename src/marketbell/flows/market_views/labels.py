"""Names for addresses that may be shown: enough to recognise one, not enough to use it."""

from urllib.parse import urlsplit


def address_label(kind: str, address: str) -> str:
    """`https://hooks.example.com/T00/secret` -> `hooks.example.com/…`; in-app needs no address."""
    if kind == "in_app":
        return "this app"
    pieces = urlsplit(address)
    if pieces.hostname:
        return f"{pieces.hostname}/…"
    return "…"
