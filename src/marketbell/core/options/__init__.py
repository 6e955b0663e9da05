"""Option chains: contracts, quotes, prices and Greeks, metrics, the volatility surface, payoffs.

Fractions inside (a rate of 0.065, a volatility of 0.14); percentage points begin at the door (document.py, fields).
"""
