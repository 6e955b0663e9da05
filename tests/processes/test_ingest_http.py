"""The push endpoints over HTTP: three forms of bodies, keys, repeats, refusals."""

import asyncio
import io
from typing import Any

import httpx
import orjson
import pyarrow as pa
import pytest
from openapi_spec_validator import validate

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.primitives.errors import StoreUnavailableError
from marketbell.flows.ingest.push import BehindError, Verdict
from marketbell.processes.ingest.answers import Remembered
from marketbell.processes.ingest.app import make_app

TOKEN = "a-token-of-the-owner"
AUTH = {"Authorization": f"Bearer {TOKEN}"}
ROW = {"instrument": "NSE:X", "event_time": 1_619_581_501_000_000_000, "price": 10.5}


class Gate:
    """Stands for the push gate: remembers what it got."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.is_behind = False

    def check_room(self) -> None:
        if self.is_behind:
            raise BehindError

    def ticks(self, rows: list[Any]) -> Verdict:
        self.rows += rows
        bad = [at for at, row in enumerate(rows) if "price" not in row]
        return Verdict(len(rows) - len(bad), [{"index": at, "reason": "missing", "field": "price"} for at in bad])

    bars = chains = ticks


@pytest.fixture
def gate() -> Gate:
    return Gate()


class Client:
    """Speaks to the application without a socket, one request at a time."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def post(self, path: str, **how: Any) -> httpx.Response:
        return self._send("POST", path, **how)

    def get(self, path: str) -> httpx.Response:
        return self._send("GET", path)

    def _send(self, method: str, path: str, **how: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
                return await client.request(method, path, **how)

        return asyncio.run(send())


@pytest.fixture
def client(gate: Gate) -> Client:
    remembered = Remembered(MemoryStores().idempotency, ManualClock(1))
    return Client(make_app(gate, remembered, TOKEN, lambda: {"status": "ok"}))  # type: ignore[arg-type]


def _arrow(rows: list[dict[str, Any]]) -> bytes:
    table = pa.Table.from_pylist(rows)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


@pytest.mark.parametrize("path", ["/ingest/ticks", "/ingest/bars"])
@pytest.mark.parametrize("form", ["list", "wrapped", "ndjson", "arrow"])
def test_each_form_of_a_body_is_read(client: Client, gate: Gate, path: str, form: str) -> None:
    name = path.rpartition("/")[2]
    body, kind = {
        "list": (orjson.dumps([ROW, ROW]), "application/json"),
        "wrapped": (orjson.dumps({name: [ROW, ROW]}), "application/json; charset=utf-8"),
        "ndjson": (orjson.dumps(ROW) + b"\n\n" + orjson.dumps(ROW) + b"\n", "application/x-ndjson"),
        "arrow": (_arrow([ROW, ROW]), "application/vnd.apache.arrow.stream"),
    }[form]
    answer = client.post(path, content=body, headers={**AUTH, "Content-Type": kind})
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 2, "rejected": []}
    assert gate.rows == [ROW, ROW]


CHAIN = {"underlying": "NSE:NIFTY", "expiry": "2026-08-25", "as_of": 1, "strikes": [1], "price": 0}


@pytest.mark.parametrize("body", [[CHAIN], {"items": [CHAIN]}, CHAIN])
def test_chains_come_as_a_list_wrapped_or_one_alone(client: Client, gate: Gate, body: Any) -> None:
    answer = client.post("/ingest/chains", json=body, headers=AUTH)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert gate.rows == [CHAIN]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 400),
        (b'{"chains": []}', "application/json", 400),
        (_arrow([ROW]), "application/vnd.apache.arrow.stream", 415),
        (b"[" + b"5," * 2_000 + b"5]", "application/json", 413),
    ],
)
def test_chains_that_cannot_be_read_are_refused(client: Client, body: bytes, kind: str, status: int) -> None:
    answer = client.post("/ingest/chains", content=body, headers={**AUTH, "Content-Type": kind})
    assert answer.status_code == status
    assert client.post("/ingest/chains", content=body).status_code == 401


