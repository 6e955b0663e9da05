"""Adapters: servers."""
