"""What e-mail needs: the installation's mail server, one's own, or SendGrid."""

from marketbell.core.alerts.cards import Card, Field, Way
from marketbell.core.alerts.pace import Pace

PORTS = (25, 465, 587, 2525)

_FIELDS = (
    Field("to", "To", "email", required=True, is_address=True, help="asha@example.com"),
    Field("sender", "From", "email", help="What the server lets you send as"),
    Field("host", "Mail server", pattern=r"[A-Za-z0-9._:-]{1,253}", is_target=True, help="smtp.example.com"),
    Field("port", "Port", "number", low=1, high=65_535, help="587 for STARTTLS, 465 for TLS; 25 and 2525 too"),
    Field("security", "Security", words=("starttls", "tls"), help="starttls (the default) or tls"),
    Field("user", "User"),
    Field("password", "Password", "secret"),
    Field("api_key", "API key", "secret", help="SendGrid: SG.…, with the permission Mail Send"),
)
_SERVER = Way("server", "The mail server of this installation", ())
_OWN = Way("smtp", "Your own mail server", ("host", "sender"), ("port", "security", "user", "password"))
_SENDGRID = Way("sendgrid", "SendGrid", ("api_key", "sender"))


def card(*, has_server: bool) -> Card:
    """The card, with the installation's server where the administrator set one."""
    return Card(
        "email",
        "E-mail",
        _FIELDS,
        pace=Pace(burst=10.0, per_s=2.0),
        ways=(*([_SERVER] if has_server else []), _OWN, _SENDGRID),
        help="The subject is the alert's first line. Every attempt at one message has the same Message-ID.",
    )
