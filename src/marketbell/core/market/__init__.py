"""Market vocabulary: instruments, venues, sessions."""
