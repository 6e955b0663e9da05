"""What the stations need, in the stations' own words. Protocols only."""
