"""python -m marketbell."""
