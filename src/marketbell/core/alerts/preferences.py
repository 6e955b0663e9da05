"""How a person wants to be told: their zone, when they sleep, when they read digests."""

from dataclasses import dataclass
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marketbell.core.primitives.errors import UserError

GROUP_WINDOW_S = 60
LONGEST_WINDOW_S = 3_600
LONGEST_REPEAT_S = 86_400


@dataclass(frozen=True, slots=True)
class Preferences:
    """Wall times are `HH:MM` of `zone`; quiet hours without a beginning or an end are none.

    `quiet_except_high`: what is of severity high is told in quiet hours too. `digest_at`: when digests of whole days
    are told. `group_window_s`: how long a storm of one rule is gathered, 0: never. `repeat_s`: the same rule about
    the same instrument is told again only after so long, 0: always.
    """

    zone: str = "UTC"
    quiet_from: str = ""
    quiet_to: str = ""
    quiet_except_high: bool = True
    digest_at: str = "08:00"
    group_window_s: int = GROUP_WINDOW_S
    repeat_s: int = 0


DEFAULTS = Preferences()


def minutes(text: str, name: str) -> int:
    """Minutes past midnight of `22:30`. UserError."""
    hours, colon, rest = text.partition(":")
    is_clock = colon and len(hours) == 2 and len(rest) == 2 and (hours + rest).isascii() and (hours + rest).isdigit()
    if not is_clock or int(hours) > 23 or int(rest) > 59:
        raise UserError(f"{name} is a time of day like 22:30, not {text!r}", field=name)
    return int(hours) * 60 + int(rest)


def zone_of(preferences: Preferences) -> tzinfo:
    """The person's zone; UTC where this machine does not know it (any more)."""
    return _zone(preferences.zone) or UTC


def checked(preferences: Preferences) -> Preferences:
    """The same, with everything in it understood. UserError names the field that is wrong."""
    if _zone(preferences.zone) is None:
        raise UserError(f"there is no zone {preferences.zone!r}: give an IANA name like Asia/Kolkata", field="zone")
    for name in ("quiet_from", "quiet_to"):
        if getattr(preferences, name):
            minutes(getattr(preferences, name), name)
    if bool(preferences.quiet_from) != bool(preferences.quiet_to):
        missing = "quiet_to" if preferences.quiet_from else "quiet_from"
        raise UserError("quiet hours have a beginning and an end", field=missing)
    if preferences.quiet_from and preferences.quiet_from == preferences.quiet_to:
        raise UserError("quiet hours that begin when they end are none: leave both empty", field="quiet_to")
    minutes(preferences.digest_at, "digest_at")
    for name, most in (("group_window_s", LONGEST_WINDOW_S), ("repeat_s", LONGEST_REPEAT_S)):
        if not 0 <= getattr(preferences, name) <= most:
            raise UserError(f"{name} lies between 0 and {most} seconds", field=name)
    return preferences


def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
