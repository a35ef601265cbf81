"""What all tests share."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLES = REPOSITORY / "examples"

# A worker of a parallel run is told a terminal's width; output goes to files here.
os.environ.pop("COLUMNS", None)

settings.register_profile("untimed", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("untimed")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20230312)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real race data beside the checkout; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("PITWALL_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real race data not found at {folder}; set PITWALL_SHARED_DATA")
    return folder
