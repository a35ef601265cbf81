"""Contract of the scenario service."""
