"""The server runner and everything between a core and the wire."""
