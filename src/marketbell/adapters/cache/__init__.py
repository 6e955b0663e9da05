"""Adapters: cache."""
