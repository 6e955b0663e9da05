"""The channels that exist, ready to send."""

from collections.abc import Callable

from marketbell.ports.clock import Clock
from marketbell.ports.notifiers import Notifier
from marketbell.settings import Settings


def build_notifiers(settings: Settings, clock: Clock) -> tuple[dict[str, Notifier], Callable[[], None]]:
    """Notifiers by kind, and what closes their connections."""
    from marketbell.adapters.notifiers.in_app import InApp
    from marketbell.adapters.notifiers.slack import Slack
    from marketbell.adapters.notifiers.webhook import Webhook
    from marketbell.adapters.outgoing.guarded import GuardedHttp
    from marketbell.wiring.secrets import webhook_secret

    http = GuardedHttp(settings.notify.allow_private)
    notifiers: dict[str, Notifier] = {
        "in_app": InApp(),
        "webhook": Webhook(http, clock, webhook_secret(settings.data_dir)),
        "slack": Slack(http),
    }
    return notifiers, http.close
