"""`marketbell alerts` and `marketbell dead-letters` against the real app over the stores in memory."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from marketbell.ports.ledger import Delivery, Firing
from marketbell.ports.stores import LOCAL_OWNER
from marketbell.processes.cli.main import run

SECOND = 10**9

Marketbell = Callable[..., tuple[int, str]]


class Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        pass


@pytest.fixture
def marketbell(api: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Marketbell]:
    """Run one command; its exit code and what it said."""
    (tmp_path / "owner.token").write_text(api.parts.owner_token)
    server = make_server("127.0.0.1", 0, api.client.application, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def command(*words: str) -> tuple[int, str]:
        where = ["--api", f"http://127.0.0.1:{server.server_port}", "--data-dir", str(tmp_path)]
        code = run([*words, *where])
        said = capsys.readouterr()
        return code, said.out + said.err

    yield command
    server.shutdown()
    thread.join()


@pytest.fixture
def dead(api: Any) -> None:
    """Two alerts, one of which could not be told."""
    for number, state in ((1, "dead"), (2, "sent")):
        at = (1_699_999_000 + number) * SECOND
        firing = Firing(f"f{number}", "one", "Rule", LOCAL_OWNER, 1, "NSE:AAA", at, {"sentence": "So."}, recorded_at=at)
        api.stores.ledger.append([firing], (0,), "e", number)
        payload = {"owner_id": LOCAL_OWNER, "label": "desk", "title": f"title {number}"}
        error = "HTTP 404" if state == "dead" else ""
        made = Delivery(f"d{number}", f"f{number}", "slack", "c1", state, error=error, payload=payload)
        api.stores.ledger.plan(f"f{number}", [made], at + SECOND)


@pytest.mark.usefixtures("dead")
def test_alerts_are_listed_told_and_acknowledged(marketbell: Marketbell) -> None:
    code, said = marketbell("alerts", "list")
    assert code == 0
    assert said.splitlines() == [
        "f2  2023-11-14T21:56:42.000Z  AAA           Rule  (desk sent)",
        "f1  2023-11-14T21:56:41.000Z  AAA           Rule  (desk dead)",
    ]
    assert "f2" not in marketbell("alerts", "list", "--state", "dead")[1]
    assert "2 in all" in marketbell("alerts", "list", "--by-rule")[1]
    code, said = marketbell("alerts", "story", "f1")
    assert [line.split()[1] for line in said.splitlines()] == ["decided", "recorded", "planned", "dead"]
    assert said.splitlines()[-1].endswith("slack desk                HTTP 404")
    assert marketbell("alerts", "ack", "f1")[1].startswith("acknowledged until 2023-11-15T00:00:00.000Z")
    assert "ack until" in marketbell("alerts", "list")[1]
    assert marketbell("alerts", "story", "none") == (2, "marketbell: no such alert\n")
    assert marketbell("alerts", "list", "--state", "lost")[0] == 2


@pytest.mark.usefixtures("dead")
def test_dead_letters_are_listed_and_sent_again(marketbell: Marketbell, api: Any) -> None:
    assert marketbell("dead-letters", "list") == (
        0,
        "d1  2023-11-14T21:56:42.000Z  slack desk  HTTP 404\n    title 1\n",
    )
    code, said = marketbell("dead-letters", "replay")
    assert (code, said.startswith("marketbell: which dead letters?")) == (2, True)
    assert marketbell("dead-letters", "replay", "--channel", "sms") == (0, "0 go out again\n")
    assert json.loads(marketbell("dead-letters", "replay", "d1", "--json")[1]) == {"replayed": 1}
    assert marketbell("dead-letters", "list") == (0, "no dead letters\n")
    assert [one.delivery_id for one in api.stores.ledger.claim(api.clock.now(), 1)] == ["d1"]


def test_an_empty_inbox_says_so(marketbell: Marketbell) -> None:
    assert marketbell("alerts", "list") == (0, "no such alerts\n")
