"""Adapters: spill."""
