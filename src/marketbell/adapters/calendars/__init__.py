"""Adapters: calendars."""
