"""Calibration files: reading one, the one that comes with Pitwall by default."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from services.common.domain.errors import FieldViolation, InvalidInput
from services.scenario.core.calibration import Calibration, calibration_from_document

DEFAULT_FILE = "calibration.json"


def read_calibration(path: Path | None = None) -> Calibration:
    """The calibration in a file, by default the one that comes with Pitwall.

    Raises
    ------
    InvalidInput
        If the file is missing, no JSON, or of another layout.
    """
    document = read_document(path)
    try:
        return calibration_from_document(document)
    except InvalidInput as error:
        if path is None:
            raise
        of_file = [FieldViolation(f"{path}: {one.field}", one.description) for one in error.violations]
        raise InvalidInput.of(of_file) from error


def read_document(path: Path | None = None) -> dict[str, Any]:
    """The JSON document of a calibration."""
    if path is None:
        return json.loads((resources.files("services.scenario") / "data" / DEFAULT_FILE).read_text("utf-8"))
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput.field("calibration_path", f"{path} cannot be read ({error})") from error
