"""Many listeners at once: the stream protocol, and the server that speaks it."""
