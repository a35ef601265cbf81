"""Contract of the ownership service."""
