"""Errors of calls to Pitwall.

Every error carries its data as properties. ``reason`` is one of the names of
``pitwall.common.v1.ErrorReason``; the table at the end maps each to a class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from pitwall.types.portfolio import PortfolioLineup

EXIT_DEFECT, EXIT_INPUT, EXIT_SERVICE = 1, 2, 3
_INPUT_REASONS = {"INVALID_INPUT", "NOT_FOUND", "FAILED_PRECONDITION", "INFEASIBLE", "UNAUTHENTICATED"}


def exit_code(reason: str) -> int:
    """Code of a process that ends by an error of this reason: 2 where its user can mend it, 3 where a service can."""
    if reason in _INPUT_REASONS:
        return EXIT_INPUT
    return EXIT_DEFECT if reason == "INTERNAL" else EXIT_SERVICE


@dataclass(frozen=True)
class Violation:
    """One thing wrong with the input: the field or the place in a file, and what to do about it."""

    field: str
    description: str


class PitwallError(Exception):
    """Base of all errors of calls.

    Attributes
    ----------
    message
        A sentence: what is wrong and what to do.
    reason
        Stable name of the kind of error.
    metadata
        The variables of the sentence, as text.
    violations
        What is wrong with the input, for ``InvalidInputError``.
    retry_seconds
        When to try again, if the service said so.
    lineups
        The lineups of a portfolio that were finished before a build failed.
    """

    reason = "INTERNAL"
    retriable = False

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        retry_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or type(self).reason
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_seconds = retry_seconds
        self.lineups: tuple[PortfolioLineup, ...] = ()


class InvalidInputError(PitwallError):
    """A field or file breaks a rule; see ``violations``."""

    reason = "INVALID_INPUT"


class NotFoundError(PitwallError):
    """The race, set, model or portfolio named does not exist."""

    reason = "NOT_FOUND"


class FailedPreconditionError(PitwallError):
    """Something has to be done first, such as generating scenarios."""

    reason = "FAILED_PRECONDITION"


class InfeasibleError(FailedPreconditionError):
    """No lineup or portfolio satisfies all rules."""

    reason = "INFEASIBLE"

    @property
    def conflict(self) -> tuple[str, ...]:
        """Names of the rules that cannot hold together."""
        return tuple(name for name in self.metadata.get("conflict", "").split("; ") if name)


class UnavailableError(PitwallError):
    """A service, or the storage that it depends on, cannot be reached."""

    reason = "UNAVAILABLE"
    retriable = True


class OverloadedError(PitwallError):
    """Too many calls at once; see ``retry_seconds``."""

    reason = "OVERLOADED"
    retriable = True


class ChecksumMismatchError(PitwallError):
    """Bytes do not match their checksum."""

    reason = "CHECKSUM_MISMATCH"
    retriable = True


class StorageFullError(PitwallError):
    """The disk of the service is full."""

    reason = "STORAGE_FULL"


class StorageDamagedError(PitwallError):
    """The records of the service are damaged: a backup has to be put in their place."""

    reason = "STORAGE_DAMAGED"


class StorageReadOnlyError(PitwallError):
    """The records of the service may be read but not written."""

    reason = "STORAGE_READ_ONLY"


class DeadlineExceededError(PitwallError):
    """The deadline passed before the work was done."""

    reason = "DEADLINE_EXCEEDED"


class CancelledError(PitwallError):
    """The call was cancelled."""

    reason = "CANCELLED"


class UnauthenticatedError(PitwallError):
    """The bearer token is missing or wrong."""

    reason = "UNAUTHENTICATED"


class ConflictError(PitwallError):
    """What was read has changed meanwhile; read again and retry."""

    reason = "CONFLICT"
    retriable = True


class UnimplementedError(PitwallError):
    """The service's version does not do what was asked."""

    reason = "UNIMPLEMENTED"


ERRORS_BY_REASON: dict[str, type[PitwallError]] = {
    cls.reason: cls
    for cls in (
        InvalidInputError,
        NotFoundError,
        FailedPreconditionError,
        InfeasibleError,
        UnavailableError,
        OverloadedError,
        ChecksumMismatchError,
        StorageFullError,
        StorageDamagedError,
        StorageReadOnlyError,
        DeadlineExceededError,
        CancelledError,
        UnauthenticatedError,
        ConflictError,
        UnimplementedError,
        PitwallError,
    )
}

