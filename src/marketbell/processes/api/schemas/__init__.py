"""The shapes of every answer and question, one file a resource."""
