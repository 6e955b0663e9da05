"""What a webhook needs."""

from marketbell.core.alerts.cards import Card, Field
from marketbell.core.alerts.pace import Pace

CARD = Card(
    "webhook",
    "Webhook",
    (
        Field("url", "Address", "url", required=True, is_address=True, help="https://…; answers 2xx within 5 s"),
        Field("secret", "Secret", "secret", help="Signs each message; without one the installation's own secret does"),
    ),
    pace=Pace(burst=50.0, per_s=50.0),
    honours_key=True,
    help="One signed JSON POST a message, with an idempotency key.",
)
