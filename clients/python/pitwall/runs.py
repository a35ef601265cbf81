"""Stored runs: what went in, what came out, and all it takes to do it again.

A run is a folder below the data folder: ``run.json``, copies of the input files, ``lineups.csv``, and the numbers of
its report. The folder appears whole or not at all.
"""

from __future__ import annotations

import builtins
import dataclasses
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from pydantic import TypeAdapter, ValidationError

from pitwall.errors import InvalidInputError, NotFoundError, PitwallError
from pitwall.files import to_json
from pitwall.job import JobConfig, JobResult
from pitwall.problems import invalid
from pitwall.results import result_document, timings_document
from pitwall.sitefiles import lineup_file
from pitwall.types.race import Race

LINEUPS, RUN, REPORT = "lineups.csv", "run.json", "report.json"
_RUN_ID = re.compile(r"^[0-9]{8}-[0-9]{6}-[0-9a-f]{8}$")
_CONFIG: TypeAdapter[JobConfig] = TypeAdapter(JobConfig)
_RACE: TypeAdapter[Race] = TypeAdapter(Race)


@dataclass(frozen=True)
class InputFile:
    """An input of a run: what it was for, its name, and the SHA-256 of its bytes."""

    role: str
    name: str
    sha256: str


@dataclass(frozen=True)
class Run:
    """A stored run.

    Attributes
    ----------
    config
        The settings; its files are the copies in the run's folder.
    race
        The race as it was.
    lineups_sha256
        SHA-256 of the bytes of ``lineups.csv``.
    result
        The content of ``result.json``.
    timings_seconds
        What it took: stages, and the stages and lineups within the building of the portfolio.
    """

    run_id: str
    folder: Path
    create_time: datetime
    config: JobConfig
    race: Race
    inputs: tuple[InputFile, ...]
    lineups_sha256: str
    result: Mapping[str, Any]
    timings_seconds: Mapping[str, Any] = field(default_factory=dict)

    @property
    def report(self) -> dict[str, Any]:
        """The numbers of the report.

        Raises
        ------
        InvalidInputError
            If the file is damaged.
        """
        return _read_json(self.folder / REPORT)


class RunStore:
    """The runs below a data folder.

    Parameters
    ----------
    data_dir
        Default: ``PITWALL_DATA_DIR``, else the user's data folder.
    """

    def __init__(self, data_dir: str | Path | None = None) -> None:
        configured = data_dir or os.environ.get("PITWALL_DATA_DIR", "")
        self.folder = (Path(configured) if configured else user_data_path("pitwall")) / "runs"

    def save(self, result: JobResult, report: Mapping[str, Any], *, now: datetime | None = None) -> Run:
        """Store a run with the numbers of its report, and return it.

        Raises
        ------
        OSError
            If the folder cannot be written; nothing is left behind then.
        """
        now = now or datetime.now(UTC)
        lineups = lineup_file(result.race, [item.driver_ids for item in result.portfolio.lineups])
        digest = _sha256(lineups)
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
        try:
            config, inputs = _write_inputs(result, scratch)
            run_id = f"{now:%Y%m%d-%H%M%S}-{_sha256(_CONFIG.dump_json(config) + digest.encode())[:8]}"
            document = {
                "run_id": run_id,
                "create_time": now,
                "config": json.loads(_CONFIG.dump_json(config)),
                "race": result.race,
                "inputs": inputs,
                "lineups_sha256": digest,
                "result": result_document(result),
                "timings_seconds": timings_document(result),
            }
            (scratch / LINEUPS).write_bytes(lineups)
            (scratch / RUN).write_text(to_json(document))
            (scratch / REPORT).write_text(to_json(report))
            scratch.chmod(0o755)
            scratch.replace(self._free_folder(run_id))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return self.get(run_id)

    def _free_folder(self, run_id: str) -> Path:
        """Where a run goes; the same run within the same second replaces itself."""
        folder = self.folder / run_id
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def list(self, on_damaged: Callable[[PitwallError], None] | None = None) -> list[Run]:
        """All runs, newest first; none where there is no folder yet.

        Parameters
        ----------
        on_damaged
            Told of each run that cannot be read; the others are listed. Default: such a run is an error.
        """
        runs = []
        for run_id in reversed(self._ids()):
            try:
                runs.append(self._read(run_id))
            except InvalidInputError as error:
                if on_damaged is None:
                    raise
                on_damaged(error)
        return runs

    def _ids(self) -> builtins.list[str]:
        there = next(folder for folder in (self.folder, *self.folder.absolute().parents) if folder.exists())
        if not there.is_dir():
            raise invalid(str(self.folder), f"{there} is no folder; correct PITWALL_DATA_DIR or --data-dir")
        names = (entry.name for entry in self.folder.iterdir()) if self.folder.is_dir() else ()
        return sorted(name for name in names if _RUN_ID.match(name))

    def get(self, run_id: str) -> Run:
        """A run by its id, the beginning of its id if that is clear, or ``latest``.

        Raises
        ------
        NotFoundError
            If there is none, or more than one fits.
        """
        ids = self._ids()
        found = ids[-1:] if run_id == "latest" else [name for name in ids if run_id and name.startswith(run_id)]
        if len(found) != 1:
            fits = f"{run_id!r} fits {len(found)} runs" if found else f"there is no run {run_id!r}"
            raise NotFoundError(f"{fits}; `pitwall runs list` shows them")
        return self._read(found[0])

    def _read(self, run_id: str) -> Run:
        folder = self.folder / run_id
        document = _read_json(folder / RUN)
        try:
            config = _CONFIG.validate_json(json.dumps(document["config"]))
            race = _RACE.validate_json(json.dumps(document["race"]))
            inputs = tuple(InputFile(**item) for item in document["inputs"])
            create_time = datetime.fromisoformat(document["create_time"])
            digest, result = str(document["lineups_sha256"]), dict(document["result"])
            timings = dict(document.get("timings_seconds", {}))
        except (KeyError, TypeError, ValueError, ValidationError) as error:
            raise _damaged(folder / RUN, error) from error
        files = {item.role: folder / item.name for item in inputs}
        config = dataclasses.replace(
            config, salaries=files.get("salaries", config.salaries), race_sheet=files.get("race_sheet")
        )
        return Run(run_id, folder, create_time, config, race, inputs, digest, result, timings)


def _write_inputs(result: JobResult, folder: Path) -> tuple[JobConfig, list[InputFile]]:
    """The input files as the job used them, and the settings with their names in place of paths."""
    inputs, names = [], dict[str, Path]()
    for role, file in result.inputs.items():
        name = f"{role}{Path(file.name).suffix}"
        (folder / name).write_bytes(file.content)
        inputs.append(InputFile(role, name, _sha256(file.content)))
        names[role] = Path(name)
    stored = dataclasses.replace(result.config, salaries=names["salaries"], race_sheet=names.get("race_sheet"))
    return stored, inputs


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InvalidInputError:
    lacking = f"lacks {error}" if isinstance(error, KeyError) else str(error)
    problem = f"the stored run cannot be read ({lacking}); delete its folder"
    return invalid(str(path), problem)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
