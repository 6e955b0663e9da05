"""A `.bell` file cut into its rules, before any of them is parsed.

Each rule is read on its own, so one broken rule hides no error of the next. A rule starts at `alert`,
or at `screen` where it is not part of an `on` clause.
"""

import re
from dataclasses import dataclass

from marketbell.core.language.symbols import NOWHERE, Position

_TOKEN = re.compile(
    r'(?P<string>"(?:\\["\\]|[^"\\\n])*"?)|(?P<comment>#[^\n]*)|(?P<symbol>\$\{[^}\n]*\}?|\$[A-Za-z0-9_:]+)'
    r"|(?P<member>\.[A-Za-z_]\w*)|(?P<word>[A-Za-z_]\w*)|(?P<space>\s+)|(?P<other>.)",
)
_UID = re.compile(r"#\s*rule_uid\s*:\s*(\S*)\s*")


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one rule and where it begins. `uid` is what its `# rule_uid:` line says, unread."""

    text: str
    start: Position
    uid: str | None = None
    uid_position: Position = NOWHERE

    def position(self, line: int, column: int) -> Position:
        """From a place in this text to the place in the file."""
        if line <= 1:
            return Position(self.start.line, self.start.column + column - 1)
        return Position(self.start.line + line - 1, column)

    def end(self) -> Position:
        """Just behind the last character."""
        lines = self.text.split("\n")
        return self.position(len(lines), len(lines[-1]) + 1)


@dataclass(frozen=True, slots=True)
class Stray:
    """A word before the first rule."""

    text: str
    start: Position


def split(text: str) -> tuple[list[Source], Stray | None]:
    """Cut a file into rules; the second value is the first thing that belongs to none."""
    sources: list[Source] = []
    stray: Stray | None = None
    line, line_start = 1, 0
    uid: tuple[str, Position] | None = None
    opened: tuple[int, Position, tuple[str, Position] | None] | None = None
    last_end, previous = 0, ""

    def close() -> None:
        if opened is not None:
            begin, start, named = opened
            body = text[begin:last_end]
            sources.append(Source(body, start, *named) if named else Source(body, start))

    for match in _TOKEN.finditer(text):
        word, kind, at = match[0], match.lastgroup, match.start()
        here = Position(line, at - line_start + 1)
        if kind == "space":
            newlines = word.count("\n")
            if newlines:
                line += newlines
                line_start = at + word.rfind("\n") + 1
            continue
        if kind == "comment":
            named = _UID.fullmatch(word)
            uid = (named[1], here) if named else uid
            continue
        starts = (
            kind == "word"
            and previous != ":"
            and (word == "alert" or (word == "screen" and previous not in {"on", ","}))
        )
        if starts:
            close()
            opened = (at, here, uid)
        elif opened is None and stray is None:
            stray = Stray(word, here)
        uid, last_end, previous = None, match.end(), word
    close()
    return sources, stray
