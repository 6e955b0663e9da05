"""What an SMS needs."""

from marketbell.core.alerts.cards import Card, Field, Way
from marketbell.core.alerts.pace import Pace

_NUMBER = r"\+[1-9]\d{6,14}"

CARD = Card(
    "sms",
    "SMS",
    (
        Field("to", "To", required=True, is_address=True, pattern=_NUMBER, help="With country: +919876543210"),
        Field("account", "Account SID", required=True, pattern=r"AC[0-9a-fA-F]{32}", help="Twilio: AC…"),
        Field("token", "Auth token", "secret", required=True, help="Of the account, or of an API key"),
        Field("key", "API key SID", pattern=r"SK[0-9a-fA-F]{32}", help="SK…, where the token is an API key's secret"),
        Field(
            "sender", "From", pattern=rf"{_NUMBER}|(?=.*[A-Za-z])[A-Za-z0-9 ]{{1,11}}",
            help="One of your Twilio numbers, or a sender name where the country allows it",
        ),
        Field("service", "Messaging service", pattern=r"MG[0-9a-fA-F]{32}", help="MG…"),
    ),
    pace=Pace(burst=5.0, per_s=1.0),
    ways=(
        Way("number", "From a number", ("sender",)),
        Way("service", "From a messaging service", ("service",)),
    ),
    help="Twilio. The first 160 characters say everything that matters; a message costs up to three segments.",
)  # fmt: skip
