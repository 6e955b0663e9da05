"""Write, arm and disarm rules."""
