"""Adapters: secrets."""
