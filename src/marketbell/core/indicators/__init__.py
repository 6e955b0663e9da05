"""One file an indicator: batch form and step form."""
