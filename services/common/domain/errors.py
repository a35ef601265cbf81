"""The one tree of errors that services raise.

Each class carries what the wire needs as data: a stable reason (a name of
``pitwall.common.v1.ErrorReason``) and the gRPC status. One interceptor turns them into
``google.rpc.Status``; nothing else in the services builds a status by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldViolation:
    """One thing wrong with the input: where it stands and what to do about it.

    ``field`` is a path such as ``race.drivers[3].salary_dollars`` or, for files,
    ``DKSalaries.csv: row 5, column Salary``.
    """

    field: str
    description: str


class ServiceError(Exception):
    """Base of all errors a caller can act on.

    Parameters
    ----------
    message
        A sentence for the user: what is wrong and what to do.
    metadata
        The variables of the sentence, as text, for programs.
    """

    reason = "INTERNAL"
    status = "INTERNAL"

    def __init__(self, message: str, *, metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.metadata: dict[str, str] = dict(metadata or {})


class InvalidInput(ServiceError):
    """A field or file breaks a rule; every violation found is listed."""

    reason = "INVALID_INPUT"
    status = "INVALID_ARGUMENT"

    def __init__(
        self,
        message: str,
        *,
        violations: Sequence[FieldViolation] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, metadata=metadata)
        self.violations = tuple(violations)

    @classmethod
    def of(cls, violations: Sequence[FieldViolation]) -> InvalidInput:
        """An error whose sentence is made of its violations."""
        first = violations[0]
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        return cls(f"{first.field}: {first.description}{more}", violations=violations)

    @classmethod
    def field(cls, field: str, description: str) -> InvalidInput:
        """An error with a single violation."""
        return cls.of([FieldViolation(field, description)])


class NotFound(ServiceError):
    """The race, set, model or portfolio named does not exist."""

    reason = "NOT_FOUND"
    status = "NOT_FOUND"


class FailedPrecondition(ServiceError):
    """Something has to be done first, such as generating scenarios."""

    reason = "FAILED_PRECONDITION"
    status = "FAILED_PRECONDITION"


class Infeasible(ServiceError):
    """No lineup or portfolio satisfies all rules; ``conflict`` names the smallest set found."""

    reason = "INFEASIBLE"
    status = "FAILED_PRECONDITION"

    def __init__(
        self, message: str, *, conflict: Sequence[str] = (), metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, metadata={"conflict": "; ".join(conflict), **(metadata or {})})
        self.conflict = tuple(conflict)


class Unavailable(ServiceError):
    """A service or storage that this one depends on cannot be reached.

    Where somebody has to mend it first, ``retry_helps`` is false, and callers do not try again by themselves.
    """

    reason = "UNAVAILABLE"
    status = "UNAVAILABLE"

    def __init__(self, message: str, *, retry_helps: bool = True, metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message, metadata=metadata)
        self.retry_helps = retry_helps


class Overloaded(ServiceError):
    """Too many calls at once, or too much in one of them; retry after ``retry_seconds``, or not at all if None."""

    reason = "OVERLOADED"
    status = "RESOURCE_EXHAUSTED"

    def __init__(
        self, message: str, *, retry_seconds: float | None = 1.0, metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, metadata=metadata)
        self.retry_seconds = retry_seconds


class ChecksumMismatch(ServiceError):
    """Bytes do not match their checksum."""

    reason = "CHECKSUM_MISMATCH"
    status = "DATA_LOSS"


class StorageFull(ServiceError):
    """The disk that holds scenario sets or records is full."""

    reason = "STORAGE_FULL"
    status = "RESOURCE_EXHAUSTED"


class StorageDamaged(ServiceError):
    """The records are damaged: a backup has to be put in their place."""

    reason = "STORAGE_DAMAGED"
    status = "DATA_LOSS"


class StorageReadOnly(ServiceError):
    """The records may be read but not written."""

    reason = "STORAGE_READ_ONLY"
    status = "FAILED_PRECONDITION"


class DeadlineExceeded(ServiceError):
    """The deadline of the call passed before the work was done."""

    reason = "DEADLINE_EXCEEDED"
    status = "DEADLINE_EXCEEDED"


class Cancelled(ServiceError):
    """The caller went away."""

    reason = "CANCELLED"
    status = "CANCELLED"


class Unauthenticated(ServiceError):
    """The bearer token is missing or wrong."""

    reason = "UNAUTHENTICATED"
    status = "UNAUTHENTICATED"


class Conflict(ServiceError):
    """What was read has changed meanwhile; read again and retry."""

    reason = "CONFLICT"
    status = "ABORTED"


class Unimplemented(ServiceError):
    """This version of the service does not do what was asked."""

    reason = "UNIMPLEMENTED"
    status = "UNIMPLEMENTED"
