"""The process sender."""
