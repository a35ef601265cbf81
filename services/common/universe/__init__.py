"""The lineup universe: all legal lineups of a race, and kernels over them."""
