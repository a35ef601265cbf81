"""``pitwall doctor``: is everything there that Pitwall needs?"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from pitwall.cli._common import Connection, JsonOption, client_of, connection_of, output, print_json, print_table
from pitwall.errors import EXIT_SERVICE, PitwallError
from pitwall.runs import RunStore

_MIN_FREE_BYTES = 1 << 30
_LIBRARIES = ("pitwall", "numpy", "numba", "scipy", "pandas", "grpcio", "protobuf", "pulp", "highspy")
_SERVICES = ("scenario", "ownership", "optimizer", "contestsim")


@dataclass(frozen=True)
class Check:
    """A check: what was looked at, whether it is in order, and what was found or is to be done."""

    name: str
    ok: bool
    found: str


def doctor(context: typer.Context, as_json: JsonOption = False) -> None:
    """Check Python, libraries, solver, data folder, connection and services. Example: `pitwall doctor`

    Exit code 3 if anything is not in order.
    """
    connection = connection_of(context)
    data_dir = RunStore(connection.data_dir or None).folder.parent
    checks = [*_environment(), _solver(), _folder(data_dir), _connection(connection), *_services(context)]
    if as_json:
        print_json(checks)
    else:
        rows = [("ok" if check.ok else "NOT OK", check.name, check.found) for check in checks]
        print_table("Doctor", ("state", "what", "found"), rows)
        output.print("all in order" if all(check.ok for check in checks) else "something is not in order")
    if not all(check.ok for check in checks):
        raise typer.Exit(EXIT_SERVICE)


def _environment() -> Iterator[Check]:
    version = platform.python_version()
    yield Check("Python", sys.version_info >= (3, 11), f"{version}; 3.11 or newer is needed")
    for name in _LIBRARIES:
        try:
            yield Check(name, True, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, False, "missing; install again")
    parquet = importlib.util.find_spec("pyarrow") is not None
    yield Check(
        "parquet (optional)", True, "pyarrow is there" if parquet else "pip install 'pitwall[parquet]' to use it"
    )
    yield Check("processors", True, str(os.cpu_count()))


def _solver() -> Check:
    import pulp

    solvers = pulp.listSolvers(onlyAvailable=True)
    needed = {"HiGHS", "PULP_CBC_CMD", "COIN_CMD"} & set(solvers)
    return Check("solver for the best-mean lineup", bool(needed), ", ".join(solvers) or "none; install highspy")


def _folder(folder: Path) -> Check:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("data folder", False, f"{folder}: {error.strerror}; set PITWALL_DATA_DIR to one you may write")
    return Check(
        "data folder", free > _MIN_FREE_BYTES, f"{folder}, {free / (1 << 30):.1f} GiB free, at least 1 GiB is needed"
    )


def _connection(connection: Connection) -> Check:
    """How the services are reached; whether they are is for the services to show."""
    if connection.embedded:
        unused = connection.tls_ca_path or connection.tls_certificate_path or connection.token_path or connection.token
        note = "; the TLS files and token that are set are for an --address, and none is given" if unused else ""
        return Check("connection", True, f"services embedded in this process{note}")
    ca, certificate = connection.tls_ca_path, connection.tls_certificate_path
    parts = (
        f"TLS by {ca}" if ca else "plaintext (--tls-ca-path turns TLS on)",
        f"certificate {certificate}" if certificate else "no client certificate",
        "a token" if connection.token_path or connection.token else "no token (--token-path, PITWALL_CLIENT_TOKEN)",
    )
    return Check("connection", True, ", ".join(parts))


def _services(context: typer.Context) -> Iterator[Check]:
    try:
        with client_of(context) as client:
            probes: tuple[Callable[[], object], ...] = (
                lambda: next(client.races.list(page_size=1), None),
                client.ownership.models,
                lambda: client.optimizer.count("doctor-no-such-race"),
                lambda: client.contests.describe_field("doctor-no-such-race", 1),
            )
            for name, probe in zip(_SERVICES, probes, strict=True):
                yield _probe(name, probe, getattr(client.addresses, name))
    except PitwallError as error:
        yield Check("services", False, error.message)


def _probe(name: str, probe: Callable[[], object], address: str) -> Check:
    """A service is in order if it answers; that a race does not exist is an answer of it and its peers."""
    try:
        probe()
    except PitwallError as error:
        if error.reason != "NOT_FOUND":
            return Check(f"service {name}", False, f"{address}: {error.message}")
    return Check(f"service {name}", True, address)
