"""Experiments of the literature, done again."""
