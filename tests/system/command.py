"""The ``pitwall`` command: a stack that serves, and verbs run in this process as the entry point runs them."""

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from unittest import mock

from pitwall.cli import main
from tests.conftest import EXAMPLES

SLATE = ("--salaries", EXAMPLES / "DKSalaries.csv", "--race-sheet", EXAMPLES / "race_sheet.csv")


@dataclass(frozen=True)
class Outcome:
    """What a verb printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def violations(self):
        """What the verb said is wrong, with ``--json``: field and description of each complaint."""
        return json.loads(self.err)["error"]


def pitwall(*arguments) -> Outcome:
    """Run a verb."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.object(sys, "argv", ["pitwall", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return Outcome(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def serving(data_dir, environment=None):
    """The address of ``pitwall serve`` on a free port; ``environment`` is added to that of this process."""
    command = [sys.executable, "-c", "from pitwall.cli import main; main()", "--data-dir", str(data_dir)]
    words = [*command, "serve", "--port", "0"]
    process = subprocess.Popen(words, env=os.environ | (environment or {}), stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line.startswith("serving on "), line
        yield line.split()[2].rstrip(";")
    finally:
        process.terminate()
        assert process.wait(timeout=40) == 0
