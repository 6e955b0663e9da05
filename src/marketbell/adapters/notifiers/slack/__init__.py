"""Slack: by an incoming webhook, or as a bot."""

from marketbell.adapters.notifiers.slack.channel import Slack

__all__ = ["Slack"]
