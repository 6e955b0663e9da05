"""What a Discord webhook needs."""

from marketbell.core.alerts.cards import Card, Field
from marketbell.core.alerts.pace import Pace

CARD = Card(
    "discord",
    "Discord",
    (
        Field(
            "url", "Webhook address", "url", required=True, is_address=True,
            help="Channel settings → Integrations → Webhooks: https://discord.com/api/webhooks/…",
        ),
    ),
    pace=Pace(burst=4.0, per_s=0.5),
    help="Discord takes five messages in two seconds and thirty a minute for each webhook.",
)  # fmt: skip
