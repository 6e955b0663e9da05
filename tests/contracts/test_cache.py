"""What every cache must do, over every adapter."""

import threading
import time
from collections.abc import Iterator

import pytest

from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.cache.redis import RedisCache
from marketbell.core.primitives.errors import BusUnavailableError, InvalidSettingError
from marketbell.ports.cache import Cache


@pytest.fixture(params=["memory", "redis"])
def cache(request: pytest.FixtureRequest) -> Iterator[Cache]:
    made: Cache = MemoryCache() if request.param == "memory" else RedisCache(request.getfixturevalue("valkey_url"))
    yield made
    made.close()


def test_values_are_set_read_and_deleted(cache: Cache) -> None:
    assert cache.get("a") is None
    cache.set("a", b"\x00\xff")
    assert cache.get("a") == b"\x00\xff"
    cache.set("a", b"")
    assert cache.get("a") == b""
    cache.put_fields("h", {"x": b"1"})
    cache.delete("a", "h", "none")
    cache.delete()
    assert cache.get("a") is None
    assert cache.fields("h") == {}


def test_a_value_ends_with_its_time(cache: Cache) -> None:
    cache.set("short", b"x", ttl_s=0.05)
    cache.set("long", b"x", ttl_s=60)
    cache.set("ever", b"x")
    deadline = time.monotonic() + 10
    while cache.get("short") is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert cache.keys("") == ["ever", "long"]
    cache.set("long", b"y")
    assert cache.add("short", b"z", 60)


def test_memory_time_can_be_moved() -> None:
    now = [0.0]
    cache = MemoryCache(lambda: now[0])
    cache.set("a", b"x", ttl_s=5)
    now[0] = 4.9
    assert cache.get("a") == b"x"
    now[0] = 5.0
    assert cache.get("a") is None


def test_add_is_for_the_first(cache: Cache) -> None:
    assert cache.add("lock", b"one", 60)
    assert not cache.add("lock", b"two", 60)
    assert cache.get("lock") == b"one"
    cache.put_fields("h", {"x": b"1"})
    assert not cache.add("h", b"x", 60)


def test_a_one_time_value_goes_to_one_taker(cache: Cache) -> None:
    cache.set("login", b"code", ttl_s=60)
    taken: list[bytes | None] = []
    takers = [threading.Thread(target=lambda: taken.append(cache.take("login"))) for _ in range(8)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert sorted(value is not None for value in taken) == [False] * 7 + [True]
    assert cache.take("login") is None


def test_keys_are_found_by_prefix_to_the_letter(cache: Cache) -> None:
    for key in ("proc:a", "proc:b", "procession", "p*", "p[x]", "p?", "p\\q"):
        cache.set(key, b"x")
    cache.put_fields("proc:h", {"x": b"1"})
    assert cache.keys("proc:") == ["proc:a", "proc:b", "proc:h"]
    assert cache.keys("p*") == ["p*"]
    assert cache.keys("p[") == ["p[x]"]
    assert cache.keys("p?") == ["p?"]
    assert cache.keys("p\\") == ["p\\q"]
    assert len(cache.keys("")) == 8


def test_fields_of_a_hash(cache: Cache) -> None:
    assert cache.fields("rows") == {}
    assert cache.some_fields("rows", ["a"]) == [None]
    cache.put_fields("rows", {})
    cache.put_fields("rows", {"NSE:A": b"1", "NSE:B": b"2"})
    cache.put_fields("rows", {"NSE:B": b"3", "NSE:C": b""})
    assert cache.fields("rows") == {"NSE:A": b"1", "NSE:B": b"3", "NSE:C": b""}
    assert cache.some_fields("rows", ["NSE:C", "none", "NSE:A"]) == [b"", None, b"1"]
    assert cache.some_fields("rows", []) == []
    cache.drop_fields("rows", [])
    cache.drop_fields("rows", ["NSE:A", "none"])
    assert cache.fields("rows") == {"NSE:B": b"3", "NSE:C": b""}
    cache.drop_fields("rows", ["NSE:B", "NSE:C"])
    assert cache.fields("rows") == {}
    assert cache.keys("rows") == []


def test_setting_a_value_replaces_a_hash(cache: Cache) -> None:
    cache.put_fields("x", {"a": b"1"})
    cache.set("x", b"v")
    assert cache.get("x") == b"v"


def test_a_server_that_is_not_there_is_an_outage() -> None:
    down = MemoryCache()
    down.is_down = True
    for cache in (RedisCache("redis://127.0.0.1:1/0"), down):
        for call in (
            lambda c=cache: c.get("a"),
            lambda c=cache: c.set("a", b"x"),
            lambda c=cache: c.keys(""),
            lambda c=cache: c.fields("a"),
        ):
            with pytest.raises(BusUnavailableError):
                call()


def test_a_url_of_something_else_is_an_error_of_settings() -> None:
    with pytest.raises(InvalidSettingError):
        RedisCache("http://127.0.0.1")
