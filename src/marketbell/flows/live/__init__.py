"""Changed rows in, rooms out: snapshot, deltas with a sequence, resume. Composes; computes nothing."""
