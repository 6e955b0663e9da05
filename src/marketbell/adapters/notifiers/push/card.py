"""What web push needs: the browser fills it in."""

from marketbell.core.alerts.cards import Card, Field
from marketbell.core.alerts.pace import Pace

CARD = Card(
    "push",
    "This browser",
    (
        Field("endpoint", "Endpoint", "url", required=True, is_address=True, help="Of the browser's PushSubscription"),
        Field("p256dh", "Key", required=True, pattern=r"[A-Za-z0-9_-]{86,88}=*", help="keys.p256dh, base64url"),
        Field(
            "auth", "Secret", "secret", required=True, pattern=r"[A-Za-z0-9_-]{21,24}=*", help="keys.auth, base64url"
        ),
    ),
    pace=Pace(burst=10.0, per_s=2.0),
    honours_key=True,
    help="Messages of the browser, also while no page is open. A repeat takes the place of the message it repeats.",
)
