"""Who may do what: one decision function."""
