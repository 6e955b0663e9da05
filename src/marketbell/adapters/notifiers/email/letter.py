"""An alert as a mail: subject, plain text and HTML, and the headers that mailboxes look for."""

from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from marketbell.core.alerts.wording import assembled, cut
from marketbell.ports.notifiers import Message

SUBJECT = 200
LIMIT = 90_000
"""Characters of a body; some mailboxes cut what is longer than about 100 kB."""


def message_id(message: Message, sender: str) -> str:
    """The same for every attempt at one message: mailboxes and threads know it again."""
    return f"<{message.delivery_id}@{sender.rpartition('@')[2]}>"


def subject(message: Message) -> str:
    """The first line on one line: a line feed in a rule's name must not become a header."""
    return cut(" ".join(message.title.split()), SUBJECT)


def headers(message: Message, sender: str) -> dict[str, str]:
    """What goes beside From, To and Subject, by SMTP and by API alike."""
    found = {
        "Message-ID": message_id(message, sender),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "X-Marketbell-Delivery": message.delivery_id,
    }
    if message.facts.get("severity") == "high":
        found["Importance"] = "high"
    if message.link_mute:
        found["List-Unsubscribe"] = f"<{message.link_mute}>"
        if message.link_mute.startswith("https://"):
            found["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058 wants https
    return found


def letter(message: Message, sender: str, to: str, now: int) -> bytes:
    """The whole mail, ready to be sent. `now` is ns UTC."""
    made = EmailMessage(policy=SMTP)
    made["From"] = Address("Marketbell", *_parts(sender))
    made["To"] = Address("", *_parts(to))
    made["Subject"] = subject(message)
    made["Date"] = format_datetime(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=now // 1_000_000_000))
    made.set_content(plain(message))
    made.add_alternative(html(message), subtype="html")
    # the parts' border is made from the message too: a repeat is the same mail to the byte
    made.set_boundary(f"=_{message.delivery_id}")
    # The library folds what it finds too long into encoded words, and a link in one is no link. These are ASCII.
    ours = "".join(f"{name}: {_bare(value)}\r\n" for name, value in headers(message, sender).items())
    return ours.encode("ascii") + made.as_bytes()


def plain(message: Message) -> str:
    """Plain text: the first line, the rest, the links with their words."""
    links = [f"{words}: {url}" for words, url in message.links]
    return assembled(message.title, ["", *message.rest, ""], links, LIMIT)


def html(message: Message) -> str:
    """HTML that every mailbox shows: no pictures, no scripts, nothing from elsewhere."""
    links = [f'<a href="{escape(url)}">{escape(words)}</a>' for words, url in message.links]
    rest = assembled("", message.rest, [], LIMIT, escape=lambda line: f"<div>{escape(line)}</div>").strip()
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"></head>\n'
        '<body style="font:15px/1.5 system-ui,sans-serif;color:#1b1b1b;background:#ffffff">\n'
        f'<p style="font-size:17px;margin:0 0 12px"><b>{escape(message.title)}</b></p>\n{rest}\n'
        f'<p style="margin:16px 0 0">{" &nbsp;·&nbsp; ".join(links)}</p>\n</body></html>\n'
    )


def _parts(address: str) -> tuple[str, str]:
    user, _, domain = address.rpartition("@")
    return user, domain


def _bare(value: str) -> str:
    """ASCII without line feeds: what a link may consist of."""
    return "".join(character for character in value if " " <= character <= "~")
