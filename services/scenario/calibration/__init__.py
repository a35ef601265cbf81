"""Fitting the race model to history."""
