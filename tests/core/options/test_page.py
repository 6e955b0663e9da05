"""The page on option chains names every metric, format, note, state and model."""

from pathlib import Path

from marketbell.adapters.feeds.replay.chains import FORMATS
from marketbell.adapters.feeds.replay.chains.notes import KINDS
from marketbell.core.options.metrics import NAMES
from marketbell.core.options.model import Model, Status

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "option-chains.md").read_text()


def test_nothing_is_left_out() -> None:
    states = [one.name.lower() for one in Status]
    for name in (*NAMES, *FORMATS, *KINDS, *states, *(one.value for one in Model)):
        assert f"`{name}`" in PAGE, name
