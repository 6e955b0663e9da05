"""Slack. It knows no idempotency key: a message whose outcome is unknown is not sent again."""

from typing import Any

import orjson

from marketbell.adapters.notifiers.slack.text import text
from marketbell.core.alerts.answers import asked_s, refusal
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.clock import Clock
from marketbell.ports.notifiers import Message
from marketbell.ports.outgoing import Outgoing, Reply

API = "https://slack.com"
_ACCEPTED = 200
_JSON = {"Content-Type": "application/json; charset=utf-8"}
_PASSING = frozenset({
    "ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout",
    "message_limit_exceeded", "team_added_to_org", "accesslimited", "upgrade_in_progress",
})  # fmt: skip
"""Errors of the Web API that pass by themselves; all others are the person's to mend."""
_MENDED_BY = {
    "not_in_channel": "invite the bot to the channel",
    "channel_not_found": "there is no such channel, or the bot cannot see it",
    "is_archived": "the channel is archived",
    "invalid_auth": "the token is not valid",
    "token_revoked": "the token was revoked",
    "token_expired": "the token has expired",
    "account_inactive": "the bot's account was switched off",
    "missing_scope": "the token lacks the scope chat:write",
}


class Slack:
    """`config` holds the `url` of an incoming webhook, or a bot's `token` and its `channel`.

    `api` is where the Web API answers: a Slack for governments has another address.
    """

    kind = "slack"
    honours_key = False

    def __init__(self, http: Outgoing, clock: Clock, api: str = API) -> None:
        self._http = http
        self._clock = clock
        self._api = api.rstrip("/")

    def send(self, config: dict[str, Any], message: Message) -> str:
        """POST the text; the reference is the message's time stamp, or "ok"."""
        if config.get("token") and config.get("channel"):
            return self._as_bot(str(config["token"]), str(config["channel"]), message)
        url = config.get("url")
        if not isinstance(url, str) or not url:
            raise DeliveryError("the Slack channel has no address", permanent=True)
        return self._by_webhook(url, message)

    def _by_webhook(self, url: str, message: Message) -> str:
        reply = self._http.post(url, orjson.dumps({"text": text(message)}), _JSON)
        said = reply.body.strip()[:100]
        if reply.status == _ACCEPTED and said == "ok":
            return "ok"
        if reply.status == _ACCEPTED:
            raise DeliveryError("the receiver does not answer as Slack does", permanent=True)
        raise refusal("Slack", reply.status, "" if said.startswith("<") else said, self._asked(reply))

    def _as_bot(self, token: str, channel: str, message: Message) -> str:
        """Most failures come with HTTP 200 and `"ok": false`."""
        body = {
            "channel": channel,
            "text": text(message),
            "unfurl_links": False,
            "unfurl_media": False,
        }
        headers = _JSON | {"Authorization": f"Bearer {token}"}
        reply = self._http.post(f"{self._api}/api/chat.postMessage", orjson.dumps(body), headers)
        said = reply.document
        error = str(said.get("error", ""))[:100]
        if reply.status != _ACCEPTED:
            raise refusal("Slack", reply.status, error, self._asked(reply))
        if said.get("ok") is True:
            return str(said.get("ts", "ok"))[:100]
        if said.get("ok") is not False:
            raise DeliveryError("the receiver does not answer as Slack does", permanent=True)
        if error in _PASSING:
            raise DeliveryError(f"Slack said {error}", retry_after_s=self._asked(reply))
        hint = _MENDED_BY.get(error, "")
        raise DeliveryError(f"Slack refused: {error}{f' ({hint})' if hint else ''}", permanent=True)

    def _asked(self, reply: Reply) -> float:
        return asked_s(reply.headers.get("retry-after", ""), self._clock.now())
