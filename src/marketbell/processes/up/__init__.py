"""The process up."""
