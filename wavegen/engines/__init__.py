"""Engines: what runs a model step after step for a block of voices."""
