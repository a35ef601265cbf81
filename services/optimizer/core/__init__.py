"""Tail search and portfolio construction over arrays."""
