"""Screens on demand: who asks is answered from the engine as it stands, and told plainly where that cannot be."""

from typing import Any

import orjson
import pytest
from tests.core.rules import market as m

from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.clock.manual import ManualClock
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.language.json_form import to_json
from marketbell.core.language.reader import parse_screen
from marketbell.flows.stream.screen_desk import ScreenDesk
from marketbell.ports.screens import HAVE, WANTS, ScreenAnswer, ScreenRequest, ScreenRow


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock(m.OPEN)
        self.cache = MemoryCache(self.clock.monotonic)
        self.engine = Engine(EngineConfig(), m.table)
        self.engine.define(m.INSTRUMENTS)
        self.engine.apply_trades(m.ticks([("NSE:A", 1, 100), ("NSE:B", 1, 300), ("NSE:C", 1, 200)]))
        self.desk = ScreenDesk(self.cache, self.clock)

    def ask(self, text: str, engines: list[Engine] | None = None, **more: Any) -> dict[str, Any]:
        request = ScreenRequest(to_json(parse_screen(text)), asked_at=self.clock.now(), nonce="n", **more)
        self.cache.put_fields(WANTS, {request.request_id: orjson.dumps(request.as_dict())})
        self.desk.step()
        self.desk.answer([self.engine] if engines is None else engines)
        self.desk.step()
        found: dict[str, Any] = orjson.loads(self.cache.get(HAVE + request.request_id) or b"{}")
        return found


def test_a_page_with_more_columns_in_another_order() -> None:
    found = Desk().ask(
        'screen "x" when close > 50 and close < 300 columns symbol', columns=("close * 2",), order_by="close",
        is_descending=True, limit=1,
    )  # fmt: skip
    assert found["nonce"] == "n"
    answer = ScreenAnswer.from_dict(found)
    assert answer.rows == (ScreenRow("NSE:C", ("C", 400.0)),)
    assert answer.columns[1] == {"expression": "close * 2", "label": "close * 2", "type": "price", "unit": ""}
    assert (answer.count, answer.chips[1]) == (2, {"text": "close < 300", "count": 2})
    assert answer.as_of == m.OPEN + 1_000_000_000


@pytest.mark.parametrize("text", ["$NSE:X.close > 5", 'screen "x" on NIFTY99 when close > 5'])
def test_what_cannot_be_evaluated_is_said(text: str) -> None:
    assert "there is no" in Desk().ask(text)["error"]


def test_a_part_of_the_market_does_not_answer_for_all() -> None:
    desk = Desk()
    desk.engine.is_whole = False
    assert "whole market" in desk.ask("close > 5")["error"]


def test_a_question_that_nobody_waits_for_is_forgotten() -> None:
    desk = Desk()
    request = ScreenRequest(to_json(parse_screen("close > 5")), asked_at=desk.clock.now() - 60 * 10**9)
    desk.cache.put_fields(WANTS, {request.request_id: orjson.dumps(request.as_dict())})
    desk.desk.step()
    assert not desk.desk.answer([desk.engine])
    assert not desk.cache.fields(WANTS)


def test_the_same_question_has_the_same_id() -> None:
    one, two = (ScreenRequest({"a": 1, "b": 2}, asked_at=at, nonce=str(at)) for at in (1, 2))
    assert one.request_id == two.request_id
    assert ScreenRequest.from_dict(orjson.loads(orjson.dumps(one.as_dict()))) == one
