"""Rules tried on the past: with the engine and the clauses that watch the live market."""
