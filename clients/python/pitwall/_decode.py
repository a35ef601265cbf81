"""Messages into dataclasses: one rule per kind of field, so that no type needs converting by hand."""

from __future__ import annotations

import dataclasses
import types
import typing
from datetime import UTC
from functools import cache
from typing import Any, TypeVar, cast

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from pitwall.errors import InvalidInputError, Violation

T = TypeVar("T")


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def decode(cls: type[T], message: Message) -> T:
    """A dataclass from the message of the same field names.

    Enums become their lower-case names without the prefix, repeated fields tuples, unset optional fields
    None, timestamps aware datetimes. Fields that only the dataclass has keep their defaults.
    """
    hints = _hints(cast(type, cls))
    by_name = message.DESCRIPTOR.fields_by_name
    values = {
        field.name: _value(hints[field.name], message, by_name[field.name])
        for field in dataclasses.fields(cast(Any, cls))
        if field.name in by_name
    }
    return cls(**values)


def _value(hint: Any, message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if isinstance(hint, types.UnionType):
        if field.has_presence and not message.HasField(field.name):
            return None
        hint = next(member for member in typing.get_args(hint) if member is not type(None))
    origin = typing.get_origin(hint)
    if origin is tuple:
        inner = typing.get_args(hint)[0]
        return tuple(_single(inner, item, field) for item in value)
    if origin is dict:
        return dict(value)
    return _single(hint, value, field)


def _single(hint: Any, value: Any, field: Any) -> Any:
    if isinstance(value, Timestamp):
        return value.ToDatetime(tzinfo=UTC)
    if dataclasses.is_dataclass(hint):
        return decode(cast(type[Any], hint), value)
    if field.enum_type is not None:
        return enum_name(field, value)
    return value


def enum_name(field: Any, value: int) -> str:
    """``TRACK_TYPE_SHORT`` as ``short``; unspecified as the empty string."""
    values = field.enum_type.values_by_number
    prefix = values[0].name.removesuffix("UNSPECIFIED")
    return values[value].name.removeprefix(prefix).lower() if value else ""


def enum_value(message: type[Message], field_name: str, name: str) -> int:
    """The number of an enum value by its lower-case name without the prefix.

    Raises
    ------
    InvalidInputError
        Listing the names there are.
    """
    enum: Any = message.DESCRIPTOR.fields_by_name[field_name].enum_type
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    numbers = {value.name.removeprefix(prefix).lower(): value.number for value in enum.values if value.number}
    if name.lower() not in numbers:
        problem = f"must be one of {', '.join(numbers)}, not {name!r}"
        raise InvalidInputError(f"{field_name}: {problem}", violations=[Violation(field_name, problem)])
    return numbers[name.lower()]
