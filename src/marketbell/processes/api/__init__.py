"""The process api."""
