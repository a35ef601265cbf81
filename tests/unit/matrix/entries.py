"""Entries to store, and what befalls their files."""

import numpy as np

from services.common.matrix.entry import Built

KEY = "0123456789abcdef"


def built(n_rows=100, value=7):
    return Built(np.full((n_rows, 4), value, np.int16), np.zeros(n_rows, np.uint8), {"wins": [1, 2]})


def folders(path):
    return sorted(entry.name for entry in path.iterdir())


def flip_last_byte(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")
