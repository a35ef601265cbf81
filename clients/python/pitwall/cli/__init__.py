"""The command line: ``pitwall``.

Exit codes: 0 done; 1 a defect of Pitwall; 2 the input is not right (files, options, rules that cannot hold,
names that do not exist); 3 a service is unreachable, busy or past its deadline, or its storage is full, damaged or
read-only; 130 interrupted.
"""

from __future__ import annotations

import errno
import importlib.metadata
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from pitwall.cli import (
    _audit,
    _contests,
    _doctor,
    _entries,
    _history,
    _lineups,
    _model,
    _ownership,
    _race,
    _run,
    _runs,
    _scenarios,
    _serve,
    _template,
)
from pitwall.cli._common import Connection, drop_output, errors, is_argument, is_typed, output, report_error
from pitwall.errors import InvalidInputError, PitwallError, StorageFullError, Violation
from pitwall.problems import invalid

_EMPTY = "is empty; give a value, or leave the option out"
_EXIT_INTERRUPTED = 130
_CONNECTION_OPTIONS = (
    "--address",
    "--data-dir",
    "--token-path",
    "--tls-ca-path",
    "--tls-certificate-path",
    "--tls-key-path",
)
_CONNECTION_HELP = "Every verb also takes --address, --data-dir and those of TLS and token: see pitwall --help."

