"""Series to be had by name: generated ones, and real ones that packages ship."""
