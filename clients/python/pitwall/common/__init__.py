"""Messages shared by all contracts."""
