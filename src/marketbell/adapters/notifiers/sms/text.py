"""An alert as SMS: the first line within the first segment, then the link back, then what fits."""

from marketbell.adapters.notifiers.sms.segments import length, room, simplified
from marketbell.core.alerts.wording import ELLIPSIS, cut
from marketbell.ports.notifiers import Message

LIMIT = 1_600
"""Characters that Twilio takes in one request."""


def text(message: Message, most_segments: int) -> str:
    """At most `most_segments` SMS. The first line is cut to one of them, links are never cut but left out."""
    title = simplified(message.title)
    told = _cut(title, room(title, 1))
    for words, url in (("", message.link), ("Mute: ", message.link_mute)):
        told = _with(told, f"{words}{url}", most_segments) if url else told
    for line in message.rest:
        longer = _with(told, simplified(line), most_segments)
        if longer == told:
            break
        told = longer
    return told


def _with(told: str, line: str, most_segments: int) -> str:
    """With another line, where it still fits."""
    longer = f"{told}\n{line}"
    return longer if length(longer) <= room(longer, most_segments) and len(longer) <= LIMIT else told


def _cut(title: str, limit: int) -> str:
    return cut(title, limit, length, lambda text: text.replace(ELLIPSIS, "..."))
