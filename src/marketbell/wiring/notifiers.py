"""The channels that exist, ready to send. A card costs nothing; what sends is made at its first message."""

import ssl
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketbell.core.alerts.cards import Card
from marketbell.core.alerts.pace import Pace
from marketbell.core.primitives.errors import InvalidSettingError
from marketbell.ports.clock import Clock
from marketbell.ports.notifiers import Message, Notifier
from marketbell.ports.outgoing import Outgoing
from marketbell.ports.secrets import Secrets
from marketbell.settings import NotifySettings, Settings

if TYPE_CHECKING:
    from marketbell.adapters.notifiers.email.channel import House
    from marketbell.adapters.notifiers.push.vapid import Vapid

SECRET_MARK = "secret:"  # noqa: S105 — how a setting names a secret


def cards(settings: Settings) -> dict[str, Card]:
    """What each kind of channel needs, in the order in which they are offered."""
    from marketbell.adapters.notifiers.apprise.card import card as apprise_card
    from marketbell.adapters.notifiers.discord.card import CARD as DISCORD
    from marketbell.adapters.notifiers.email.card import card as email_card
    from marketbell.adapters.notifiers.in_app.card import CARD as IN_APP
    from marketbell.adapters.notifiers.push.card import CARD as PUSH
    from marketbell.adapters.notifiers.slack.card import CARD as SLACK
    from marketbell.adapters.notifiers.sms.card import CARD as SMS
    from marketbell.adapters.notifiers.telegram.card import CARD as TELEGRAM
    from marketbell.adapters.notifiers.webhook.card import CARD as WEBHOOK

    notify = settings.notify
    email = email_card(has_server=bool(notify.smtp_host))
    offered = [IN_APP, PUSH, email, TELEGRAM, SLACK, DISCORD, SMS, WEBHOOK]
    if notify.apprise_services:
        offered.append(apprise_card(notify.apprise_services))
    return {card.kind: card for card in offered}


def paces(settings: Settings) -> dict[str, Pace]:
    """How fast each kind takes messages for one destination."""
    return {kind: card.pace for kind, card in cards(settings).items()}


def build_notifiers(settings: Settings, clock: Clock) -> tuple[dict[str, Notifier], Callable[[], None]]:
    """Notifiers by kind, and what closes their connections. InvalidSettingError where the settings contradict."""
    from marketbell.adapters.notifiers.in_app.channel import InApp
    from marketbell.adapters.notifiers.sealed import Sealed
    from marketbell.adapters.outgoing.guarded import GuardedHttp
    from marketbell.wiring.secrets import build_secrets

    _check(settings.notify)
    http = GuardedHttp(settings.notify.allow_private)
    secrets = build_secrets(settings, clock)
    makers = _makers(settings, clock, http, secrets)
    later = {kind: _Later(card, makers[kind]) for kind, card in cards(settings).items() if kind in makers}
    if "apprise" in later:
        # its plugins take a second or more: that must not be a second of the first message's lease
        threading.Thread(target=later["apprise"].made, name="apprise", daemon=True).start()
    notifiers: dict[str, Notifier] = {kind: Sealed(one, cards(settings)[kind], secrets) for kind, one in later.items()}
    notifiers["in_app"] = InApp()

    def close() -> None:
        http.close()
        secrets.close()

    return notifiers, close


def push_key(settings: Settings) -> str:
    """What a browser subscribes with: base64url of our public point. It lasts as long as DATA_DIR/push.key."""
    return _vapid(settings).public


class _Later:
    """A notifier that is made when it is needed: most installations never load most of them."""

    def __init__(self, card: Card, make: Callable[[], Notifier]) -> None:
        self.kind = card.kind
        self.honours_key = card.honours_key
        self._make = make
        self._made: Notifier | None = None
        self._lock = threading.Lock()

    def made(self) -> Notifier:
        """Itself, made at the first call."""
        with self._lock:
            self._made = self._made or self._make()
            return self._made

    def send(self, config: dict[str, Any], message: Message) -> str:
        """As it does."""
        return self.made().send(config, message)


def _makers(settings: Settings, clock: Clock, http: Outgoing, secrets: Secrets) -> dict[str, Callable[[], Notifier]]:
    notify = settings.notify

    def webhook() -> Notifier:
        from marketbell.adapters.notifiers.webhook.channel import Webhook
        from marketbell.wiring.secrets import webhook_secret

        return Webhook(http, clock, webhook_secret(settings.data_dir))

    def slack() -> Notifier:
        from marketbell.adapters.notifiers.slack.channel import Slack

        return Slack(http, clock, notify.slack_url)

    def telegram() -> Notifier:
        from marketbell.adapters.notifiers.telegram.channel import Telegram

        return Telegram(http, notify.telegram_url)

    def discord() -> Notifier:
        from marketbell.adapters.notifiers.discord.channel import Discord

        return Discord(http)

    def sms() -> Notifier:
        from marketbell.adapters.notifiers.sms.channel import Sms

        return Sms(http, clock, notify.twilio_url, notify.sms_segments)

    def email() -> Notifier:
        from marketbell.adapters.notifiers.email.channel import Email

        return Email(
            http,
            clock,
            house=lambda: _house(notify, secrets),
            sendgrid_api=notify.sendgrid_url,
            context=_trust(notify.smtp_ca_file),
        )

    def push() -> Notifier:
        from marketbell.adapters.notifiers.push.channel import Push

        return Push(http, clock, _vapid(settings))

    def other() -> Notifier:
        from marketbell.adapters.notifiers.apprise.channel import Apprise

        return Apprise(notify.apprise_services)

    return {
        "webhook": webhook,
        "slack": slack,
        "telegram": telegram,
        "discord": discord,
        "sms": sms,
        "email": email,
        "push": push,
        "apprise": other,
    }


def _check(notify: NotifySettings) -> None:
    """What is wrong with the settings is said at the start, not at the first alert."""
    if notify.smtp_host and not notify.smtp_from:
        raise InvalidSettingError("notify.smtp_host is set: notify.smtp_from says what mails are sent as")
    if notify.smtp_ca_file and not Path(notify.smtp_ca_file).expanduser().is_file():
        raise InvalidSettingError(f"notify.smtp_ca_file: there is no file {notify.smtp_ca_file}")
    if notify.apprise_services and find_spec("apprise") is None:
        raise InvalidSettingError("notify.apprise_services is set, and Apprise is not installed: pip install apprise")


def _house(notify: NotifySettings, secrets: Secrets) -> "House | None":
    from marketbell.adapters.notifiers.email.channel import House
    from marketbell.adapters.notifiers.email.smtp import Server

    if not notify.smtp_host:
        return None
    password = notify.smtp_password
    if password.startswith(SECRET_MARK):
        password = secrets.get(password.removeprefix(SECRET_MARK))
    server = Server(notify.smtp_host, notify.smtp_port, notify.smtp_security, notify.smtp_user, password)
    return House(server, notify.smtp_from)


def _vapid(settings: Settings) -> "Vapid":
    from marketbell.adapters.notifiers.push.vapid import Vapid
    from marketbell.wiring.secrets import push_secret

    return Vapid(push_secret(settings.data_dir), settings.notify.contact)


def _trust(ca_file: str) -> ssl.SSLContext:
    """The system's authorities, and one more where the administrator names it."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(str(Path(ca_file).expanduser()))
    return context
