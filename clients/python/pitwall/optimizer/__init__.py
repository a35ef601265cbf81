"""Contract of the optimizer service."""
