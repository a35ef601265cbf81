"""What the verbs share: the connection, progress bars, tables, errors."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from pitwall._waiting import OnWait, untold
from pitwall.client import Client, connect, local
from pitwall.errors import OverloadedError, PitwallError, exit_code
from pitwall.files import to_json
from pitwall.problems import invalid, read_bytes
from pitwall.rpc import ConnectionConfig
from pitwall.types.race import Progress as ProgressEvent

_ADDRESS_NAMES = ("SCENARIO", "OWNERSHIP", "OPTIMIZER", "CONTEST_SIM")

_FILE_WIDTH = 150
"""Columns of tables that go to a file or a pipe, which have no width of their own."""


_GAP_WIDTH = 3
_NEXT_LINE = "\n  "
_NAME_WIDTH = 18
"""Least width of a column of text: names are not folded in their middle."""
_LIST_WIDTH = 40
"""Width that a column of several names wants."""


class _QuietConsole(Console):
    """A console whose reader may go, as `head` does: what is being done is done all the same."""

    def on_broken_pipe(self) -> None:
        """Say no more."""
        self.quiet = True
        drop_output(sys.stderr if self.stderr else sys.stdout)


def drop_output(stream: TextIO) -> None:
    """Lead a stream to nowhere, so that what it still holds does not fail at the end of the process."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _console(*, stderr: bool = False) -> Console:
    terminal = (sys.stderr if stderr else sys.stdout).isatty() or "COLUMNS" in os.environ
    return _QuietConsole(stderr=stderr, highlight=False, width=None if terminal else _FILE_WIDTH)


errors = _console(stderr=True)
output = _console()

JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON instead of tables.")]
RaceArgument = Annotated[str, typer.Argument(help="Id of the race.", show_default=False)]


@dataclass(frozen=True)
class Connection:
    """Where the services are: addresses, or none for the embedded stack in a data folder.

    The others say how addresses are reached: a token, or the file that holds it, and the files of TLS.
    """

    address: str = ""
    data_dir: str = ""
    token: str = field(default="", repr=False)
    token_path: str = ""
    tls_ca_path: str = ""
    tls_certificate_path: str = ""
    tls_key_path: str = ""

    @property
    def embedded(self) -> bool:
        """Whether the services are those of this process."""
        return not (self.address or any(_own_addresses()))

    def open(self, on_wait: OnWait = untold) -> Client:
        """A client, which tells when it waits for a busy service.

        Raises
        ------
        InvalidInputError
            If a file of the connection cannot be read, or what is set does not go together.
        """
        if self.embedded:
            return local(self.data_dir or None)
        scenario, ownership, optimizer, contestsim = _own_addresses()
        return connect(
            self.address,
            scenario=scenario,
            ownership=ownership,
            optimizer=optimizer,
            contestsim=contestsim,
            config=self.config(on_wait),
        )

    def config(self, on_wait: OnWait = untold) -> ConnectionConfig:
        """How calls reach the addresses."""
        token = read_bytes(Path(self.token_path)).decode(errors="replace") if self.token_path else self.token
        if self.token_path and not token.strip():
            raise invalid("token_path", f"{self.token_path} is empty; write the token there")
        return ConnectionConfig(
            on_wait=on_wait,
            token=token.strip(),
            tls_ca_path=_path(self.tls_ca_path),
            tls_certificate_path=_path(self.tls_certificate_path),
            tls_key_path=_path(self.tls_key_path),
        )


def _tell_wait(error: OverloadedError) -> None:
    """Say why nothing happens for a while."""
    errors.print(f"waiting for a place: {error.message}", markup=False)


def _own_addresses() -> list[str]:
    """The address of each service that has a variable of its own, empty without."""
    return [os.environ.get(f"PITWALL_{name}_ADDRESS", "") for name in _ADDRESS_NAMES]


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def connection_of(context: typer.Context) -> Connection:
    """The connection that ``--address`` and ``--data-dir`` describe."""
    return context.find_object(Connection) or Connection()


