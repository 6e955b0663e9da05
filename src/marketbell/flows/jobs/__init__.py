"""Work by the clock and work that was asked for: when it is due, and how one run goes."""
