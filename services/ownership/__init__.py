"""Ownership: what the field will play."""
