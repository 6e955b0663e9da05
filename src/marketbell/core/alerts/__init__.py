"""Between a firing and its messages: pure decisions about who is told, when again, and how fast."""
