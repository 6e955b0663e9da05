"""The rule language: one grammar, one typed tree, three views of it (text, JSON, form)."""
