"""Pitwall: lineups for NASCAR daily fantasy tournaments, proven optimal in the upper tail.

import pitwall
with pitwall.local() as client: ...
"""

import os

# Read by grpc when it is imported: its own notes about connections that close are nothing a caller can act on.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from pitwall._channel import ConnectionConfig
from pitwall.client import Addresses, Client, connect, local
from pitwall.config import Contest, ExposureLimit, FieldConfig, Group, PortfolioConfig, PrizeShape
from pitwall.errors import (
    CancelledError,
    ChecksumMismatchError,
    ConflictError,
    DeadlineExceededError,
    FailedPreconditionError,
    InfeasibleError,
    InvalidInputError,
    NotFoundError,
    OverloadedError,
    PitwallError,
    StorageDamagedError,
    StorageFullError,
    StorageReadOnlyError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
    Violation,
)

__all__ = [
    "Addresses",
    "CancelledError",
    "ChecksumMismatchError",
    "Client",
    "ConflictError",
    "ConnectionConfig",
    "Contest",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "ExposureLimit",
    "FieldConfig",
    "Group",
    "InfeasibleError",
    "InvalidInputError",
    "NotFoundError",
    "OverloadedError",
    "PitwallError",
    "PortfolioConfig",
    "PrizeShape",
    "StorageDamagedError",
    "StorageFullError",
    "StorageReadOnlyError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "Violation",
    "connect",
    "local",
]
