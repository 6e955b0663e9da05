"""What a provider's refusal means: over for good, or worth another try, and when."""

from datetime import datetime

from marketbell.core.primitives.errors import DeliveryError

LATER = frozenset({408, 425, 429})
"""Of the 4xx, those that pass by themselves."""
FAULT = 500
LONGEST_WAIT_S = 3_600.0
_LONGEST_SAID = 160


def passes(status: int) -> bool:
    """True where the same request may be accepted later."""
    return status in LATER or status >= FAULT


def refusal(who: str, status: int, said: str = "", asked: float = 0.0) -> DeliveryError:
    """The error of an HTTP answer that is not a success. `asked` are the seconds that the provider asked to wait."""
    words = " ".join(said.split())[:_LONGEST_SAID]
    if passes(status):
        return DeliveryError(f"{who} answered HTTP {status}{f': {words}' if words else ''}", retry_after_s=asked)
    return DeliveryError(f"{who} refused: HTTP {status}{f' {words}' if words else ''}", permanent=True)


def asked_s(text: str, now: int = 0) -> float:
    """Seconds of a Retry-After header: a number, or a date seen from `now` (ns UTC; 0: dates count as nothing).

    Nonsense counts as nothing asked, and nobody makes us wait for more than an hour.
    """
    words = text.strip()
    try:
        return min(max(float(words), 0.0), LONGEST_WAIT_S) if words[:1].isdigit() else _until(words, now)
    except ValueError:
        return 0.0


def _until(words: str, now: int) -> float:
    if not now or not words:
        return 0.0
    moment = datetime.strptime(words, "%a, %d %b %Y %H:%M:%S GMT")  # noqa: DTZ007 — the text says GMT
    seconds = (moment - datetime(1970, 1, 1)).total_seconds() - now / 1e9  # noqa: DTZ001 — both in GMT
    return min(max(seconds, 0.0), LONGEST_WAIT_S)
