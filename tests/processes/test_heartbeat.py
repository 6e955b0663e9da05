"""The heartbeat: what it says, when it doubts, and that a lost cache stops nothing."""

import json
import time
from collections.abc import Callable

import pytest

from marketbell import observability
from marketbell.adapters.cache.memory import MemoryCache
from marketbell.core.primitives.errors import BusUnavailableError
from marketbell.observability import Heartbeat


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def said(cache: MemoryCache) -> dict[str, object]:
    return json.loads(cache.get("proc:probe") or b"{}")


def test_it_says_state_and_facts_and_leaves_when_closed() -> None:
    cache = MemoryCache()
    with Heartbeat(cache, "probe", metrics_url="http://m", probe=lambda: {"lag": 3}) as heartbeat:
        until(lambda: said(cache).get("state") == "starting")
        heartbeat.ready(port=1)
        until(lambda: said(cache).get("state") == "ready")
        document = said(cache)
        assert document["detail"] == {"port": 1, "lag": 3}
        assert document["metrics_url"] == "http://m"
        heartbeat.degraded("no store")
        until(lambda: said(cache).get("state") == "degraded")
        assert said(cache)["detail"] == {"reason": "no store", "lag": 3}
    assert cache.get("proc:probe") is None


def test_a_loop_that_stands_still_is_no_longer_called_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(observability, "_steady", lambda: now)
    heartbeat = Heartbeat(MemoryCache(), "probe", stall_s=10)
    heartbeat.ready()
    now = 109.0
    assert heartbeat.document()["state"] == "ready"
    now = 111.0
    assert heartbeat.document()["state"] == "degraded"
    assert heartbeat.document()["detail"] == {"reason": "no progress for 11 s"}
    heartbeat.progressed()
    assert heartbeat.document()["state"] == "ready"


def test_a_cache_that_goes_away_is_tried_again() -> None:
    class Away(MemoryCache):
        is_away = True

        def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
            if self.is_away:
                raise BusUnavailableError
            super().set(key, value, ttl_s)

    cache = Away()
    with Heartbeat(cache, "probe", every_s=0.01) as heartbeat:
        heartbeat.ready()
        time.sleep(0.03)
        cache.is_away = False
        until(lambda: said(cache).get("state") == "ready")


def test_a_probe_that_fails_does_not_silence_it() -> None:
    cache = MemoryCache()
    broken = [True]

    def probe() -> dict[str, int]:
        if broken[0]:
            raise KeyError("lag")
        return {}

    with Heartbeat(cache, "probe", probe=probe, every_s=0.01) as heartbeat:
        heartbeat.ready()
        time.sleep(0.03)
        broken[0] = False
        until(lambda: said(cache).get("state") == "ready")
