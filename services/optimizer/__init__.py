"""Optimizer: portfolios of provably optimal lineups."""
