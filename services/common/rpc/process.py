"""The process of a service: settings from its environment, served until it is told to stop."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from pitwall.errors import EXIT_INPUT, PitwallError, exit_code
from services.common.domain.errors import ServiceError
from services.common.rpc.logs import configure_logs
from services.common.rpc.server import ServiceBinding, start_server
from services.common.rpc.settings import ServerSettings, load_settings
from services.common.rpc.stopping import StopSignal, end_without

S = TypeVar("S", bound=ServerSettings)

_PLACES = ("data_dir", "database_url", "matrix_url")
"""Settings that say where a service keeps things, of those that keep any."""


def serve_forever(kind: type[S], build: Callable[[S], Sequence[ServiceBinding]]) -> None:
    """Body of every ``__main__``: print the settings when asked, else serve until SIGTERM or SIGINT.

    What stands in the way of a start is told in a sentence, and the exit code is that of the command line.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--print-config", action="store_true", help="print the settings in force and exit")
    only_print = parser.parse_args().print_config
    try:
        settings = load_settings(kind)
        if only_print:
            with contextlib.suppress(BrokenPipeError):
                print(settings.model_dump_json(indent=2), flush=True)
        else:
            _serve_until_signal(settings, build)
    except (ServiceError, PitwallError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        sys.exit(exit_code(error.reason))
    except OSError as error:
        told = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"cannot start: {told}{_where_kept(kind)}", file=sys.stderr)
        sys.exit(EXIT_INPUT)


def _where_kept(kind: type[ServerSettings]) -> str:
    """The settings of a service that name folders, as the end of a sentence."""
    prefix = kind.model_config.get("env_prefix", "")
    names = [f"{prefix}{name.upper()}" for name in _PLACES if name in kind.model_fields]
    return f"; see {', '.join(names)}" if names else ""


def _serve_until_signal(settings: S, build: Callable[[S], Sequence[ServiceBinding]]) -> None:
    stop = StopSignal()
    bindings = build(settings)
    configure_logs(settings)
    end_without(start_server(bindings, settings).serve_until(stop))
