"""Charts: who asks is answered, who looks is told, who went away is forgotten."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest

from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.columns.frame import Columns
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.primitives.errors import StoreUnavailableError, UserError
from marketbell.flows.stream.charts import Charts, Evaluated
from marketbell.ports.series import HAVE, WANTS, SeriesRequest

MINUTE = 60 * 10**9
START = 1_619_581_500 * 10**9
STOCK = Instrument("NSE:AAA")
IDENT = int(STOCK.instrument_id)


class Closes:
    """The one expression it knows is `close`, at minutes."""

    def bars_needed(self, timeframe: Timeframe, expressions: Sequence[str], limit: int) -> tuple[int, int]:
        return limit, 0

    def evaluate(
        self,
        instrument: Instrument,
        timeframe: Timeframe,
        expressions: Sequence[str],
        minutes: Columns,
        days: Columns,
        forming: tuple[bool, bool],
    ) -> Evaluated:
        if expressions != ("close",):
            raise UserError(f"unknown field `{expressions[0]}`")
        closes = np.asarray(minutes["close"], np.float64)
        return Evaluated(np.asarray(minutes["start"], np.int64), forming[0], [closes], ["price"])


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock(START + 60 * MINUTE)
        self.cache = MemoryCache(self.clock.monotonic)
        self.stores = MemoryStores()
        self.said: list[dict[str, Any]] = []
        self.charts = Charts(
            self.cache,
            self.stores.bars,
            self.clock,
            Closes(),
            lambda ident: STOCK if ident == IDENT else None,
            lambda document: self.said.append(orjson.loads(document)),
            lambda: True,
        )

    def ask(self, *expressions: str, nonce: str = "n", limit: int = 3, seconds: float = 0.3) -> SeriesRequest:
        request = SeriesRequest(IDENT, STOCK.key, "1m", expressions, limit, self.clock.now(), nonce)
        self.cache.put_fields(WANTS, {request.request_id: orjson.dumps(request.as_dict())})
        self.turn(seconds)
        return request

    def turn(self, seconds: float = 0.3) -> None:
        self.clock.sleep(seconds)
        self.charts.step()

    def have(self, request: SeriesRequest) -> dict[str, Any]:
        value = self.cache.get(HAVE + request.request_id)
        assert value is not None
        found: dict[str, Any] = orjson.loads(value)
        return found


def bars(*closes: float, first: int = 0) -> Columns:
    count = len(closes)
    prices = np.array(closes)
    return {
        "instrument_id": np.full(count, IDENT, np.int64),
        "start": START + (first + np.arange(count)) * MINUTE,
        "trades": np.ones(count, np.int64),
        "volume": np.ones(count),
    } | dict.fromkeys(("open", "high", "low", "close", "vwap"), prices)


def forming(minute: int, close: float) -> dict[str, Any]:
    prices = {f"bar.{name}": close for name in ("open", "high", "low", "close", "volume")}
    return prices | {"bar.start": START + minute * MINUTE, "event_time": START + minute * MINUTE + 1, "day.start": 0}


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.stores.bars.put("1m", bars(1.0, 2.0, 3.0, 4.0))
    return made


def test_an_answer_is_the_newest_bars_of_the_store(desk: Desk) -> None:
    answer = desk.have(desk.ask("close"))
    assert answer["nonce"] == "n"
    assert answer["series"] == [{"expression": "close", "type": "price", "values": [2.0, 3.0, 4.0]}]
    assert answer["starts"] == [START + n * MINUTE for n in (1, 2, 3)]
    assert answer["is_forming"] is False
    assert desk.charts.wanted == {IDENT}


def test_bars_that_close_and_the_forming_one_are_told(desk: Desk) -> None:
    request = desk.ask("close")
    desk.charts.take("1m", bars(5.0, first=4))
    desk.charts.forming(IDENT, forming(5, 6.5))
    desk.turn()
    (document,) = desk.said
    assert document["type"] == "series"
    assert document["instrument"] == "NSE:AAA"
    told = document["sets"][request.request_id]
    assert told == {"is_forming": True, "points": [[START + n * MINUTE, v] for n, v in ((3, 4.0), (4, 5.0), (5, 6.5))]}
    desk.turn()
    assert len(desk.said) == 1


def test_many_changes_are_told_four_times_a_second_and_none_is_lost(desk: Desk) -> None:
    desk.ask("close")
    for step in range(20):
        desk.charts.forming(IDENT, forming(4, 10.0 + step))
        desk.turn(0.05)
    desk.turn()
    assert 3 <= len(desk.said) <= 6
    (points,) = [one["points"] for one in desk.said[-1]["sets"].values()]
    assert points[-1] == [START + 4 * MINUTE, 29.0]


def test_each_of_two_requests_hears_of_every_change(desk: Desk) -> None:
    """They are due at different moments: telling one is not telling the other."""
    first = desk.ask("close", limit=1)
    desk.charts.forming(IDENT, forming(4, 10.0))
    desk.turn()  # the first is told, and due again a quarter of a second later
    second = desk.ask("close", limit=2, seconds=0.11)
    desk.charts.forming(IDENT, forming(4, 11.0))
    desk.turn(0.05)  # the second is due, the first is not
    for _ in range(4):
        desk.turn(0.1)
    newest = {}
    for document in desk.said:
        newest |= {name: told["points"][-1][1] for name, told in document["sets"].items()}
    assert newest == {first.request_id: 11.0, second.request_id: 11.0}


def test_a_question_is_answered_when_the_store_is_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> Columns:
        raise StoreUnavailableError

    with monkeypatch.context() as outage:
        outage.setattr(desk.stores.bars, "last", away)
        request = desk.ask("close")
        assert desk.cache.get(HAVE + request.request_id) is None
        assert desk.charts.error
    desk.turn()
    assert desk.have(request)["nonce"] == "n"


def test_a_repeated_question_is_answered_with_its_own_word(desk: Desk) -> None:
    desk.ask("close")
    desk.charts.take("1m", bars(5.0, first=4))
    answer = desk.have(desk.ask("close", nonce="again"))
    assert answer["nonce"] == "again"
    assert answer["series"][0]["values"] == [3.0, 4.0, 5.0]


def test_a_longer_question_reads_more_from_the_store(desk: Desk) -> None:
    desk.ask("close", limit=1)
    assert desk.have(desk.ask("close", limit=4))["series"][0]["values"] == [1.0, 2.0, 3.0, 4.0]


def test_what_cannot_be_evaluated_is_said_to_who_asked(desk: Desk) -> None:
    assert desk.have(desk.ask("clsoe"))["error"] == "unknown field `clsoe`"
    desk.charts.forming(IDENT, forming(4, 1.0))
    desk.turn()
    assert desk.said == []


def test_who_asks_no_more_is_forgotten(desk: Desk) -> None:
    desk.ask("close")
    desk.turn(100.0)
    assert desk.charts.wanted == frozenset()
    assert desk.cache.fields(WANTS) == {}
    desk.charts.take("1m", bars(5.0, first=4))
    desk.turn()
    assert desk.said == []


def test_an_instrument_of_another_process_is_left_to_it(desk: Desk) -> None:
    request = SeriesRequest(IDENT + 1, "NSE:BBB", "1m", ("close",), 3, desk.clock.now(), "n")
    desk.cache.put_fields(WANTS, {request.request_id: orjson.dumps(request.as_dict())})
    desk.turn()
    assert desk.cache.get(HAVE + request.request_id) is None
    assert desk.charts.wanted == frozenset()


def test_an_outage_of_the_cache_is_said_and_waited_out(desk: Desk) -> None:
    request = desk.ask("close")
    desk.cache.is_down = True
    desk.turn()
    assert desk.charts.error
    desk.cache.is_down = False
    desk.turn()
    assert desk.charts.error == ""
    assert desk.have(request)["nonce"] == "n"


def test_another_run_begins_from_the_store(desk: Desk) -> None:
    request = desk.ask("close")
    desk.charts.take("1m", bars(5.0, first=4))
    desk.charts.forget()
    desk.turn()
    assert desk.have(request)["series"][0]["values"] == [2.0, 3.0, 4.0]


def test_a_run_that_begins_while_a_chart_is_evaluated_does_no_harm(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate = Closes.evaluate
    begins = [True]

    def interrupted(self: Closes, *known: Any) -> Evaluated:
        if begins.pop():
            desk.charts.forget()
        begins.append(False)
        return evaluate(self, *known)

    monkeypatch.setattr(Closes, "evaluate", interrupted)
    request = desk.ask("close")
    assert desk.have(request)["series"][0]["values"] == [2.0, 3.0, 4.0]
    desk.stores.bars.put("1m", bars(9.0, first=4))
    desk.turn()
    assert desk.have(request)["series"][0]["values"] == [3.0, 4.0, 9.0]
