"""Whether a finished lineup keeps what it has to: the site's rules and those of the request, each checked anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pitwall.optimizer.v1 import optimizer_service_pb2 as pb
from services.common.domain.race import Race
from services.common.universe.rule_kernels import mark_allowed
from services.common.universe.rules import Rule, compile_rules
from services.optimizer import lookups


class Compliance:
    """Checks lineups against the site and against rules one by one."""

    def __init__(self, race: Race, rules: Sequence[Rule]) -> None:
        self._race = race
        n_drivers = len(race.starters)
        self._rules = [(rule.name, compile_rules([rule], n_drivers).arrays()) for rule in rules]

    def broken(self, columns: Sequence[int]) -> list[str]:
        """What a lineup breaks: the site's reasons, then names of rules."""
        driver_ids = [self._race.driver_ids[column] for column in columns]
        problems = list(lookups.verdict(self._race, pb.CandidateLineup(driver_ids=driver_ids)).problems)
        lineup, allowed = np.array([sorted(columns)], dtype=np.int8), np.empty(1, dtype=np.bool_)
        for name, arrays in self._rules:
            mark_allowed(lineup, allowed, arrays)
            if not allowed[0]:
                problems.append(name)
        return problems
