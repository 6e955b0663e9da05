"""A message in Slack's mrkdwn. What a rule is called must not become a link, a mention or markup."""

import re

from marketbell.core.alerts.wording import assembled, cut
from marketbell.ports.notifiers import Message

LIMIT = 4_000
"""Slack asks to keep a text under this; it cuts at 40,000."""
_FIRST_LINE = 1_000
_ALIKE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "*": "\u2217", "`": "\u02cb", "~": "\u223c"})
"""Three control characters have escapes; the marks have none, so something that looks like them stands there."""
_EDGE = re.compile(r"(?<!\w)_|_(?!\w)")
_IN_LINK = str.maketrans({"&": "&amp;", "<": "%3C", ">": "%3E", "|": "%7C"})


def escaped(text: str) -> str:
    """As text: no link, no mention, no markup."""
    return _EDGE.sub("ˍ", text.translate(_ALIKE))


def text(message: Message) -> str:
    """First line in bold, then what fits, then the links on one line."""
    head = f"*{cut(message.title, _FIRST_LINE, escape=escaped)}*"
    links = [f"<{url.translate(_IN_LINK)}|{escaped(words)}>" for words, url in message.links]
    return assembled(head, message.rest, [" · ".join(links)], LIMIT, escape=escaped)
