"""Bricks of models: each with its parallel form and its step."""
