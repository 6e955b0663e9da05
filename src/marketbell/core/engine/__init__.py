"""The engine: columnar state, tick kernel, bars, thresholds, checkpoint."""
