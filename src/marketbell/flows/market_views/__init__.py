"""Read views: engine rows and reference facts in, the items that people and scripts read out."""
