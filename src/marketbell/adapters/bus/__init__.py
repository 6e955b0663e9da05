"""Adapters: bus."""
