"""Adapters: recordings."""
