"""The calls of a client, one class per subject."""
