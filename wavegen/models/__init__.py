"""The models that wavegen ships, as plugins like any other."""
