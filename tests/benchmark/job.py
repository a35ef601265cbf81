"""The main job on the sample slate: 10,000 scenarios, 20 lineups, 5,000 opponents, in a fresh process each time.

The first run fills the cache of compiled kernels and the second is the figure. The data folder is new each
time, so nothing but compiled code is warm. The limit beside it is the import of the libraries alone.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import REPOSITORY

_JOB = "from pitwall.cli import main; main()"
_FILES = ("--salaries", "examples/DKSalaries.csv", "--race-sheet", "examples/race_sheet.csv")
_ARGUMENTS = ("run", *_FILES, "--track", "phoenix", "--json", "--out")


def timed(code, *arguments, data_dir):
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"PITWALL_DATA_DIR": data_dir},
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - started, done.stdout


def run():
    seconds = []
    for attempt in range(3):
        with tempfile.TemporaryDirectory() as folder:
            spent, printed = timed(_JOB, *_ARGUMENTS, str(Path(folder) / "out"), data_dir=folder)
        seconds.append(spent)
        stages = json.loads(printed)["timings_seconds"]
        print(f"run {attempt + 1}: {spent:5.1f} s in all; {stages}")
    with tempfile.TemporaryDirectory() as folder:
        imports, _ = timed("import pitwall.cli, services.stack", data_dir=folder)
    print(f"importing the libraries alone: {imports:.1f} s")
    print(f"warm main job: {min(seconds[1:]):.1f} s  (target under 15)")
