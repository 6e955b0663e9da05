"""Abnormal shapes of price, volume and order book: stated definitions, scores, and the numbers they rest on."""
