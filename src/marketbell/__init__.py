"""Marketbell: real-time market intelligence, alerting and paper trading."""

__version__ = "0.1.0"
