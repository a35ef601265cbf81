"""Pitwall: lineups for NASCAR daily fantasy tournaments, proven optimal in the upper tail."""
