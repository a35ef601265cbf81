"""Writes ``docs/grpc.md`` from the comments and rules of the contracts: ``python docs/grpc_reference.py``."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)

REPOSITORY = Path(__file__).resolve().parent.parent
TARGET = REPOSITORY / "docs" / "grpc.md"
_ORDER = ("scenario", "ownership", "optimizer", "contestsim", "common")
_MESSAGE, _ENUM, _SERVICE, _FIELD, _NESTED, _VALUE = 4, 5, 6, 2, 3, 2
_TYPES = {number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()}
_INTRODUCTION = """# gRPC reference

Written from the comments in `protos/` by `python docs/grpc_reference.py`; do not edit. Limits of each field are in the
`.proto` files, as [protovalidate](https://protovalidate.com) rules. All services have reflection and health checks, so
grpcurl needs no files:

```console
$ grpcurl -plaintext localhost:50050 list
```

Errors carry `google.rpc.ErrorInfo` with domain `pitwall` and a reason of `pitwall.common.v1.ErrorReason`;
`BadRequest` lists fields, `RetryInfo` says when to try again: it comes with `ERROR_REASON_OVERLOADED`, of a call that
was refused before its work. The Python client and the command line wait and try again by themselves; a service that
needs another which is busy does not wait, since its call holds a place that others could have: it passes the refusal
on, or goes on without what it can spare (ownership, fresh scenarios), with a warning.
"""

Path_ = tuple[int, ...]


def read_contracts(folder: Path) -> list[FileDescriptorProto]:
    """The files of the contracts with their comments, services first."""
    import grpc_tools  # tools of development
    from grpc_tools import protoc

    names = sorted(str(path.relative_to(folder)) for path in (folder / "pitwall").rglob("*.proto"))
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "descriptors"
        includes = [f"-I{folder}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
        options = ["--include_source_info", "--include_imports", f"--descriptor_set_out={out}"]
        if protoc.main(["protoc", *includes, *options, *names]) != 0:
            raise SystemExit("protoc cannot read the contracts")
        files = FileDescriptorSet.FromString(out.read_bytes()).file
    return sorted(
        (file for file in files if file.name.startswith("pitwall/")),
        key=lambda file: (_ORDER.index(file.name.split("/")[1]), not file.service, file.name),
    )


class Reference:
    """The reference of one file."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._file = file
        self._comments = {
            tuple(location.path): " ".join(location.leading_comments.split())
            for location in file.source_code_info.location
        }

    def lines(self) -> Iterator[str]:
        """Markdown, line by line."""
        for number, service in enumerate(self._file.service):
            yield from ("", f"## {self._file.package}.{service.name}", "", self._comment((_SERVICE, number)), "")
            yield from ("| rpc | does |", "|---|---|")
            for position, method in enumerate(service.method):
                comment = self._comment((_SERVICE, number, _FIELD, position))
                yield f"| `{_signature(method)}` | {comment} |"
        for number, message in enumerate(self._file.message_type):
            yield from self._message(message, (_MESSAGE, number), self._file.package)
        for number, enum in enumerate(self._file.enum_type):
            yield from self._enum(enum, (_ENUM, number))

    def _comment(self, path: Path_) -> str:
        return self._comments.get(path, "").replace("|", "\\|")

    def _message(self, message: DescriptorProto, path: Path_, scope: str) -> Iterator[str]:
        if message.options.map_entry:
            return
        yield from ("", f"### {scope}.{message.name}", "", self._comment(path), "")
        if message.field:
            yield from ("| field | type | |", "|---|---|---|")
        last = ""
        for number, field in enumerate(message.field):
            # A comment above the first of several fields speaks of all of them.
            last = self._comment((*path, _FIELD, number)) or last
            yield f"| `{field.name}` | {_type(message, field)} | {last} |"
        for number, nested in enumerate(message.nested_type):
            yield from self._message(nested, (*path, _NESTED, number), f"{scope}.{message.name}")

    def _enum(self, enum: EnumDescriptorProto, path: Path_) -> Iterator[str]:
        yield from ("", f"### {self._file.package}.{enum.name}", "", self._comment(path), "")
        yield from ("| value | |", "|---|---|")
        for number, value in enumerate(enum.value):
            yield f"| `{value.name}` = {value.number} | {self._comment((*path, _VALUE, number))} |"


def _signature(method: MethodDescriptorProto) -> str:
    def name(type_name: str, streams: bool) -> str:
        return ("stream " if streams else "") + type_name.rsplit(".", 1)[1]

    request = name(method.input_type, method.client_streaming)
    return f"{method.name}({request}) returns ({name(method.output_type, method.server_streaming)})"


def _type(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    nested = {entry.name: entry for entry in message.nested_type if entry.options.map_entry}
    entry = nested.get(field.type_name.rsplit(".", 1)[-1])
    if entry is not None:
        key, value = entry.field
        return f"map of {_single(key)} to {_single(value)}"
    repeated = field.label == FieldDescriptorProto.LABEL_REPEATED
    return ("repeated " if repeated else "optional " if field.proto3_optional else "") + _single(field)


def _single(field: FieldDescriptorProto) -> str:
    return f"`{field.type_name.removeprefix('.')}`" if field.type_name else _TYPES[field.type]


def reference() -> str:
    """The whole page."""
    parts = [line for file in read_contracts(REPOSITORY / "protos") for line in Reference(file).lines()]
    return _INTRODUCTION + "\n".join(parts) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        if TARGET.read_text() != reference():
            raise SystemExit("docs/grpc.md is not current: run python docs/grpc_reference.py")
    else:
        TARGET.write_text(reference())
