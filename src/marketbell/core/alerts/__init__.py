"""Between a firing and its messages: pure decisions with reasons."""
