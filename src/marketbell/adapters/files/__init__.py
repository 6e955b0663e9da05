"""Adapters: files."""
