"""Signed webhooks."""

from marketbell.adapters.notifiers.webhook.channel import Webhook, signature

__all__ = ["Webhook", "signature"]
