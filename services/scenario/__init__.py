"""Scenario: races and their simulation."""
