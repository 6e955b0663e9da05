"""Ratios, holdings and valuation, point in time."""
