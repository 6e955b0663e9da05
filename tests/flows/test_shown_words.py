"""Values of fields that are words or yes and no, as REST shows them."""

import pytest

from marketbell.flows.market_views.numbers import shown


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("book.state", 2.0, "ready"),
        ("book.state", 3.0, "resyncing"),
        ("book.state", float("nan"), None),
        ("abnormal.layering", 1.0, True),
        ("abnormal.layering", 0.0, False),
        ("abnormal.layering", None, None),
        ("abnormal.layering_score", 5.5, "5.50"),
        ("book.microprice", 61685.993, "61685.99"),
    ],
)
def test_words_and_yes_or_no(name: str, value: float | None, word: object) -> None:
    assert shown(name, value, 0.01) == word
