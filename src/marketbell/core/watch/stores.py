"""Messages that do not leave, letters that were given up, and a disk that fills."""

from marketbell.core.watch.finding import NS, Finding


def unsent(oldest: int | None, now: int, unsent_s: float) -> Finding | None:
    """Something where the oldest message that should have gone has waited for `unsent_s` (both ns UTC)."""
    if oldest is None or now - oldest < unsent_s * NS:
        return None
    return Finding(
        "unsent",
        "",
        oldest,
        f"The oldest message that should have been sent has waited for {(now - oldest) // NS} s.",
        "The delivery page says which channel does not take it, and why.",
    )


def disk(free: int, least: int, total: int, since: int) -> Finding | None:
    """Something where fewer than `least` bytes are free; `since` is when that was seen first."""
    if free >= least:
        return None
    return Finding(
        "disk",
        "",
        since,
        f"{free >> 20} MB of {total >> 20} MB are free where Marketbell keeps its data; {least >> 20} MB is the least.",
        "Make room, or set retention.bars_1m_days and retention.chains_days: a full disk stops the database.",
    )


def dead_letters(messages: int, runs: int, most: int, since: int) -> Finding | None:
    """Something where more than `most` messages or runs of jobs were given up and nobody has seen to them."""
    if messages + runs <= most:
        return None
    named = ((messages, "message", "messages"), (runs, "run of a job", "runs of jobs"))
    parts = [f"{count} {one if count == 1 else many}" for count, one, many in named if count]
    verb = "was" if messages + runs == 1 else "were"
    return Finding(
        "dead_letters",
        "",
        since,
        f"{' and '.join(parts)} {verb} given up.",
        "Read why, mend it, and replay them: `marketbell dead-letters list`, `marketbell jobs list --state dead`.",
    )
