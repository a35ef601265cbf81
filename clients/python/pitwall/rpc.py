"""Speaking to the services below the client, as they do to each other: channels, calls, and the matrix in one array."""

from pitwall._calls import Caller, new_request_id
from pitwall._channel import ConnectionConfig, open_channel, stays_here
from pitwall._matrix import DownloadedMatrix, download

__all__ = [
    "Caller",
    "ConnectionConfig",
    "DownloadedMatrix",
    "download",
    "new_request_id",
    "open_channel",
    "stays_here",
]
