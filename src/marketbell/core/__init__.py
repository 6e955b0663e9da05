"""The laws Marketbell applies: pure code, no I/O, no clock, no framework."""
