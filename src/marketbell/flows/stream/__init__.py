"""Log to quality to state to bars, lists and firings; checkpoints, recorder, replay."""
