"""What a rule means once it is armed: its identity, its command on the log, its firings."""
