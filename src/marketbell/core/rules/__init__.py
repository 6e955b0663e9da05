"""Policy: clauses, their state machine, firings."""
