"""What Apprise needs: one of its addresses."""

from collections.abc import Sequence

from marketbell.core.alerts.cards import Card, Field
from marketbell.core.alerts.pace import Pace


def card(services: Sequence[str]) -> Card:
    """The card, naming what the administrator allows."""
    return Card(
        "apprise",
        "Another service (Apprise)",
        (
            Field(
                "url",
                "Apprise address",
                "secret",
                required=True,
                is_address=True,
                help=f"Allowed here: {', '.join(f'{name}://' for name in services)}",
            ),
        ),
        pace=Pace(burst=3.0, per_s=1.0),
        help="Sent by the library Apprise, whose requests do not pass through our guard of addresses.",
    )
