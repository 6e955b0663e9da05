"""The process cli."""
