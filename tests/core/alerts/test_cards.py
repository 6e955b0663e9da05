"""A channel's card: what passes, what is refused with the field's name, what may be shown again."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.alerts.cards import Card, Field, Way, checked, is_secret_name, label, public
from marketbell.core.primitives.errors import UserError

CARD = Card(
    "mail",
    "Mail",
    (
        Field("to", "To", "email", required=True, is_address=True),
        Field("host", "Server", is_target=True, pattern=r"[a-z.]+", help="smtp.example.com"),
        Field("port", "Port", "number", low=1, high=65_535),
        Field("security", "Security", words=("starttls", "tls")),
        Field("password", "Password", "secret"),
        Field("url", "Address", "url"),
        Field("is_html", "HTML", "bool"),
    ),
    ways=(
        Way("house", "The house's", ()),
        Way("own", "Own", ("host",), ("port", "security", "password")),
        Way("api", "API", ("url",)),
    ),
)
OWN = {"to": "a@b.example", "host": "smtp.example", "password": "hush"}


def wrong(config: dict[str, Any], before: dict[str, Any] | None = None) -> str:
    with pytest.raises(UserError) as caught:
        checked(CARD, config, before)
    return str(caught.value.facts["field"])


def test_the_way_follows_from_what_is_filled() -> None:
    assert checked(CARD, {"to": " a@b.example "}) == {"to": "a@b.example", "way": "house"}
    assert checked(CARD, OWN | {"port": "587"}) == OWN | {"port": 587, "way": "own"}
    assert checked(CARD, {"to": "a@b.example", "url": "https://x.example/y"})["way"] == "api"
    assert checked(CARD, OWN | {"way": "own", "port": None, "security": ""})["way"] == "own"


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "config.to"),
        ({"to": "a@b.example", "fax": 1}, "config.fax"),
        ({"to": "a@b.example, c@d.example"}, "config.to"),
        ({"to": "ü@b.example"}, "config.to"),
        ({"to": "a@b.example\r\nBcc: x@y.example"}, "config.to"),
        ({"to": ["a@b.example"]}, "config.to"),
        ({"to": "a@b.example", "way": "pigeon"}, "config.way"),
        ({"to": "a@b.example", "way": "own"}, "config.host"),
        (OWN | {"host": "https://x"}, "config.host"),
        (OWN | {"port": 0}, "config.port"),
        (OWN | {"port": True}, "config.port"),
        (OWN | {"port": 1.5}, "config.port"),
        (OWN | {"port": "9" * 5_000}, "config.port"),
        (OWN | {"security": "ssl"}, "config.security"),
        (OWN | {"url": "https://x.example", "way": "own"}, "config.url"),
        ({"to": "a@b.example", "url": "ftp://x"}, "config.url"),
        ({"to": "a@b.example", "url": "https://u:p@x.example"}, "config.url"),
        ({"to": "a@b.example", "url": "https://[::1"}, "config.url"),
        ({"to": "a@b.example", "url": "https://"}, "config.url"),
        ({"to": "a@b.example", "url": "https:///path"}, "config.url"),
        ({"to": "a@b.example", "url": "https://x.example:99999/"}, "config.url"),
        ({"to": "a@b.example", "url": "https://x.example:0/"}, "config.url"),
        ({"to": "a@b.example", "url": "https://u@x.example/"}, "config.url"),
        ({"to": "a@b.example", "url": "https://x.example/a b"}, "config.url"),
        ({"to": "a@b.example", "url": "https://x.example/" + "y" * 2_000}, "config.url"),
        ({"to": "a@b.example", "is_html": "yes"}, "config.is_html"),
        (OWN | {"password": {"secret": "../../etc/passwd"}}, "config.password"),
        (OWN | {"password": {"secret": "a", "b": 1}}, "config.password"),
        (OWN | {"port": {"secret": "a"}}, "config.port"),
    ],
)
def test_what_is_wrong_is_named(config: dict[str, Any], field: str) -> None:
    assert wrong(config) == field


@pytest.mark.parametrize(
    "url", ["HTTPS://X.example", "http://127.0.0.1:8700/x?y=z#f", "https://[::1]:1/", "https://ünï.example/@a"]
)
def test_addresses_that_are_fine(url: str) -> None:
    assert checked(CARD, {"to": "a@b.example", "url": url})["url"] == url


def test_an_edit_keeps_what_is_not_given() -> None:
    stored = checked(CARD, OWN | {"port": 2525})
    assert checked(CARD, {"port": 587}, stored) == stored | {"port": 587}
    assert checked(CARD, {"port": None}, stored) == {**OWN, "way": "own"}
    assert checked(CARD, {"to": "c@d.example"}, stored)["password"] == "hush"
    assert wrong({"to": ""}, stored) == "config.to"


def test_another_way_leaves_the_old_ones_fields_behind() -> None:
    stored = checked(CARD, OWN)
    assert checked(CARD, {"way": "api", "url": "https://x.example"}, stored) == {
        "to": "a@b.example", "url": "https://x.example", "way": "api",
    }  # fmt: skip


def test_a_secret_does_not_go_where_it_was_not_meant_for() -> None:
    stored = checked(CARD, OWN)
    assert wrong({"host": "other.example"}, stored) == "config.password"
    assert checked(CARD, {"host": "other.example", "password": "new"}, stored)["password"] == "new"
    assert "password" not in checked(CARD, {"host": "other.example", "password": None}, stored)


def test_labels_and_what_is_public() -> None:
    stored = checked(CARD, OWN | {"port": 25, "password": {"secret": "desk/mail#pass"}})
    assert label(CARD, stored) == "a…@b.example"
    assert public(CARD, stored) == {
        "host": "smtp.example", "port": 25, "password": {"secret": "desk/mail#pass"}, "way": "own",
    }  # fmt: skip
    assert label(CARD, {"to": {"secret": "who"}}) == "secret who"
    phone = Card("sms", "SMS", (Field("to", "To", is_address=True), Field("url", "U", "url", is_address=True)))
    assert label(phone, {"to": "+919876543210"}) == "…3210"
    assert label(phone, {"url": "https://hooks.example.com/T0/secret"}) == "hooks.example.com/…"
    assert label(phone, {}) == "…"
    room = Card("x", "X", (Field("u", "U", "secret", is_address=True), Field("room", "Room", is_label=True)))
    assert label(room, {"u": "ntfys://very-secret-topic"}) == "ntfys://…"
    assert label(room, {"u": "very-secret-topic"}) == "…"
    assert (label(room, {"room": "#a"}), public(room, {"room": "#a", "u": "x"})) == ("#a", {"room": "#a"})
    assert label(Card("in_app", "In the app"), {}) == "this app"


@given(st.text(max_size=40))
def test_names_of_secrets_lead_nowhere_else(name: str) -> None:
    if is_secret_name(name):
        assert set(name) <= set(string.ascii_letters + string.digits + "._-/#")
        assert not [part for part in name.partition("#")[0].split("/") if part in {"", ".", ".."}]
        assert not name.startswith("/")


@pytest.mark.parametrize(
    "name", ["", "a/../b", "/a", "a//b", ".a", "a/.b", "a#", "a b", "a\n", "ä", None, 7, "a" * 201]
)
def test_odd_names_are_refused(name: object) -> None:
    assert not is_secret_name(name)
