"""Judging the race model on races it has not seen."""
