"""The race model over arrays, and the checks of a race."""
