"""Adapters: clock."""
