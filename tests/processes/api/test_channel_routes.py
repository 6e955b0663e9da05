"""Channels through the API: checked by their cards, edited, tested, and never shown again."""

from typing import Any

from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.stores import LOCAL_OWNER
from marketbell.settings import load

BOT = {"token": "xoxb-very-secret", "channel": "#alerts"}
MAIL = {
    "to": "asha@example.com", "host": "smtp.example.com", "sender": "bell@example.com", "user": "u",
    "password": "very-secret",
}  # fmt: skip


def test_channels_never_show_their_address(api: Any) -> None:
    secret = "https://hooks.example.com/T0/very-secret"
    made = api.send("POST", "/api/channels", {"kind": "slack", "name": "desk", "config": {"url": secret}}, 201)
    assert made["address_label"] == "hooks.example.com/…"
    assert "very-secret" not in str(api.get("/api/channels"))
    for body in ({"kind": "fax", "name": "x"}, {"kind": "webhook", "name": "x"}, {"kind": "slack", "name": ""}):
        api.send("POST", "/api/channels", body, 400)
    path = f"/api/channels/{made['channel_id']}"
    assert api.send("DELETE", path) == {"ok": True}
    api.send("DELETE", path, None, 404)
    api.send("POST", f"{path}/test", None, 404)


class FakeNotifier:
    kind = "webhook"

    def __init__(self, error: str = "") -> None:
        self.error = error
        self.sent: list[dict[str, Any]] = []

    def send(self, config: dict[str, Any], message: Any) -> str:
        self.sent.append(config)
        if self.error:
            raise DeliveryError(self.error)
        return "reference"


def test_a_channel_is_tested_by_sending(api: Any) -> None:
    body = {"kind": "webhook", "name": "hook", "config": {"url": "https://example.com/x"}}
    path = f"/api/channels/{api.send('POST', '/api/channels', body, 201)['channel_id']}/test"
    api.send("POST", path, None, 400)
    notifiers: Any = api.parts.notifiers
    notifiers["webhook"] = FakeNotifier()
    assert api.send("POST", path) == {"ok": True, "reference": "reference", "error": ""}
    notifiers["webhook"] = FakeNotifier("refused")
    assert api.send("POST", path) == {"ok": False, "reference": "", "error": "refused"}


def test_kinds_are_cards_that_a_form_can_be_made_of(api: Any) -> None:
    kinds = {card["kind"]: card for card in api.get("/api/channels")["kinds"]}
    assert list(kinds) == ["in_app", "push", "email", "telegram", "slack", "discord", "sms", "webhook"]
    slack = kinds["slack"]
    assert [way["name"] for way in slack["ways"]] == ["webhook", "bot"]
    assert {one["name"]: one["type"] for one in slack["fields"]} == {"url": "url", "channel": "text", "token": "secret"}
    assert (kinds["webhook"]["honours_key"], slack["honours_key"]) == (True, False)
    assert slack["pace"] == {"burst": 3.0, "per_s": 1.0}


def test_the_administrators_settings_decide_what_is_offered(api: Any) -> None:
    set_by = {"data_dir": str(api.parts.settings.data_dir), "notify__apprise_services": "ntfys,pover"}
    object.__setattr__(
        api.parts, "settings", load(env={}, **set_by, notify__smtp_host="mail.example.com", notify__smtp_from="b@e.com")
    )
    kinds = {card["kind"]: card for card in api.get("/api/channels")["kinds"]}
    assert "ntfys://, pover://" in kinds["apprise"]["fields"][0]["help"]
    body = {"kind": "email", "name": "mail", "config": {"to": "asha@example.com"}}
    assert api.send("POST", "/api/channels", body, 201)["config"] == {"way": "server"}


def test_a_channel_is_edited_and_its_secrets_stay(api: Any) -> None:
    made = api.send("POST", "/api/channels", {"kind": "slack", "name": "desk", "config": BOT}, 201)
    assert made["config"] == {"way": "bot", "channel": "#alerts"}
    assert sorted(made["filled"]) == ["channel", "token"]
    path = f"/api/channels/{made['channel_id']}"
    changed = api.send("PUT", path, {"name": " risk ", "is_enabled": False, "config": {"channel": "#risk"}})
    assert (changed["name"], changed["is_enabled"], changed["config"]["channel"]) == ("risk", False, "#risk")
    stored = api.stores.channels.all(LOCAL_OWNER)[0].config
    assert stored == {"way": "bot", "token": "xoxb-very-secret", "channel": "#risk"}
    assert api.send("PUT", path, {"is_enabled": True})["config"] == {"way": "bot", "channel": "#risk"}
    refused = api.send("PUT", path, {"config": {"token": ""}}, 400)
    assert list(refused["fields"]) == ["config.token"]
    url = "https://hooks.example.com/T0/very-secret"
    moved = api.send("PUT", path, {"config": {"way": "webhook", "url": url}})
    assert (moved["config"], moved["filled"]) == ({"way": "webhook"}, ["url"])
    assert "secret" not in str(api.get("/api/channels")["items"])
    api.send("PUT", "/api/channels/nobodys", {"name": "x"}, 404)
    api.send("PUT", path, {"kind": "webhook"}, 400)


def test_a_stored_password_does_not_follow_the_server_to_another_place(api: Any) -> None:
    made = api.send("POST", "/api/channels", {"kind": "email", "name": "mail", "config": MAIL}, 201)
    assert made["address_label"] == "a…@example.com"
    path = f"/api/channels/{made['channel_id']}"
    error = api.send("PUT", path, {"config": {"host": "evil.example.com"}}, 400)
    assert "given again" in error["message"]
    api.send("PUT", path, {"config": {"host": "evil.example.com", "password": "another"}})
    shown = api.send("PUT", path, {"config": {"password": {"secret": "desk/mail#password"}}})
    assert shown["config"]["password"] == {"secret": "desk/mail#password"}


def test_the_push_key_is_a_point_and_stays(api: Any) -> None:
    key = api.get("/api/channels/push-key")["key"]
    assert len(key) == 87
    assert api.get("/api/channels/push-key")["key"] == key
    assert (api.parts.settings.data_dir / "push.key").stat().st_mode & 0o077 == 0
