"""The process worker."""
