"""Value types of the domain: frozen dataclasses over numpy."""
