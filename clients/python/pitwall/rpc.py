"""Speaking to the services below the client, as they do to each other: channels, calls, and the matrix in one array."""

from pitwall._calls import Caller
from pitwall._channel import ConnectionConfig, open_channel, stays_here
from pitwall._matrix import DownloadedMatrix, download

__all__ = ["Caller", "ConnectionConfig", "DownloadedMatrix", "download", "open_channel", "stays_here"]
