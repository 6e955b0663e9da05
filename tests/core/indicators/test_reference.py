"""The page of the functions is made from the code."""

from pathlib import Path

import pytest

from marketbell.core.indicators.catalogue import BY_NAME
from marketbell.core.indicators.reference import call, lookback, page, paragraphs

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "indicators.md"
MADE_BY = "from marketbell.core.indicators.reference import page; print(page(), end='')"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), f'write it anew: python -c "{MADE_BY}" > docs/reference/indicators.md'


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_function_says_what_it_is(name: str) -> None:
    parts = paragraphs(name)
    assert parts.keys() == {"title", "Definition", "Source", "Unknown"}
    assert all(len(part) > 10 for key, part in parts.items() if key != "title")


def test_formulas() -> None:
    assert lookback(BY_NAME["adx"]) == "2 n − 1"
    assert lookback(BY_NAME["macd"]) == "slow + signal − 2"
    assert lookback(BY_NAME["stoch"]) == "k + smooth + d − 3"
    assert lookback(BY_NAME["rsi"]) == "n"
    assert lookback(BY_NAME["obv"]) == "0"
    assert call(BY_NAME["bb"]) == "bb(x, n = 20, k = 2)"
    assert call(BY_NAME["orb"]) == "orb(T)"
