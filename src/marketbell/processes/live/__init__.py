"""The process live."""
