"""Adapters: requests to addresses that people typed."""
