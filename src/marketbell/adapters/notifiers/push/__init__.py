"""Web push: messages of the browser."""
