"""Universes and fields by slate: made once for all who ask, within a size, and only while somebody waits."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from services.common.domain.errors import Cancelled
from services.common.domain.race import Driver, Race, Track, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.common.domain.work import no_checkpoint
from services.common.universe import UniverseTooLarge
from services.contest_sim import field_library
from services.contest_sim.core.entrants import Entrants
from services.contest_sim.core.field_parameters import FieldParameters
from services.contest_sim.field_library import FieldLibrary


@pytest.fixture(scope="module")
def race():
    drivers = tuple(
        Driver(
            driver_id=f"d{index}", name=f"Driver {index}", salary_dollars=5_000 + 400 * index, start_position=index + 1
        )
        for index in range(14)
    )
    return Race("phoenix", Track(type=TrackType.SHORT), 312, DRAFTKINGS_CLASSIC, drivers)


def test_many_first_calls_enumerate_and_fit_once(race, monkeypatch):
    n_callers, together, made = 6, threading.Barrier(6), []

    def counted(name):
        work = getattr(field_library, name)

        def count(*args, **options):
            made.append(name)
            return work(*args, **options)

        monkeypatch.setattr(field_library, name, count)

    counted("enumerate_lineups")
    counted("fit_field")
    library, shares = FieldLibrary(2, 10**6), np.full(14, 6 / 14)

    def ask(_caller):
        together.wait(60)
        return library.field(race, shares, FieldParameters(), Entrants(1), no_checkpoint)

    with ThreadPoolExecutor(n_callers) as pool:
        fields = list(pool.map(ask, range(n_callers)))
    assert sorted(made) == ["enumerate_lineups", "fit_field"]
    assert all(found is fields[0] for found in fields)
    assert fields[0].universe is library.universe(race, no_checkpoint)


def test_a_slate_with_too_many_lineups_is_refused(race):
    with pytest.raises(UniverseTooLarge, match="more than 10 legal lineups"):
        FieldLibrary(1, 10).universe(race, no_checkpoint)


def test_nobody_enumerates_for_a_caller_who_is_gone(race):
    def gone():
        raise Cancelled("gone")

    library = FieldLibrary(1, 10**6)
    with pytest.raises(Cancelled):
        library.universe(race, gone)
    assert library.universe(race, no_checkpoint).n_lineups > 0
