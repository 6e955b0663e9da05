"""What a Telegram bot needs."""

from marketbell.core.alerts.cards import Card, Field
from marketbell.core.alerts.pace import Pace

CARD = Card(
    "telegram",
    "Telegram",
    (
        Field(
            "token", "Bot token", "secret", required=True, help="From @BotFather: 123456:ABC…",
            pattern=r"\d{3,20}:[A-Za-z0-9_-]{10,100}",
        ),
        Field(
            "chat", "Chat", required=True, is_address=True, pattern=r"-?\d{1,20}|@[A-Za-z][A-Za-z0-9_]{3,40}",
            help="A chat's number, or @name of a public channel; write to the bot first",
        ),
    ),
    pace=Pace(burst=3.0, per_s=1.0),
    help="Telegram takes about one message a second for each chat, 20 a minute for a group.",
)  # fmt: skip
