"""The guarded door against addresses that lie."""

import socket
from typing import Any

import pytest

from marketbell.adapters.outgoing import guarded
from marketbell.adapters.outgoing.guarded import MAX_REPLY, GuardedHttp
from marketbell.core.primitives.errors import DeliveryError, InvalidSettingError


def test_a_slow_receiver_is_not_waited_for(receiver: Any) -> None:
    receiver.delay_s = 0.5
    door = GuardedHttp(["127.0.0.1"], timeout_s=0.1)
    with pytest.raises(DeliveryError, match="did not answer within") as caught:
        door.post(receiver.url, b"{}", {})
    door.close()
    assert not caught.value.permanent


def test_a_swelling_answer_is_cut(receiver: Any, http: GuardedHttp) -> None:
    receiver.body = b"x" * (3 * MAX_REPLY)
    assert len(http.post(receiver.url, b"{}", {}).body) == MAX_REPLY


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name resolve to these addresses."""

    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(guarded.socket, "getaddrinfo", look_up)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 — an address to refuse
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "fe80::1",
        "fc00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_private_addresses_are_refused_whatever_the_name(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    door = GuardedHttp()
    for found in ([address], ["93.184.216.34", address]):
        resolving(monkeypatch, *found)
        with pytest.raises(DeliveryError, match="not a public address") as caught:
            door.post("https://example.com/", b"", {})
        assert caught.value.permanent
    door.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://user:pass@example.com/",
        "https://",
        "https://[::1",
        "https://example.com:99999/",
    ],
)
def test_other_schemes_and_odd_spellings_are_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    resolving(monkeypatch, "93.184.216.34")
    door = GuardedHttp()
    with pytest.raises(DeliveryError) as caught:
        door.post(url, b"", {})
    door.close()
    assert caught.value.permanent


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "localhost"])
def test_odd_spellings_of_this_machine_are_refused(host: str) -> None:
    door = GuardedHttp()
    with pytest.raises(DeliveryError):
        door.post(f"https://{host}/", b"", {})
    door.close()


def test_the_judged_address_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch, receiver: Any) -> None:
    """A second look-up of the name would answer differently: there is none."""
    real, asked = socket.getaddrinfo, list[str]()

    def look_up(host: str, port: int, *rest: int, **options: int) -> list[tuple[object, ...]]:
        if host != "rebound.example":
            return real(host, port, *rest, **options)
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "10.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(guarded.socket, "getaddrinfo", look_up)
    door = GuardedHttp(["127.0.0.0/8"])
    door.post(f"http://rebound.example:{receiver.port}/", b"{}", {})
    door.close()
    assert receiver.calls[0][1]["host"] == f"rebound.example:{receiver.port}"
    assert asked == ["rebound.example"]


def test_the_allow_list_must_be_readable() -> None:
    with pytest.raises(InvalidSettingError, match=r"notify\.allow_private"):
        GuardedHttp(["http://10.0.0.1/"])


def test_other_protocols_go_to_judged_addresses_and_usual_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    door, listed = GuardedHttp(), GuardedHttp(["10.0.0.0/8"])
    resolving(monkeypatch, "93.184.216.34")
    assert door.pinned("mail.example.com", 587, (25, 587)) == "93.184.216.34"
    with pytest.raises(DeliveryError, match="only the ports 25, 587") as caught:
        door.pinned("mail.example.com", 6379, (25, 587))
    assert caught.value.permanent
    resolving(monkeypatch, "10.0.0.1")
    with pytest.raises(DeliveryError, match="not a public address"):
        door.pinned("mail.example.com", 587, (25, 587))
    assert listed.pinned("mail.example.com", 1025, (25, 587)) == "10.0.0.1"
    for one in (door, listed):
        one.close()
