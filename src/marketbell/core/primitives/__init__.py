"""Identity, time and the tree of errors: what every other room may lean on."""
