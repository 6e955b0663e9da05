"""Adapters: leases."""
