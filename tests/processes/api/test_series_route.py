"""The route for chart series: what is asked, what is answered, what goes wrong."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from marketbell.adapters.cache.memory import MemoryCache
from marketbell.ports.series import HAVE, WANTS, SeriesRequest

START = 1_619_580_600 * 10**9


class AnsweringStream:
    """Answers a request as soon as it is put down, as the stream does a moment later."""

    def __init__(self, cache: MemoryCache, monkeypatch: pytest.MonkeyPatch, answer: Mapping[str, Any]) -> None:
        self.requests: list[SeriesRequest] = []
        put = cache.put_fields

        def put_and_answer(key: str, fields: Mapping[str, bytes]) -> None:
            put(key, fields)
            if key == WANTS:
                for value in fields.values():
                    request = SeriesRequest.from_dict(orjson.loads(value))
                    self.requests.append(request)
                    cache.set(HAVE + request.request_id, orjson.dumps({"nonce": request.nonce} | dict(answer)))

        monkeypatch.setattr(cache, "put_fields", put_and_answer)


def test_values_are_decimal_text_beside_their_starts(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = AnsweringStream(
        api.cache,
        monkeypatch,
        {
            "starts": [START, START + 60 * 10**9],
            "is_forming": True,
            "series": [
                {"expression": "sma(close, 2)", "type": "price", "values": [None, 100.125]},
                {"expression": "obv()", "type": "number", "values": [12_345_678_901.0, -0.00012345678901]},
            ],
            "as_of": START,
        },
    )
    body = api.get("/api/stocks/NSE:AAA/series?expressions=sma(close,%202);obv()%3B&timeframe=60s&limit=2")
    assert body["timeframe"] == "1m"
    assert body["starts"] == ["2021-04-28T03:30:00.000Z", "2021-04-28T03:31:00.000Z"]
    assert [one["values"] for one in body["series"]] == [[None, "100.125"], ["12345678901", "-0.000123456789"]]
    assert body["is_forming"] is True
    (request,) = stream.requests
    assert request.expressions == ("sma(close, 2)", "obv()")
    assert body["request_id"] == request.request_id


def test_an_expression_that_cannot_be_evaluated_is_a_user_error(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    AnsweringStream(api.cache, monkeypatch, {"error": "unknown function `smma`: did you mean `sma`?"})
    body = api.get("/api/stocks/NSE:AAA/series?expressions=smma(3)", 400)
    assert "did you mean" in body["message"]
    assert "expressions" in body["fields"]


@pytest.mark.parametrize("query", ["", "expressions=close&timeframe=7x", "expressions=close&limit=0"])
def test_a_wrong_question_is_refused(api: Any, query: str) -> None:
    api.get(f"/api/stocks/NSE:AAA/series?{query}", 400)


def test_a_silent_evaluator_is_said(api: Any) -> None:
    body = api.get("/api/stocks/NSE:AAA/series?expressions=close", 503)
    assert "evaluator" in body["message"]
