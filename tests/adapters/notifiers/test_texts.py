"""What each provider is handed: its format, its limits, and nothing of ours that becomes markup."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.notifiers.discord import channel as discord
from marketbell.adapters.notifiers.email.letter import html, letter, plain, subject
from marketbell.adapters.notifiers.push.channel import payload
from marketbell.adapters.notifiers.push.sealing import LARGEST
from marketbell.adapters.notifiers.slack import text as slack
from marketbell.adapters.notifiers.slack.channel import Slack
from marketbell.adapters.notifiers.sms.channel import Sms
from marketbell.adapters.notifiers.sms.segments import is_gsm, length, segments, simplified
from marketbell.adapters.notifiers.sms.text import text as sms
from marketbell.adapters.notifiers.telegram import channel as telegram
from marketbell.adapters.notifiers.webhook.channel import Webhook, signature
from marketbell.core.alerts.wording import utf16
from marketbell.ports.notifiers import Message
from marketbell.ports.outgoing import Reply

TITLE = "RELIANCE close crosses above ₹1,500: 1500.05 at 2021-04-28 10:15:03 IST"
LINK = "http://127.0.0.1:8700/alerts?firing=f1"
MUTE = "https://bell.example.com/m/abc"
MESSAGE = Message(
    "d" * 32, TITLE, "Rule: A & B\nWhy: close > 1500", LINK, {"severity": "high"}, MUTE,
    actions=(("Acknowledge", "https://bell.example.com/m/def"),),
)  # fmt: skip
STORM = replace(
    MESSAGE,
    title="4,300 symbols matched Volume shocker",
    lines=tuple(f"SYM{number} volume > 5x <avg>: 12,345 at 10:15:03 IST" for number in range(4_300)),
)
ODD = replace(MESSAGE, title="*A* _b_ <@U1> @everyone `c` ~d~ [x](http://y) | > # &amp; \\ <b>e</b>", body="*bold* <i>")


class Told:
    """An Outgoing that keeps what it is handed."""

    def __init__(self, body: Any = "ok", status: int = 200) -> None:
        self.reply = Reply(status, body if isinstance(body, str) else json.dumps(body))
        self.calls: list[tuple[str, bytes, dict[str, str]]] = []

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Reply:
        self.calls.append((url, body, dict(headers)))
        return self.reply

    def pinned(self, host: str, port: int, ports: object) -> str:
        return host

    def close(self) -> None:
        pass


def test_slack_reads_it_as_text() -> None:
    assert slack.text(MESSAGE).split("\n") == [
        f"*{TITLE}*",
        "Rule: A &amp; B",
        "Why: close &gt; 1500",
        f"<{LINK}|Open in Marketbell> · <https://bell.example.com/m/def|Acknowledge> · <{MUTE}|Mute this rule>",
    ]
    told = slack.text(ODD)
    assert "<@" not in told
    assert "\u2217A\u2217 \u02cdb\u02cd &lt;@U1&gt;" in told
    assert "fund.promoter_holding" in slack.escaped("fund.promoter_holding")


def test_a_bot_names_its_channel_and_unfolds_nothing() -> None:
    http = Told({"ok": True, "ts": "1"})
    Slack(http, ManualClock(0)).send({"token": "xoxb", "channel": "#a"}, MESSAGE)
    url, body, headers = http.calls[0]
    assert (url, headers["Authorization"]) == ("https://slack.com/api/chat.postMessage", "Bearer xoxb")
    told = json.loads(body)
    assert (told["channel"], told["unfurl_links"], told["unfurl_media"]) == ("#a", False, False)


def test_telegrams_html_has_only_our_tags() -> None:
    told = telegram.text(ODD)
    assert told.startswith("<b>*A* _b_ &lt;@U1&gt; @everyone")
    assert "&lt;i&gt;" in told
    assert telegram.text(MESSAGE).endswith(f'<a href="{MUTE}">Mute this rule</a>')
    http = Told({"ok": True, "result": {"message_id": 1}})
    telegram.Telegram(http).send({"token": "1:x", "chat": "@desk"}, MESSAGE)
    url, body, _ = http.calls[0]
    assert url == "https://api.telegram.org/bot1:x/sendMessage"
    assert json.loads(body)["link_preview_options"] == {"is_disabled": True}


def test_discord_mentions_nobody() -> None:
    told = discord.text(ODD)
    assert told.startswith(r"**\*A\* \_b\_ \<\@U1\> \@everyone")
    http = Told({"id": "1"})
    discord.Discord(http).send({"url": "https://discord.com/api/webhooks/1/t?thread_id=9&wait=false"}, MESSAGE)
    url, body, _ = http.calls[0]
    assert url == "https://discord.com/api/webhooks/1/t?thread_id=9&wait=true"
    assert json.loads(body)["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize("told", [STORM, ODD, replace(ODD, title="<&*" * 4_000), replace(STORM, body="🔔" * 9_000)])
def test_every_limit_is_kept_and_the_links_stand(told: Message) -> None:
    texts = {
        "slack": (slack.text(told), len, slack.LIMIT),
        "telegram": (telegram.text(told), utf16, telegram.LIMIT),
        "discord": (discord.text(told), utf16, discord.LIMIT),
    }
    for name, (text, size, limit) in texts.items():
        assert size(text) <= limit, name
        assert MUTE in text, name
    sealed = orjson.loads(payload(told))
    assert len(payload(told)) <= LARGEST
    assert (sealed["url"], sealed["mute"], sealed["tag"]) == (LINK, MUTE, "d" * 32)
    assert segments(sms(told, 3)) <= 3


def test_a_storm_says_how_many_it_leaves_out() -> None:
    assert "more lines" in slack.text(STORM)
    assert slack.text(STORM).startswith("*4,300 symbols matched Volume shocker*\nSYM0 ")


def test_an_sms_says_everything_in_its_first_segment() -> None:
    text = sms(MESSAGE, 3)
    assert text.split("\n")[:3] == [
        "RELIANCE close crosses above Rs 1,500: 1500.05 at 2021-04-28 10:15:03 IST", LINK, f"Mute: {MUTE}",
    ]  # fmt: skip
    assert is_gsm(text)
    assert length(sms(replace(MESSAGE, title="x" * 500), 3).split("\n")[0]) == 160
    assert sms(replace(MESSAGE, title="x" * 500), 1) == "x" * 157 + "..."
    hindi = sms(replace(MESSAGE, title="रिलायंस " * 40), 3)
    assert length(hindi.split("\n")[0]) <= 70
    assert segments(hindi) <= 3


@given(st.text(max_size=400), st.text(max_size=200), st.integers(1, 4))
def test_no_sms_is_dearer_than_it_may_be(title: str, body: str, most: int) -> None:
    text = sms(replace(MESSAGE, title=title.replace("\n", " "), body=body), most)
    assert segments(text) <= most
    assert len(text) <= 1_600


def test_letters_are_counted_as_the_network_does() -> None:
    assert [segments("a" * count) for count in (0, 160, 161, 306, 307)] == [1, 1, 2, 2, 3]
    assert [segments("я" * count) for count in (70, 71, 134, 135)] == [1, 2, 2, 3]
    assert length("€[]") == 6
    assert simplified("Crédit “x” – ₹5 … ok") == 'Crédit "x" - Rs 5 ... ok'
    assert simplified("Šiauliai") == "Siauliai"
    assert simplified("नमस्ते –") == "नमस्ते -"


def test_twilio_gets_a_form() -> None:
    http = Told({"sid": "SM1", "status": "queued"}, 201)
    config = {"account": "AC1", "token": "t", "key": "SK1", "to": "+91", "service": "MG1"}
    assert Sms(http, ManualClock(0), "https://api.dublin.ie1.twilio.com/").send(config, MESSAGE) == "SM1"
    url, body, headers = http.calls[0]
    assert url == "https://api.dublin.ie1.twilio.com/2010-04-01/Accounts/AC1/Messages.json"
    assert headers["Authorization"] == "Basic U0sxOnQ="
    form = parse_qs(body.decode())
    assert (form["To"], form["MessagingServiceSid"], "From" in form) == (["+91"], ["MG1"], False)


def test_a_webhook_is_signed_and_carries_its_key() -> None:
    http = Told("", 202)
    webhook = Webhook(http, ManualClock(1_700_000_000_900_000_000), b"of this installation")
    webhook.send({"url": "https://x.example"}, MESSAGE)
    webhook.send({"url": "https://x.example", "secret": "mine"}, MESSAGE)
    (_, body, headers), (_, _, other) = http.calls
    assert headers["Idempotency-Key"] == MESSAGE.delivery_id
    assert headers["Marketbell-Timestamp"] == "1700000000"
    assert headers["Marketbell-Signature"] == signature(
        b"of this installation", "1700000000", MESSAGE.delivery_id, body
    )
    assert other["Marketbell-Signature"] == signature(b"mine", "1700000000", MESSAGE.delivery_id, body)
    told = json.loads(body)
    assert (told["title"], told["link_mute"], told["lines"]) == (TITLE, MUTE, [])
    assert told["actions"] == [{"title": "Acknowledge", "url": "https://bell.example.com/m/def"}]


def test_a_mail_is_the_same_to_the_byte_at_every_attempt() -> None:
    now = 1_700_000_000 * 10**9
    first = letter(MESSAGE, "bell@example.com", "asha@example.com", now)
    assert first == letter(MESSAGE, "bell@example.com", "asha@example.com", now)
    assert b"Message-ID: <" + b"d" * 32 + b"@example.com>\r\n" in first
    assert b"List-Unsubscribe: <https://bell.example.com/m/abc>\r\n" in first
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in first
    assert b"Importance: high\r\n" in first
    assert b"\n" not in first.replace(b"\r\n", b"")
    local = letter(replace(MESSAGE, link_mute="http://127.0.0.1/m/1"), "b@e.com", "a@e.com", now)
    assert b"List-Unsubscribe-Post" not in local


def test_a_long_link_stays_a_link() -> None:
    link = "https://bell.example.com/m/" + "MToxNDptdXRl" * 20
    told = letter(replace(MESSAGE, link_mute=link), "bell@example.com", "asha@example.com", 0)
    assert f"List-Unsubscribe: <{link}>\r\n".encode() in told
    odd = letter(replace(MESSAGE, link_mute="https://x/\r\nBcc: é"), "bell@example.com", "asha@example.com", 0)
    assert b"List-Unsubscribe: <https://x/Bcc: >\r\n" in odd


def test_a_name_with_a_line_feed_makes_no_header() -> None:
    odd = replace(MESSAGE, title="A\r\nBcc: all@example.com")
    assert subject(odd) == "A Bcc: all@example.com"
    assert b"\r\nBcc:" not in letter(odd, "bell@example.com", "asha@example.com", 0).partition(b"\r\n\r\n")[0]


def test_a_mails_html_holds_no_markup_of_others() -> None:
    told = html(ODD)
    assert "<b>e</b>" not in told
    assert "&lt;b&gt;e&lt;/b&gt;" in told
    assert "<div>*bold* &lt;i&gt;</div>" in told
    assert f'<a href="{MUTE}">Mute this rule</a>' in told
    assert plain(MESSAGE).startswith(f"{TITLE}\n\nRule: A & B\n")
    assert f"Open in Marketbell: {LINK}" in plain(MESSAGE)
