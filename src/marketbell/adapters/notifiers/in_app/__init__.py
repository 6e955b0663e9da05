"""The inbox of the app."""

from marketbell.adapters.notifiers.in_app.channel import InApp

__all__ = ["InApp"]
