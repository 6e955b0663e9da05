"""Firing to plan to outbox to delivery."""
