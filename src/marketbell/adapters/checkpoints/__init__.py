"""Adapters: checkpoints."""
