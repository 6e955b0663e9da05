"""Screens for a person: keep them, ask them, look at who came and went."""
