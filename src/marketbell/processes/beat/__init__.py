"""The process beat."""
