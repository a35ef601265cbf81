"""A made-up history in a folder."""

import pytest

from services.scenario.calibration.fit import calibrate
from services.scenario.calibration.history import read_history
from tests.unit.scenario.calibration.history import QUICK
from tests.unit.scenario.synthetic_history import write_history


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("history")
    write_history(path, range(2018, 2022))
    return path


@pytest.fixture(scope="module")
def races(folder):
    return read_history(folder)


@pytest.fixture(scope="module")
def document(folder):
    return calibrate(folder, settings=QUICK)
