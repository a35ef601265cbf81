"""``pitwall serve``: the four services in one process, for other programs."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import typer

from pitwall.cli._common import JsonOption, connection_of, errors, output, print_json
from pitwall.cli._ranges import within
from pitwall.problems import invalid
from pitwall.rpc import stays_here


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="TCP port; 0 takes a free one.", callback=within("port", 0, 65_535))
    ] = 50050,
    as_json: JsonOption = False,
) -> None:
    """Serve all four services on one address until interrupted. Example: `pitwall serve --port 50050`

    Other settings come from the environment. `python -m services.scenario --print-config` lists their names: here those
    of the server (TLS, token, limits, logs) follow PITWALL_, such as PITWALL_LOG_LEVEL, and those of one service follow
    its own prefix, such as PITWALL_SCENARIO_DATABASE_URL.
    """
    from services.common.rpc.settings import ServerSettings, load_settings
    from services.common.rpc.status import as_call_errors
    from services.common.rpc.stopping import StopSignal, end_without
    from services.stack import default_data_dir, start_stack

    _refuse_taken(host, port)
    stop = StopSignal()
    data_dir = connection_of(context).data_dir
    with as_call_errors():
        settings = load_settings(ServerSettings, host=host, port=port)
    if not (settings.bearer_token.get_secret_value() or settings.tls_client_ca_path or stays_here(f"{host}:{port}")):
        warning = f"whoever reaches {host} may read and change races: PITWALL_BEARER_TOKEN asks for a token"
        errors.print(f"warning: {warning}", markup=False)
    stack = start_stack(Path(data_dir) if data_dir else default_data_dir(), settings)
    if as_json:
        print_json({"address": stack.address})
    else:
        output.print(f"serving on {stack.address}; stop with Ctrl-C", markup=False)
    end_without(stack.serve_until(stop))


def _refuse_taken(host: str, port: int) -> None:
    """Refuse an address that cannot be listened on, before gRPC prints lines of its own about it.

    Raises
    ------
    InvalidInputError
        If another process has the port, or the host is none of this machine.
    """
    try:
        (family, _, _, _, address), *_ = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        socket.create_server(address, family=family).close()
    except OSError as error:
        raise invalid("--port", f"cannot listen on {host}:{port} ({error.strerror}); choose another port") from error
