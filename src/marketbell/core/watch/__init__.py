"""What must be seen when it goes quiet: conditions over what is known of the parts, each a pure function."""
