"""The process ingest."""
