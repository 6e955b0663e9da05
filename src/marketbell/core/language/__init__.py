"""The rule language: grammar, tree, types and the one registry of fields."""
