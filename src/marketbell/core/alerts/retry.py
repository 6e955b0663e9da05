"""When a failed delivery is tried again, and when it is given up."""

from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off: `first_s`, doubled each time up to `longest_s`, and at most `attempts` in all.

    With the defaults a receiver may be away for about three quarters of an hour.
    """

    first_s: float = 1.0
    longest_s: float = 600.0
    attempts: int = 14


def wait_s(policy: RetryPolicy, delivery_id: str, attempts: int, asked_s: float = 0.0) -> float:
    """Seconds until the next try after `attempts` failed ones, never less than the receiver asked for.

    Half of the wait is jitter, so that a crowd of failures does not come back as a crowd. The jitter
    comes from the delivery and the attempt: no chance, the same in every run.
    """
    whole: float = min(policy.longest_s, policy.first_s * 2.0 ** min(attempts - 1, 40))
    digest = blake2b(f"{delivery_id}:{attempts}".encode(), digest_size=8).digest()
    share = int.from_bytes(digest, "big") / 2**64
    return max(asked_s, whole * (0.5 + 0.5 * share))


def gives_up(policy: RetryPolicy, attempts: int, *, is_permanent: bool) -> bool:
    """True where trying again cannot help, or was tried often enough."""
    return is_permanent or attempts >= policy.attempts
