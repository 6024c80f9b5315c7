"""Step programs: a model's step as a flat list of operations that needs no PyTorch to run."""
