"""Errors to ``google.rpc.Status`` and back: the only place that knows both sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from pitwall.errors import ERRORS_BY_REASON as CALL_ERRORS_BY_REASON
from pitwall.errors import NO_RETRY, PitwallError, Violation
from services.common.domain import errors

DOMAIN = "pitwall"

MAX_STATUS_BYTES = 6_000
"""Trailers above 8 KiB may be dropped on the way, and the error with them: what does not fit is counted instead."""

_MAX_TEXT_LENGTH = 500

_ABOUT_THE_REQUEST = frozenset(
    {"INVALID_INPUT", "NOT_FOUND", "FAILED_PRECONDITION", "INFEASIBLE", "CONFLICT", "CANCELLED"}
)
"""Reasons that are the same whichever service finds them; others are about the service that answered, or did not."""

ERRORS_BY_REASON: dict[str, type[errors.ServiceError]] = {
    cls.reason: cls
    for cls in (
        errors.InvalidInput,
        errors.NotFound,
        errors.FailedPrecondition,
        errors.Infeasible,
        errors.Unavailable,
        errors.Overloaded,
        errors.ChecksumMismatch,
        errors.StorageFull,
        errors.StorageDamaged,
        errors.StorageReadOnly,
        errors.DeadlineExceeded,
        errors.Cancelled,
        errors.Unauthenticated,
        errors.Conflict,
        errors.Unimplemented,
        errors.ServiceError,
    )
}


def _packed(message: error_details_pb2.ErrorInfo) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def _details(error: errors.ServiceError) -> list[any_pb2.Any]:
    metadata = {name: _short(value) for name, value in error.metadata.items()}
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)
    details = [_packed(info)]
    if isinstance(error, errors.InvalidInput) and error.violations:
        details.append(_packed(_bad_request(error.violations)))
    if isinstance(error, errors.Overloaded) and error.retry_seconds is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(error.retry_seconds * 1e9))
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    return details


def _bad_request(violations: Sequence[errors.FieldViolation]) -> error_details_pb2.BadRequest:
    """As many violations as fit, and how many more there are."""
    bad_request = error_details_pb2.BadRequest()
    for position, violation in enumerate(violations):
        added = bad_request.field_violations.add(
            field=_short(violation.field), description=_short(violation.description)
        )
        # Details travel as base64: four bytes for three.
        if bad_request.ByteSize() * 4 // 3 > MAX_STATUS_BYTES and position > 0:
            added.field, added.description = "...", f"and {len(violations) - position} more"
            break
    return bad_request


def _short(text: str) -> str:
    return text if len(text) <= _MAX_TEXT_LENGTH else f"{text[:_MAX_TEXT_LENGTH]}..."


def to_status(error: errors.ServiceError) -> grpc.Status:
    """The wire form of an error: code, sentence, ErrorInfo always, BadRequest and RetryInfo when they apply."""
    made: Any = rpc_status.to_status(  # a named tuple, which grpc's types do not say
        status_pb2.Status(
            code=code_pb2.Code.Value(error.status),
            message=_short(error.message),
            details=_details(error),
        )
    )
    if _is_final(error):
        made = made._replace(trailing_metadata=(*made.trailing_metadata, NO_RETRY))
    return cast(grpc.Status, made)


def from_peer(error: PitwallError, peer: str = "") -> errors.ServiceError:
    """The error of a downstream call, to be raised by the service that made it.

    What the caller of *this* service cannot act on keeps its reason: a race that the scenario service does
    not know is not found here either. What is about the ``peer`` itself names it; that it does not let this service in
    is nothing that the caller could mend.
    """
    if peer and error.reason == errors.Unauthenticated.reason:
        text = "does not take the token of this service: set its token as PITWALL_PEER_BEARER_TOKEN here"
        return errors.Unavailable(f"{peer} {text}", retry_helps=False)
    named = peer and error.reason not in _ABOUT_THE_REQUEST
    message = f"{peer}: {error.message}" if named else error.message
    if error.reason == errors.InvalidInput.reason:
        violations = [errors.FieldViolation(item.field, item.description) for item in error.violations]
        return errors.InvalidInput(message, violations=violations, metadata=error.metadata)
    if error.reason == errors.Infeasible.reason:
        told = error.metadata.get("conflict", "")
        conflict = told.split("; ") if told else []
        return errors.Infeasible(message, conflict=conflict, metadata=error.metadata)
    if error.reason == errors.Overloaded.reason:
        return errors.Overloaded(message, retry_seconds=error.retry_seconds, metadata=error.metadata)
    if error.reason == errors.Unavailable.reason:
        return errors.Unavailable(message, retry_helps=error.retriable, metadata=error.metadata)
    return ERRORS_BY_REASON.get(error.reason, errors.ServiceError)(message, metadata=error.metadata)


@contextmanager
def as_errors_of(peer: str) -> Iterator[None]:
    """Raise the errors of calls to a peer as this service's own."""
    try:
        yield
    except PitwallError as error:
        raise from_peer(error, peer) from error


@contextmanager
def as_call_errors() -> Iterator[None]:
    """Raise the services' own errors as those of calls: for what runs in the process of the user."""
    try:
        yield
    except errors.ServiceError as error:
        kind = CALL_ERRORS_BY_REASON.get(error.reason, PitwallError)
        found = error.violations if isinstance(error, errors.InvalidInput) else ()
        raised = kind(
            error.message,
            reason=error.reason,
            metadata=error.metadata,
            violations=[Violation(item.field, item.description) for item in found],
            retry_seconds=error.retry_seconds if isinstance(error, errors.Overloaded) else None,
        )
        if _is_final(error):
            raised.retriable = False
        raise raised from error


def _is_final(error: errors.ServiceError) -> bool:
    """Whether callers are told not to try again, of a kind of error after which they would."""
    return isinstance(error, errors.Unavailable) and not error.retry_helps