def test_arrow_times_become_nanoseconds(client: Client, gate: Gate) -> None:
    stamp = pa.array([1_619_581_501_000], pa.timestamp("ms", "UTC"))
    table = pa.table({"instrument": ["NSE:X"], "event_time": stamp, "price": [1.0]})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    headers = {**AUTH, "Content-Type": "application/vnd.apache.arrow.stream"}
    assert client.post("/ingest/ticks", content=sink.getvalue(), headers=headers).status_code == 202
    assert gate.rows[0]["event_time"] == 1_619_581_501_000_000_000


@pytest.mark.parametrize("headers", [AUTH, {"X-API-Key": TOKEN}])
def test_either_header_carries_the_key(client: Client, headers: dict[str, str]) -> None:
    assert client.post("/ingest/ticks", json=[ROW], headers=headers).status_code == 202


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "no"}, {"Authorization": "Bearer no"}, {"Authorization": TOKEN}])
def test_nobody_else_comes_in(client: Client, gate: Gate, headers: dict[str, str]) -> None:
    answer = client.post("/ingest/ticks", json=[ROW], headers=headers)
    assert answer.status_code == 401
    assert answer.json().keys() == {"code", "message", "fields", "request_id"}
    assert gate.rows == []


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"bars": []}', "application/json", 400),
        (b"5", "application/json", 400),
        (b'{"a": 1}\n{', "application/x-ndjson", 400),
        (b"not arrow", "application/vnd.apache.arrow.stream", 400),
        (b"[]", "text/csv", 415),
        (b"[]", "", 415),
        (b"[" + b"5," * 100_001 + b"5]", "application/json", 413),
        (b" " * (33 << 20), "application/json", 413),
    ],
)
def test_what_cannot_be_read_is_refused_in_the_one_shape(client: Client, body: bytes, kind: str, status: int) -> None:
    headers = {**AUTH, "Content-Type": kind} if kind else AUTH
    answer = client.post("/ingest/ticks", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json().keys() == {"code", "message", "fields", "request_id"}
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"]


def test_a_stream_that_is_behind_says_when_to_come_back(client: Client, gate: Gate) -> None:
    gate.is_behind = True
    answer = client.post("/ingest/ticks", json=[ROW], headers=AUTH)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["code"] == "behind"


def test_a_repeated_key_has_one_effect(client: Client, gate: Gate) -> None:
    headers = {**AUTH, "Idempotency-Key": "k1"}
    first = client.post("/ingest/ticks", json=[ROW], headers=headers)
    again = client.post("/ingest/ticks", json=[ROW], headers=headers)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(gate.rows) == 1
    other = client.post("/ingest/ticks", json=[ROW, ROW], headers=headers)
    assert other.status_code == 409
    gate.is_behind = True
    assert client.post("/ingest/ticks", json=[ROW], headers=headers).status_code == 202


def test_a_refused_request_may_be_sent_again(client: Client, gate: Gate) -> None:
    headers = {**AUTH, "Idempotency-Key": "k2"}
    gate.is_behind = True
    assert client.post("/ingest/ticks", json=[ROW], headers=headers).status_code == 429
    gate.is_behind = False
    assert client.post("/ingest/ticks", json=[ROW], headers=headers).status_code == 202


def test_repeats_are_known_without_the_database(gate: Gate) -> None:
    class Away:
        def recall(self, *_: object) -> None:
            raise StoreUnavailableError

        remember = recall

    app = make_app(gate, Remembered(Away(), ManualClock(1)), TOKEN, lambda: {"status": "ok"})  # type: ignore[arg-type]
    client = Client(app)
    headers = {**AUTH, "Idempotency-Key": "k3"}
    for _ in range(2):
        assert client.post("/ingest/ticks", json=[ROW], headers=headers).status_code == 202
    assert len(gate.rows) == 1


def test_health_figures_and_document_need_no_key(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert "marketbell_" in client.get("/metrics").text
    document = client.get("/openapi.json").json()
    validate(document)
    assert set(document["paths"]) == {"/ingest/ticks", "/ingest/bars", "/ingest/chains", "/healthz"}


def test_unknown_paths_and_methods_have_the_one_shape(client: Client) -> None:
    assert client.get("/nothing").json()["code"] == "not_found"
    answer = client.get("/ingest/ticks")
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
