"""Adapters: notifiers."""
