"""Apprise, the real library, against a receiver of its own JSON service."""

import json
from dataclasses import replace
from typing import Any

import pytest

from marketbell.adapters.notifiers.apprise.channel import Apprise
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.notifiers import Message

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its plugins import what Python 3.13 drops

MESSAGE = Message("d" * 32, "RELIANCE > 1500", "Rule: A & B", "http://x/alerts", {}, link_mute="https://x/m/1")


@pytest.fixture
def apprise() -> Apprise:
    return Apprise(["json", "ntfys"])


def url(receiver: Any) -> str:
    return f"json://127.0.0.1:{receiver.port}/very-secret?rto=60&cto=60"


def test_a_service_gets_title_text_and_links(apprise: Apprise, receiver: Any) -> None:
    assert apprise.send({"url": url(receiver)}, MESSAGE) == "json"
    assert apprise.send({"url": url(receiver)}, replace(MESSAGE, body="")) == "json"
    told = json.loads(receiver.calls[0][2])
    assert told["title"] == MESSAGE.title
    assert told["message"].split("\n") == [
        "Rule: A & B", "Open in Marketbell: http://x/alerts", "Mute this rule: https://x/m/1",
    ]  # fmt: skip
    assert len(receiver.calls) == 2


def test_a_refusal_may_pass_and_says_no_secret(apprise: Apprise, receiver: Any) -> None:
    for status in (403, 500):
        receiver.status = status
        with pytest.raises(DeliveryError, match="json did not take the message") as caught:
            apprise.send({"url": url(receiver)}, MESSAGE)
        assert not caught.value.permanent


@pytest.mark.parametrize(
    "wrong", ["", "file:///etc/passwd", "xml://127.0.0.1/very-secret", "JSONS://x", "json", "json://"]
)
def test_only_what_the_administrator_lists_is_used(apprise: Apprise, receiver: Any, wrong: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        apprise.send({"url": wrong}, MESSAGE)
    assert caught.value.permanent
    assert "very-secret" not in caught.value.message
    assert not receiver.calls
