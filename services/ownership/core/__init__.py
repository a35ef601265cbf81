"""Estimators of ownership over arrays."""
