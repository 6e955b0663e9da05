"""Messages in the room that a provider gives: the first line always, then what fits, then the links.

Cut texts end in an ellipsis, left-out lines are counted: nobody takes a part for the whole.
"""

from collections.abc import Callable, Sequence

ELLIPSIS = "…"


def plain(text: str) -> str:
    """As it is."""
    return text


def utf16(text: str) -> int:
    """Length in UTF-16 code units, as Telegram and Discord count."""
    return len(text.encode("utf-16-le")) // 2


def octets(text: str) -> int:
    """Length in UTF-8."""
    return len(text.encode())


def cut(text: str, limit: int, size: Callable[[str], int] = len, escape: Callable[[str], str] = plain) -> str:
    """The text escaped, cut before it was escaped so that no escape is broken, at most `limit` long by `size`."""
    whole = escape(text)
    if size(whole) <= limit:
        return whole
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if size(escape(text[:middle].rstrip() + ELLIPSIS)) <= limit:
            low = middle
        else:
            high = middle - 1
    shown = escape(text[:low].rstrip() + ELLIPSIS)
    return shown if size(shown) <= limit else ""


def assembled(
    head: str,
    lines: Sequence[str],
    tail: Sequence[str],
    limit: int,
    *,
    size: Callable[[str], int] = len,
    escape: Callable[[str], str] = plain,
) -> str:
    """Head, lines and tail joined by line feeds, within the limit.

    `head` and `tail` are finished (escaped, with their markup) and always stand, as long as both fit; of `lines`,
    which are escaped here, as many as there is room for, and then how many were left out.
    """
    ends = [line for line in tail if line]
    while ends and size("\n".join([head, *ends])) > limit:
        ends.pop()
    ready = [escape(line) for line in lines]
    shown = len(ready)
    while True:
        left = len(ready) - shown
        more = [escape(f"{ELLIPSIS} and {left} more {'line' if left == 1 else 'lines'}")] if left else []
        text = "\n".join([head, *ready[:shown], *more, *ends])
        if size(text) <= limit:
            return text
        if not shown:
            return "\n".join([head, *ends])
        room = limit - size("\n".join([head, *more, *ends]))
        shown = _fitting(ready[:shown], room, size)


def _fitting(lines: Sequence[str], room: int, size: Callable[[str], int]) -> int:
    """How many of the lines fit; always fewer than all of them."""
    used = 0
    for count, line in enumerate(lines):
        used += size("\n" + line)
        if used > room:
            return count
    return max(0, len(lines) - 1)
