"""Every request is held against the rules in its proto before a servicer sees it."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import protovalidate
import structlog
from google.protobuf.message import Message

from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.rpc.guards import is_own
from services.common.rpc.handlers import Continuation, Handler, with_behaviour

_PATTERN_RULE = "string.pattern"
_RACE_ID = "lower-case letters, digits, - and _, beginning with a letter or digit, at most 64"
_IN_WORDS = {
    "^[a-z0-9][a-z0-9_-]{0,63}$": f"is no id of a race: these are {_RACE_ID}",
    "^([a-z0-9][a-z0-9_-]{0,63})?$": f"is no id of a race: these are {_RACE_ID}",
    "^([0-9a-f]{16,64})?$": "is no id of a scenario set: these are 16 to 64 digits 0-9 and letters a-f; without one "
    "the newest is taken",
    "^([0-9a-f]{64})?$": "is no hash: these are 64 digits 0-9 and letters a-f",
    "^[A-Za-z0-9_.-]{1,64}$": "is no name of a contest: these are 1 to 64 letters, digits, dots, - and _, no blanks",
}
"""What strings must look like, by the pattern in the proto: few who break one can read it."""
_MOST_QUOTED = 80


class ValidationInterceptor(grpc.ServerInterceptor):
    """Checks every request message against the rules in its proto."""

    def __init__(self) -> None:
        self._validator = protovalidate.Validator()

    def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Wrap the handler of the call."""
        handler = continuation(handler_call_details)
        if handler is None or not is_own(handler_call_details.method):
            return handler
        check = self._each if handler.request_streaming else self._one
        return with_behaviour(handler, lambda inner: lambda request, context: inner(check(request), context))

    def _one(self, request: Message) -> Message:
        if race_id := getattr(request, "race_id", ""):
            # Callers other than the SDK send no header.
            structlog.contextvars.bind_contextvars(race_id=race_id)
        violations = self._validator.collect_violations(request)
        if violations:
            raise InvalidInput.of([FieldViolation(_path(item), _problem(item)) for item in violations])
        return request

    def _each(self, requests: Iterator[Message]) -> Iterator[Message]:
        for request in requests:
            yield self._one(request)


def _path(violation: protovalidate.Violation) -> str:
    """The violated field as ``race.drivers[3].salary_dollars``."""
    parts: list[str] = []
    for element in violation.proto.field.elements if violation.proto.field else ():
        subscript = element.subscript
        index = f"[{subscript.value}]" if subscript is not None else ""
        parts.append(f"{element.field_name}{index}")
    return ".".join(parts) or "request"


def _problem(violation: protovalidate.Violation) -> str:
    """What is wrong, in words."""
    words = _IN_WORDS.get(violation.rule_value) if violation.proto.rule_id == _PATTERN_RULE else None
    return f"{violation.field_value[:_MOST_QUOTED]!r} {words}" if words else violation.proto.message
