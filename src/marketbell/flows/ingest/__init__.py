"""Raw payload to normalized event to bus."""
