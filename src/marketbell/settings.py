"""Typed settings, read once; nothing else reads the environment."""
