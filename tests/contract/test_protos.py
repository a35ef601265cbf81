"""The contracts themselves: comments, validation schema, what lint cannot see."""

import math
from pathlib import Path

import grpc_tools
import protovalidate
import pytest
from buf.validate import validate_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FieldDescriptor
from grpc_tools import protoc
from protovalidate._gen.buf.validate import validate_pb

from pitwall._channel import _SERVICES, ConnectionConfig, service_config
from pitwall.optimizer.v1 import optimizer_service_pb2
from tests.conftest import REPOSITORY

PROTOS = sorted(
    str(path.relative_to(REPOSITORY / "protos")) for path in (REPOSITORY / "protos").glob("pitwall/**/*.proto")
)


def described(tmp_path):
    """Descriptors with source info: comments."""
    out = tmp_path / "set.binpb"
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    arguments = [
        "protoc",
        f"-I{REPOSITORY / 'protos'}",
        f"-I{well_known}",
        "--include_source_info",
        f"--descriptor_set_out={out}",
        *PROTOS,
    ]
    assert protoc.main(arguments) == 0
    return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


def test_protoc_alone_builds_and_everything_public_is_explained(tmp_path):
    for file in described(tmp_path).file:
        explained = {tuple(item.path) for item in file.source_code_info.location if item.leading_comments.strip()}
        for number, service in enumerate(file.service):
            assert (6, number) in explained, service.name
            for method_number, method in enumerate(service.method):
                assert (6, number, 2, method_number) in explained, f"{service.name}.{method.name}"
        for number, message in enumerate(file.message_type):
            assert (4, number) in explained, message.name
        for number, enum in enumerate(file.enum_type):
            assert (5, number) in explained, enum.name


def test_the_schema_of_the_rules_is_the_one_the_validator_was_built_for():
    ours = descriptor_pb2.FileDescriptorProto()
    validate_pb2.DESCRIPTOR.CopyToProto(ours)
    theirs = descriptor_pb2.FileDescriptorProto.FromString(validate_pb.desc().proto.to_binary())
    assert ours.dependency == theirs.dependency

    def shape(message):
        fields = {(field.name, field.number, field.type, field.label) for field in message.field}
        return fields, {inner.name: shape(inner) for inner in message.nested_type}

    assert {item.name: shape(item) for item in ours.message_type} == {
        item.name: shape(item) for item in theirs.message_type
    }


def test_every_race_id_of_a_request_is_held_to_the_pattern():
    for service in _SERVICES:
        for method in service.methods:
            for field in method.input_type.fields:
                if field.name == "race_id":
                    rules = field.GetOptions().Extensions[validate_pb2.field]
                    assert "[a-z0-9][a-z0-9_-]{0,63}" in rules.string.pattern, method.full_name


def test_every_number_of_a_request_is_finite():
    """A NaN in a request would pass comparisons unnoticed."""
    seen = set()

    def visit(message, path):
        if message.full_name in seen or not message.full_name.startswith("pitwall."):
            return
        seen.add(message.full_name)
        for field in message.fields:
            if field.message_type is not None:
                visit(field.message_type, f"{path}.{field.name}")
            if field.type == FieldDescriptor.TYPE_DOUBLE:
                rules = field.GetOptions().Extensions[validate_pb2.field]
                number = rules.repeated.items.double if field.is_repeated else rules.double
                bounded = number.finite or number.ListFields()
                assert bounded, f"{path}.{field.name} takes any double"

    for service in _SERVICES:
        for method in service.methods:
            visit(method.input_type, method.input_type.name)


@pytest.mark.parametrize("weight", [math.nan, math.inf, -1.0])
def test_a_range_keeps_nan_out_too(weight):
    request = optimizer_service_pb2.BuildPortfolioRequest(race_id="r", n_lineups=1)
    request.objective.terms.add(mean=True, weight=weight)
    assert protovalidate.collect_violations(request)


def test_every_method_has_a_deadline_and_those_of_one_answer_retries():
    """Streams are repeated by the caller: see ``tests/unit/rpc/test_dying.py``."""
    config = service_config(ConnectionConfig())
    by_name = {(entry["name"][0]["service"], entry["name"][0]["method"]): entry for entry in config["methodConfig"]}
    for service in _SERVICES:
        for method in service.methods:
            entry = by_name[service.full_name, method.name]
            assert float(entry["timeout"].removesuffix("s")) > 0
            assert ("retryPolicy" in entry) == (not (method.client_streaming or method.server_streaming))
