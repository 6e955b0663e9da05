"""The inbox needs nothing."""

from marketbell.core.alerts.cards import Card
from marketbell.core.alerts.pace import Pace

CARD = Card(
    "in_app",
    "In the app",
    pace=Pace(burst=1_000.0, per_s=1_000.0),
    honours_key=True,
    help="The inbox of this app. Every alert is told there, whatever else is.",
)
