"""The four services in one process on one loopback address: what ``pitwall.local()`` and ``pitwall serve`` start."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import structlog

from pitwall.errors import InvalidInputError, Violation
from pitwall.rpc import Caller, open_channel
from services.common.rpc.logs import configure_logs, current_request_id
from services.common.rpc.peers import OwnershipPeer, ScenarioPeer
from services.common.rpc.server import Server, ServiceBinding
from services.common.rpc.settings import ServerSettings, default_data_dir, load_settings
from services.common.rpc.status import as_call_errors
from services.contest_sim import __main__ as contest_sim
from services.contest_sim.settings import ContestSimSettings
from services.optimizer import __main__ as optimizer
from services.optimizer.settings import OptimizerSettings
from services.ownership import __main__ as ownership
from services.ownership.settings import OwnershipSettings
from services.scenario import __main__ as scenario
from services.scenario.settings import ScenarioSettings

__all__ = ["default_data_dir", "start_stack"]

_UNSERVED: dict[str, Any] = {
    "host": "127.0.0.1",
    "port": 0,
    "uds_path": "",
    "bearer_token": "",
    "tls_certificate_path": None,
    "tls_key_path": None,
    "tls_client_ca_path": None,
}
"""Where single services listen and what they ask for does not concern a stack, which has one server for all."""

_EMBEDDED: dict[str, Any] = {**_UNSERVED, "drain_pause_seconds": 0.0, "log_level": "error"}
"""Settings of a stack for this process alone, whatever the environment says of one that is served to others."""

_MAX_SOCKET_PATH = 103
"""Bytes of the path of a Unix socket: what systems allow, at least."""


def start_stack(data_dir: Path, settings: ServerSettings | None = None) -> Server:
    """Serve all four services on one address, by default a free loopback port.

    Raises
    ------
    PitwallError
        If a setting is not right, the data folder cannot be written, its records cannot be read or the address cannot
        be listened on.
    """
    with as_call_errors():
        settings = settings or load_settings(ServerSettings, **_EMBEDDED)
    if not structlog.is_configured():
        configure_logs(settings)
    _make_folder(data_dir)
    with as_call_errors(), ExitStack() as unfinished:
        inner = unfinished.enter_context(ExitStack())
        socket_folder = _new_socket_folder()
        inner.callback(shutil.rmtree, socket_folder, ignore_errors=True)
        inner_address = f"unix:{socket_folder / 'inner'}"
        server = Server(settings, inner_address=inner_address)
        unfinished.callback(server.abandon)
        server.add(ServiceBinding("", lambda _server: None, close=inner.close))
        channel = inner.enter_context(open_channel(inner_address))
        caller = Caller(settings.bearer_token.get_secret_value(), server.inner_headers, request_id=current_request_id)
        for binding in _bindings(data_dir, ScenarioPeer(channel, caller=caller), OwnershipPeer(channel, caller=caller)):
            server.add(binding)
        server.start()
        unfinished.pop_all()
    return server


def _new_socket_folder() -> Path:
    """A temporary folder of this user alone, whose path leaves room for the name of a socket."""
    room = _MAX_SOCKET_PATH - len("/pitwall-12345678/inner")
    short = len(os.fsencode(tempfile.gettempdir())) <= room
    return Path(tempfile.mkdtemp(prefix="pitwall-", dir=None if short else "/tmp"))  # noqa: S108 - mkdtemp makes it ours


def _make_folder(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"cannot make {data_dir}: {error.strerror}; set PITWALL_DATA_DIR to a folder you may write"
        raise InvalidInputError(f"data_dir: {problem}", violations=[Violation("data_dir", problem)]) from error


def _bindings(data_dir: Path, scenario_peer: ScenarioPeer, ownership_peer: OwnershipPeer) -> Iterator[ServiceBinding]:
    """The services one by one: those built are closed where a later one fails."""
    yield scenario.build(load_settings(ScenarioSettings, data_dir=data_dir / "scenario", **_UNSERVED))
    yield ownership.build(load_settings(OwnershipSettings, data_dir=data_dir / "ownership", **_UNSERVED), scenario_peer)
    yield optimizer.build(load_settings(OptimizerSettings, **_UNSERVED), scenario_peer, ownership_peer)
    yield contest_sim.build(load_settings(ContestSimSettings, **_UNSERVED), scenario_peer, ownership_peer)