app = typer.Typer(
    name="pitwall",
    help="Lineups for NASCAR daily fantasy tournaments, proven optimal in the upper tail.",
    epilog="Exit codes: 0 done; 1 a defect of Pitwall; 2 the input is not right; 3 a service is unreachable, busy or "
    "past its deadline, or its storage is full, damaged or read-only; 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        output.print(f"pitwall {importlib.metadata.version('pitwall')}", markup=False)
        raise typer.Exit


@app.callback()
def connection(
    context: typer.Context,
    address: Annotated[
        str,
        typer.Option(
            envvar="PITWALL_ADDRESS",
            help="Address of a running stack. Default: services embedded in this process. "
            "Services on several addresses: PITWALL_SCENARIO_ADDRESS, PITWALL_OWNERSHIP_ADDRESS, "
            "PITWALL_OPTIMIZER_ADDRESS, PITWALL_CONTEST_SIM_ADDRESS.",
        ),
    ] = "",
    data_dir: Annotated[
        str,
        typer.Option(envvar="PITWALL_DATA_DIR", help="Where runs are kept, and what the embedded services keep."),
    ] = "",
    token_path: Annotated[
        str,
        typer.Option(
            envvar="PITWALL_CLIENT_TOKEN_PATH",
            help="File with the bearer token of a running stack. PITWALL_CLIENT_TOKEN holds the token itself.",
        ),
    ] = "",
    tls_ca_path: Annotated[
        str,
        typer.Option(
            envvar="PITWALL_CLIENT_TLS_CA_PATH",
            help="PEM authorities of a running stack, which turn TLS on.",
        ),
    ] = "",
    tls_certificate_path: Annotated[
        str,
        typer.Option(
            envvar="PITWALL_CLIENT_TLS_CERTIFICATE_PATH", help="PEM certificate shown to a stack with mutual TLS."
        ),
    ] = "",
    tls_key_path: Annotated[
        str, typer.Option(envvar="PITWALL_CLIENT_TLS_KEY_PATH", help="PEM key of that certificate.")
    ] = "",
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Where the services are and how they are reached; these options may stand before or after the verb."""
    given = {
        "address": address,
        "data_dir": data_dir,
        "token_path": token_path,
        "tls_ca_path": tls_ca_path,
        "tls_certificate_path": tls_certificate_path,
        "tls_key_path": tls_key_path,
    }
    for name, value in given.items():
        if is_typed(context, name) and not value.strip():
            raise invalid(f"--{name.replace('_', '-')}", _EMPTY)
    # The token itself is no option: arguments are seen by every user of the machine.
    context.obj = Connection(**given, token=os.environ.get("PITWALL_CLIENT_TOKEN", ""))
    useless = [name for name in given if name.startswith(("tls_", "token_")) and is_argument(context, name)]
    if context.obj.embedded and useless:
        raise invalid(f"--{useless[0].replace('_', '-')}", "is about a running stack; give its --address too")


app.command("run")(_run.run)
app.command("serve")(_serve.serve)
_race.app.command("template")(_template.template)
app.add_typer(_race.app, name="race")
app.add_typer(_scenarios.app, name="scenarios")
app.add_typer(_ownership.app, name="ownership")
app.command("optimize")(_lineups.optimize)
app.command("simulate")(_contests.simulate)
app.add_typer(_entries.app, name="entries")
app.command("report")(_runs.report)
app.add_typer(_runs.app, name="runs")
app.command("audit")(_audit.audit)
app.command("history")(_history.history)
app.command("doctor")(_doctor.doctor)
app.command("calibrate")(_model.calibrate)
app.add_typer(_model.backtest_app, name="backtest")


def _tell_of_connection(group: typer.Typer) -> None:
    """End the help of every verb with the options that it shares with all others."""
    for command in group.registered_commands:
        command.epilog = _CONNECTION_HELP
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _tell_of_connection(inner.typer_instance)


_tell_of_connection(app)


def main() -> None:
    """Entry point of the ``pitwall`` command."""
    try:
        code = _run_app()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = _EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output, such as `head`, has gone; nothing is left to say.
        drop_output(sys.stdout)
        drop_output(sys.stderr)
        code = 0
    if code == _EXIT_INTERRUPTED:
        errors.print("interrupted")
    sys.exit(code)


def connection_first(arguments: Sequence[str]) -> list[str]:
    """Arguments with those that say where the services are before the verb, wherever they stood.

    One without a value ends them, so that the parser complains of it and of nothing else.
    """
    first: list[str] = []
    rest: list[str] = []
    left = list(arguments)
    while left:
        argument = left.pop(0)
        name, given, _ = argument.partition("=")
        if argument == "--":
            return [*first, *rest, argument, *left]
        if name not in _CONNECTION_OPTIONS:
            rest.append(argument)
        elif given:
            first.append(argument)
        elif left and not left[0].startswith("-"):
            first += [argument, left.pop(0)]
        else:
            return [*first, argument]
    return first + rest


def refuse_empty(arguments: Sequence[str]) -> None:
    """Refuse options with nothing in their value: a path of nothing would be read as the folder we are in."""
    for at, argument in enumerate(arguments):
        if argument == "--":
            return
        name, given, value = argument.partition("=")
        values = [value] if given else arguments[at + 1 : at + 2]
        if name.startswith("--") and any(not each.strip() for each in values):
            raise invalid(name, _EMPTY)


def _run_app() -> int:
    """Run a verb; returns the exit code."""
    as_json = "--json" in sys.argv
    try:
        refuse_empty(sys.argv[1:])
        # A standalone app tells of options that cannot be read itself, in a frame that no program reads.
        code = app(connection_first(sys.argv[1:]), standalone_mode=not as_json)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            raise end.__context__ from None
        return end.code if isinstance(end.code, int) else 0
    except PitwallError as error:
        return report_error(error, as_json=as_json)
    except TyperException as error:
        return report_error(_usage_error(error), as_json=as_json)
    except BrokenPipeError:
        raise
    except OSError as error:
        return report_error(_disk_error(error), as_json=as_json)
    return code if isinstance(code, int) else 0


def _usage_error(error: TyperException) -> PitwallError:
    """Arguments that cannot be read, as an error that names them."""
    problem = f"{error.format_message()}; see --help"
    return InvalidInputError(problem, violations=[Violation("arguments", problem)])


def _disk_error(error: OSError) -> PitwallError:
    """A file that cannot be read or written, as an error with its remedy."""
    file = error.filename or "a file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFullError(f"{file}: {error.strerror}; nothing is half written: free some space and run again")
    problem = f"{error.strerror or error}; choose a place that you may read and write"
    return InvalidInputError(f"{file}: {problem}", violations=[Violation(str(file), problem)])
