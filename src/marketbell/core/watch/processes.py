"""An evaluator that stands while the market goes on, and processes that say nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketbell.core.watch.finding import NS, Finding


@dataclass(frozen=True, slots=True)
class Slice:
    """Shards of an evaluator: a name, how many frames it has applied, and since when (ns UTC) that stands still."""

    label: str
    offset: int
    still_since: int


def stream_stuck(slices: Sequence[Slice], log_moved_at: int, now: int, stuck_s: float) -> list[Finding]:
    """Slices that did not move for `stuck_s` while the log did.

    `log_moved_at` is when the log's clock (heartbeats come four times a second) was seen to move last: a log
    without news is no fault of the evaluator's.
    """
    return [
        Finding(
            "stream_stuck",
            one.label,
            one.still_since,
            f"Evaluator {one.label} has not moved for {(now - one.still_since) // NS} s while frames come.",
            "Alerts wait until it goes on; `marketbell status` shows its process and lag.",
        )
        for one in slices
        if now - one.still_since >= stuck_s * NS and log_moved_at - one.still_since >= stuck_s * NS / 2
    ]


def process_silent(
    wanted: Sequence[str], reasons: Mapping[str, str], silent_since: Mapping[str, int], now: int, silent_s: float
) -> list[Finding]:
    """Processes that have said nothing (or said they do not work, with the reason) for `silent_s`."""
    found = []
    for name in wanted:
        since = silent_since.get(name)
        if since is None or now - since < silent_s * NS:
            continue
        why = reasons.get(name) or "it says nothing"
        found.append(
            Finding(
                "process_silent",
                name,
                since,
                f"The process {name} has not worked for {(now - since) // NS} s: {why}.",
                "`marketbell status` shows its state and DATA_DIR/logs its last words.",
            )
        )
    return found
