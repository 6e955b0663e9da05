"""`marketbell bench`: ours and the peers in turn, in one run, medians."""