_REASON_BY_CODE = {
    grpc.StatusCode.INVALID_ARGUMENT: "INVALID_INPUT",
    grpc.StatusCode.OUT_OF_RANGE: "INVALID_INPUT",
    grpc.StatusCode.NOT_FOUND: "NOT_FOUND",
    grpc.StatusCode.FAILED_PRECONDITION: "FAILED_PRECONDITION",
    grpc.StatusCode.UNAVAILABLE: "UNAVAILABLE",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "OVERLOADED",
    grpc.StatusCode.DATA_LOSS: "CHECKSUM_MISMATCH",
    grpc.StatusCode.DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
    grpc.StatusCode.CANCELLED: "CANCELLED",
    grpc.StatusCode.UNAUTHENTICATED: "UNAUTHENTICATED",
    grpc.StatusCode.ABORTED: "CONFLICT",
    grpc.StatusCode.UNIMPLEMENTED: "UNIMPLEMENTED",
}


NO_RETRY = ("grpc-retry-pushback-ms", "-1")
"""Trailing metadata of a failure that no retry heals; gRPC's own retries go by it, too."""

_TOO_MANY_PINGS = "Too many pings"
"""What gRPC says when the other side has closed the connection for that."""


@dataclass(frozen=True)
class Advice:
    """What to do about an address that does not answer, in the words of who set it; ``authorities`` turn TLS on."""

    address: str = (
        "start it (pitwall serve), or correct the address, host:port (--address, PITWALL_ADDRESS or PITWALL_*_ADDRESS)"
    )
    authorities: str = "tls_ca_path of the connection (--tls-ca-path)"


ADVICE = Advice()


def _nobody_there(reason: str, details: str, address: str, service: str, advice: Advice) -> str:
    """What to do about an address that does not answer as one of Pitwall; empty for other errors."""
    if address and reason == UnavailableError.reason:
        if _TOO_MANY_PINGS in details:
            text = "hung up: it allows fewer pings in a silent call than this client sends"
            return f"{address} {text}; raise ping_seconds of the connection, or upgrade the service"
        if "CERTIFICATE_VERIFY_FAILED" in details:
            return f"{address} shows a certificate that {advice.authorities} does not vouch for ({details})"
        if "WRONG_VERSION_NUMBER" in details:
            return f"{address} answers without TLS, which {advice.authorities} turns on; set none for it"
        tls = f"if it asks for TLS, {advice.authorities} turns it on"
        if "refused" in details:
            return f"{address} does not answer; {advice.address}; {tls}"
        # A name that is not found, say, is a cause that only the details tell.
        return f"{address} does not answer ({details}); {advice.address}; {tls}"
    if address and service and reason == UnimplementedError.reason:
        return f"{address}: this address does not serve {service}"
    return ""


def from_rpc_error(
    error: grpc.RpcError, *, address: str = "", service: str = "", advice: Advice = ADVICE
) -> PitwallError:
    """The class and data of a failed call: by its ErrorInfo where there is one, else by its code.

    Without an ErrorInfo it was not the service that answered; ``address`` and ``service`` then say who did not, and
    ``advice`` what to do.
    """
    call: Any = error  # what calls raise is a grpc.Call too, which grpc's types cannot say
    info, violations, retry_seconds = error_details_pb2.ErrorInfo(), list[Violation](), None
    try:
        status = rpc_status.from_call(call)
    except ValueError:  # a proxy on the way has changed or cut the details; the code still counts
        status = None
    for detail in status.details if status else ():
        bad_request, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            continue
        if detail.Unpack(bad_request):
            violations = [Violation(item.field, item.description) for item in bad_request.field_violations]
        elif detail.Unpack(retry):
            retry_seconds = retry.retry_delay.ToNanoseconds() / 1e9
    details = call.details() or str(error)
    reason = info.reason or _REASON_BY_CODE.get(call.code(), "INTERNAL")
    found = ERRORS_BY_REASON.get(reason, PitwallError)(
        (not info.reason and _nobody_there(reason, details, address, service, advice)) or details,
        reason=reason,
        metadata=info.metadata,
        violations=violations,
        retry_seconds=retry_seconds,
    )
    if NO_RETRY in map(tuple, call.trailing_metadata() or ()):
        found.retriable = False
    return found
