"""Changed rows to rooms: snapshot and deltas, one pace per client, resume."""
