"""Contest-sim: what lineups are worth against a field."""
