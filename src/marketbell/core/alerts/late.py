"""Lateness: a message that leaves long after it should have says so in its first word."""


def is_late(due_at: int, now: int, max_age_s: float) -> bool:
    """True where a message leaves so long after it was due that it must say so (ns UTC).

    It is due when its firing was recorded; one that was held on purpose, when it was released.
    """
    return now - due_at > max_age_s * 1e9
