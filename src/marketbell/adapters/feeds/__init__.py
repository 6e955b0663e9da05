"""Adapters: feeds."""
