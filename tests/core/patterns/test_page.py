"""The page about patterns says what the catalogue says."""

from pathlib import Path

import pytest

from marketbell.core.language.fields import BY_NAME
from marketbell.core.patterns.catalogue import PATTERNS, Pattern

PAGE = Path(__file__).parents[3] / "docs/reference/patterns.md"


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda one: one.name)
def test_the_page_holds_every_definition(pattern: Pattern) -> None:
    words = " ".join(PAGE.read_text(encoding="utf-8").split())
    for text in (pattern.title, pattern.field, pattern.definition, pattern.reason, pattern.source, pattern.caution):
        assert text in words
    for number in pattern.numbers:
        assert f"| `{number.name}` | {number.label} |" in words
    assert BY_NAME[pattern.field].type == "bool"
    assert pattern.score_field in BY_NAME
