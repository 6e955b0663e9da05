"""Links in messages that do one thing without a login: what they say, for whom, and how long. Signing is the flow's."""

from dataclasses import dataclass
from typing import Literal, get_args

Purpose = Literal["ack", "snooze", "mute"]
PURPOSES: tuple[str, ...] = get_args(Purpose)
VERSION = "1"
LIFE_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Link:
    """One purpose of one alert of one person, until a moment (ns UTC).

    ack and snooze: the alert's rule about its instrument. mute: the whole rule.
    """

    purpose: Purpose
    owner_id: str
    firing_id: str
    expires_at: int


def written(link: Link) -> bytes:
    """What is signed: every part with its length before it, so that no two links give the same bytes."""
    parts = (VERSION, link.purpose, link.owner_id, link.firing_id, str(link.expires_at // 10**9))
    return b"".join(b"%d:%s" % (len(part.encode()), part.encode()) for part in parts)


def read(raw: bytes) -> Link | None:
    """The link of bytes whose signature was good; None where they are of another version or broken."""
    parts = []
    while raw:
        length, colon, rest = raw.partition(b":")
        if not colon or not length.isdigit() or len(length) > 4 or int(length) > len(rest):
            return None
        try:
            parts.append(rest[: int(length)].decode())
        except UnicodeDecodeError:
            return None
        raw = rest[int(length) :]
    if len(parts) != 5 or parts[0] != VERSION or parts[1] not in PURPOSES or not parts[4].isdigit():
        return None
    purpose: Purpose = "ack" if parts[1] == "ack" else "snooze" if parts[1] == "snooze" else "mute"
    return Link(purpose, parts[2], parts[3], int(parts[4]) * 10**9)
