"""The sites' own files: entries templates filled in place, upload layouts, player pools, lineups read back."""

from pitwall.sitefiles.entries import EntriesTemplate, Entry, read_entries
from pitwall.sitefiles.filling import Filled, FillPlan, FillRule, Left, fill_entries
from pitwall.sitefiles.layouts import FORMATS, lineup_file, require_layout
from pitwall.sitefiles.legality import lineup_problems, require_legal
from pitwall.sitefiles.lineups import LineupCell, parse_cell, read_lineups
from pitwall.sitefiles.pool import Player, PlayerPool, pool_of_race, read_player_list

__all__ = [
    "EntriesTemplate",
    "Entry",
    "FORMATS",
    "FillPlan",
    "FillRule",
    "Filled",
    "Left",
    "LineupCell",
    "Player",
    "PlayerPool",
    "fill_entries",
    "lineup_file",
    "lineup_problems",
    "parse_cell",
    "pool_of_race",
    "read_entries",
    "read_lineups",
    "read_player_list",
    "require_layout",
    "require_legal",
]
