"""One price alert through all stations on recorded ticks, with the stations killed around the moment.

It fires once, at the tick where pandas says, under the id that a replay of the file gives, and the
webhook hears of it once.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pandas as pd
import pytest

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(420),
    pytest.mark.long("the storm kills the same stations, and the replay finds the same tick by pandas"),
]

DAY = "intraday/nse_ticks/2021-04-28"
WITHIN_S = 150.0
T = TypeVar("T")


def until(ask: Callable[[], T | None], what: str, within_s: float = WITHIN_S) -> T:
    deadline = time.monotonic() + within_s
    while True:
        try:
            found = ask()
        except (httpx.HTTPError, OSError, ValueError):
            found = None
        if found:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come within {within_s:.0f} s")
        time.sleep(0.1)


@pytest.fixture
def heard() -> Iterator[tuple[str, Counter[str], list[Any]]]:
    """A webhook: its address, how often each key came, and the bodies."""
    keys: Counter[str] = Counter()
    bodies: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            keys[self.headers["Idempotency-Key"]] += 1
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", keys, bodies
        server.shutdown()
        thread.join()


@pytest.fixture
def running(shared_data: Path, tmp_path: Path) -> Iterator[Path]:
    """`up` on the recorded day at its own pace; its data directory."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MARKETBELL_")}
    env["MARKETBELL_NOTIFY__ALLOW_PRIVATE"] = "127.0.0.1"
    env["MARKETBELL_NOTIFY__LEASE_S"] = "6"
    with (tmp_path / "up.log").open("wb") as out:
        child = subprocess.Popen(
            [
                *(sys.executable, "-m", "marketbell", "up", "--no-open", "--port", "0", "--speed", "1"),
                *("--feed", f"replay:{shared_data / DAY}", "--data-dir", str(tmp_path / "data")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=env,
        )
    yield tmp_path / "data"
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def first_crossing(day: Path) -> tuple[float, int]:
    """A level that is first crossed more than ten minutes after the open, and the event time (ns UTC) of that tick."""
    ticks = pd.read_csv(day / "RELIANCE.csv.gz")
    when = pd.to_datetime(ticks["timestamp"]).dt.tz_localize("Asia/Kolkata").dt.tz_convert("UTC")
    ticks = ticks.assign(when=when).set_index(when.rename("at")).sort_index(kind="stable")
    ticks = ticks.between_time("03:45", "10:00", inclusive="left")
    early = ticks["when"] < ticks["when"].iloc[0] + pd.Timedelta(minutes=10)
    level = float(ticks.loc[early, "ltp"].max())
    over = ticks.loc[~early & (ticks["ltp"] > level), "when"].iloc[0]
    return level, over.value


def marketbell(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "marketbell", *arguments], check=True, capture_output=True, text=True, timeout=120
    )
    return done.stdout


def kill(data_dir: Path, name: str) -> None:
    run = json.loads((data_dir / "run.json").read_text())
    for child in run["processes"]:
        if child["name"] == name and child["pid"]:
            os.kill(child["pid"], signal.SIGKILL)


def test_one_alert_survives_kills_and_equals_its_replay(
    running: Path, shared_data: Path, tmp_path: Path, heard: tuple[str, Counter[str], list[Any]]
) -> None:
    url, keys, bodies = heard
    level, crossed_at = first_crossing(shared_data / DAY)
    rules = tmp_path / "one.bell"
    rules.write_text(
        f'alert "Walk" on $NSE:RELIANCE when close crosses above {level} at tick fire once notify webhook:walk\n'
    )
    marketbell("replay", str(shared_data / DAY), "--rules", str(rules), "--out", str(tmp_path / "out"))
    (expected,) = pd.read_parquet(tmp_path / "out" / "firings.parquet").itertuples()
    assert expected.event_time.value == crossed_at

    base = until(lambda: json.loads((running / "run.json").read_text())["url"], "the address")
    token = until(lambda: (running / "owner.token").read_text().strip(), "the token")
    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=10.0) as api:
        until(lambda: api.get("/healthz").status_code == 200, "readiness")
        until(lambda: api.get("/api/stocks/NSE:RELIANCE").json()["close"], "a first price")
        channel = {"kind": "webhook", "name": "walk", "config": {"url": url}}
        assert api.post("/api/channels", json=channel).status_code == 201
        marketbell("rules", "arm", str(rules), "--data-dir", str(running))
        assert api.post("/api/feeds/control", json={"speed": 60}).is_success

        def alerts() -> list[dict[str, Any]]:
            """The market's; what the watch says about the faults themselves is not meant."""
            items = api.get("/api/alerts").json()["items"]
            return [one for one in items if not one["rule_uid"].startswith("watch:")]

        for victim in ("stream", "sender", "stream", "sender"):
            time.sleep(2.0)  # 120 s of market time: somewhere before, at and after the tick
            kill(running, victim)
        found = until(lambda: [alert for alert in alerts() if alert["deliveries"]], "the alert in the inbox")
        kill(running, "sender")
        until(lambda: keys, "the webhook's message")
        until(
            lambda: {one["state"] for alert in alerts() for one in alert["deliveries"]} == {"sent"},
            "every delivery sent",
        )
        found = alerts()
        assert [rule["state"] for rule in api.get("/api/rules").json()["items"]] == ["fired"]
    (alert,) = found
    assert alert["firing_id"] == expected.firing_id
    assert pd.Timestamp(alert["event_time"]).value == crossed_at
    assert alert["values"] == json.loads(expected.values)
    assert len(keys) == 1
    assert bodies[0]["facts"]["firing_id"] == expected.firing_id
