"""The process stream."""
