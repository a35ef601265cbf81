"""Contract of the contest-sim service."""