@contextlib.contextmanager
def client_of(context: typer.Context) -> Iterator[Client]:
    """A client for the time of one verb."""
    # What --json writes on standard error is a document.
    with connection_of(context).open(untold if context.params.get("as_json") else _tell_wait) as client:
        yield client


def is_typed(context: typer.Context, option: str) -> bool:
    """Whether an option was given, on the command line or by its variable."""
    source = context.get_parameter_source(option)
    return source is not None and source.name != "DEFAULT"


def is_argument(context: typer.Context, option: str) -> bool:
    """Whether an option was given on the command line."""
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


class Bars:
    """Progress bars on standard error, one per stage, fed by the services' progress."""

    def __init__(self, *, shown: bool) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=errors,
            transient=True,
            disable=not shown or not errors.is_terminal,
        )
        self._tasks: dict[str, Any] = {}
        self._done: dict[str, int] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._progress.stop()

    def __call__(self, event: ProgressEvent) -> None:
        """Show one progress event."""
        if event.stage not in self._tasks:
            self._tasks[event.stage] = self._progress.add_task(event.stage, total=event.total or None)
        elif event.done < self._done[event.stage]:
            self._progress.reset(self._tasks[event.stage])  # a stage come again; its pace is measured anew
        self._done[event.stage] = event.done
        self._progress.update(self._tasks[event.stage], completed=event.done, total=event.total or None)


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, narrow: Sequence[str] = ()
) -> None:
    """A table on standard output; numbers are aligned right.

    ``narrow`` names the columns that are kept where the terminal has no room for all.
    """
    texts = [[cell if isinstance(cell, str) else _number(cell) for cell in row] for row in rows]
    widths = [_wanted_width(column, [text[at] for text in texts]) for at, column in enumerate(columns)]
    if narrow and output.width < sum(widths) + _GAP_WIDTH * len(widths):
        kept = [columns.index(name) for name in narrow]
        columns, rows = narrow, [[row[position] for position in kept] for row in rows]
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for position, column in enumerate(columns):
        numeric = bool(rows) and isinstance(rows[0][position], int | float)
        least = _NAME_WIDTH if column in ("driver", "drivers", "name") else None
        table.add_column(
            column, justify="right" if numeric else "left", overflow="fold", no_wrap=numeric, min_width=least
        )
    for row in rows:
        table.add_row(*(escape(cell) if isinstance(cell, str) else _number(cell) for cell in row))
    output.print(table)


def _wanted_width(column: str, texts: Sequence[str]) -> int:
    return min(_LIST_WIDTH, max(map(len, (column, *texts))))


def first_few(names: Sequence[str], most: int, separator: str = ", ") -> str:
    """Names in a row; of more than ``most`` the first and how many more there are."""
    more = [f"and {len(names) - most} more"] if len(names) > most else []
    return separator.join([*names[:most], *more])


def plural(n: int, noun: str, nouns: str = "") -> str:
    """``1 lineup``, ``2 lineups``; ``nouns`` where it is not the noun and an s."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {nouns or noun + 's'}"


def tell_stages(stage: str) -> None:
    """Say what is being done where no progress bar can show it."""
    if not errors.is_terminal:
        errors.print(f"{stage} ...", markup=False)


def _number(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def print_json(value: object) -> None:
    """JSON on standard output, nothing else."""
    sys.stdout.write(to_json(value) + "\n")
    sys.stdout.flush()


def report_error(error: PitwallError, *, as_json: bool) -> int:
    """Tell what went wrong and what to do; returns the exit code."""
    if as_json:
        violations = [vars(item) for item in error.violations]
        document = {"reason": error.reason, "message": error.message, "violations": violations}
        sys.stderr.write(to_json({"error": document}) + "\n")
    elif error.violations:
        errors.print("[bold red]error:[/] the input is not right")
        lines = [f"{violation.field}: {violation.description}" for violation in error.violations]
        errors.print(f"  {first_few(lines, 10, _NEXT_LINE)}", markup=False, soft_wrap=True)
    else:
        errors.print("[bold red]error:[/]", end=" ")
        errors.print(error.message, markup=False, soft_wrap=True)
    return exit_code(error.reason)
