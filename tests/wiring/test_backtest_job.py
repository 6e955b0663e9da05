"""What a backtest's process says becomes the right outcome of its run."""

from collections.abc import Mapping
from typing import Any

import pytest

from marketbell.core.primitives.errors import MarketbellError, UserError
from marketbell.flows.jobs.running import BusyError, Report, StoppedError
from marketbell.ports.jobs import new_run
from marketbell.wiring.preview import PreviewBusyError, PreviewGoneError
from marketbell.wiring.worker import backtests

RUN = new_run("backtest", 7, args={"days": 3}, now=7)


def silent(_share: float, _stage: str) -> None:
    pass


def test_the_arguments_are_the_question_and_the_answer_is_the_result() -> None:
    asked: list[Any] = []

    def at_length(question: Mapping[str, Any], limit_s: float, report: Report) -> dict[str, Any]:
        asked.append((dict(question), limit_s, report))
        return {"fires": 2}

    assert backtests(at_length, 9.0, lambda: False)(RUN, silent) == {"fires": 2}
    assert asked == [({"days": 3}, 9.0, silent)]


@pytest.mark.parametrize(
    ("said", "is_stopped", "becomes"),
    [
        (PreviewBusyError(), False, BusyError),
        (PreviewGoneError(), True, StoppedError),
        (PreviewGoneError(), False, PreviewGoneError),  # it died by itself: an attempt that failed
        (UserError("too long"), False, UserError),
    ],
)
def test_one_under_way_waits_one_that_was_stopped_is_put_back(
    said: MarketbellError, becomes: type[MarketbellError], *, is_stopped: bool
) -> None:
    def at_length(*_: Any) -> dict[str, Any]:
        raise said

    with pytest.raises(becomes):
        backtests(at_length, 9.0, lambda: is_stopped)(RUN, silent)
