"""Finished lineups checked against every rule by itself."""

import numpy as np

from services.common.universe.rules import Group, Rule
from services.optimizer.compliance import Compliance
from tests.contract.optimizer.slate import N_DRIVERS, legal, make_race


def test_what_a_lineup_breaks_is_named():
    race = make_race()
    members = np.arange(N_DRIVERS) < 8
    front, nobody = Rule("at most two in front", group=Group(members, 0, 2)), Rule("without 15", excluded=~members)
    compliance = Compliance(race, [front, nobody])
    for columns in legal(race)[::97]:
        expected = [front.name] * int(members[list(columns)].sum() > 2) + [nobody.name] * int(max(columns) > 7)
        assert compliance.broken(columns) == expected
    dearest = compliance.broken((0, 1, 2, 3, 4, 5))
    assert "above the cap" in dearest[0]
