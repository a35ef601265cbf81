"""Scenario matrices: codec and content-addressed store."""
