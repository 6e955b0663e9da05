"""What Slack needs, by webhook or as a bot."""

from marketbell.core.alerts.cards import Card, Field, Way
from marketbell.core.alerts.pace import Pace

CARD = Card(
    "slack",
    "Slack",
    (
        Field("url", "Webhook address", "url", is_address=True, help="https://hooks.slack.com/services/…"),
        Field("channel", "Channel", is_label=True, help="#alerts, or an id like C024BE91L", pattern=r"#?[^\s#@]{1,80}"),
        Field("token", "Bot token", "secret", help="xoxb-…, with the scope chat:write"),
    ),
    pace=Pace(burst=3.0, per_s=1.0),
    ways=(
        Way("webhook", "Incoming webhook", ("url",), help="One webhook posts to one channel."),
        Way("bot", "Bot token", ("token", "channel"), help="The bot must be a member of the channel."),
    ),
    help="Slack takes about one message a second for each channel, with short bursts.",
)
