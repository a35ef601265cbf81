"""Slates at random and the best lineup by looking at every combination with plain numpy."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from services.common.domain.tail import tail_size
from services.common.universe.rules import Group, Limit, Rule, Stack
from services.optimizer.core.objective import Term
from services.optimizer.core.slate import Slate


def random_slate(rng, *, n_drivers=9, roster_size=4, n_scenarios=40, spread=400, ties=False):
    ticks = rng.integers(-spread // 4, spread, (n_drivers, n_scenarios))
    if ties:
        ticks = ticks // 100 * 100
        ticks[1] = ticks[0]
    salaries = rng.integers(3, 12, n_drivers) * 1_000
    cap = int(np.sort(salaries)[:roster_size].sum() + rng.integers(0, 4_000 * roster_size))
    return Slate(ticks.astype(np.int16), salaries.astype(np.int64), roster_size, cap)


@st.composite
def slates(draw):
    roster_size = draw(st.integers(2, 5))
    return random_slate(
        np.random.default_rng(draw(st.integers(0, 2**32))),
        n_drivers=draw(st.integers(roster_size, 10)),
        roster_size=roster_size,
        n_scenarios=draw(st.sampled_from([1, 2, 7, 40, 150])),
        spread=draw(st.sampled_from([8, 400, 3_000])),
        ties=draw(st.booleans()),
    )


@st.composite
def terms(draw):
    levels = draw(st.lists(st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.003, None]), min_size=1, max_size=3, unique=True))
    weights = draw(st.lists(st.sampled_from([0.0, 0.3, 0.7, 1.0, 2.5]), min_size=len(levels), max_size=len(levels)))
    weights[0] = weights[0] or 1.0
    return tuple(Term(alpha, weight) for alpha, weight in zip(levels, weights, strict=True))


def random_rules(rng, n_drivers, roster_size):
    """Each kind of rule with a chance of a half."""
    rules = []
    if rng.random() < 0.5:
        excluded = np.zeros(n_drivers, dtype=bool)
        excluded[rng.integers(n_drivers)] = True
        rules.append(Rule("exclude", excluded=excluded))
    for _ in range(rng.integers(0, 3)):
        low = int(rng.integers(0, 2))
        only_with = int(rng.integers(-1, n_drivers))
        group = Group(rng.random(n_drivers) < 0.4, low, int(rng.integers(low, roster_size + 1)), only_with)
        rules.append(Rule("group", group=group))
    if rng.random() < 0.5:
        values = rng.integers(1, 30, n_drivers).astype(float)
        rules.append(Rule("limit", limit=Limit(values, float(values.mean() * roster_size))))
    if rng.random() < 0.5:
        low = int(rng.integers(1, 3))
        teams = rng.integers(-1, 3, n_drivers)
        rules.append(Rule("stack", stack=Stack(teams, low, int(rng.integers(low, roster_size + 1)))))
    return rules


def keeps(rules, columns):
    """The meaning of the rules, written a second time."""
    held = set(columns)
    for rule in rules:
        if rule.excluded is not None and any(rule.excluded[column] for column in held):
            return False
        if (group := rule.group) is not None and (group.only_with < 0 or group.only_with in held):
            count = sum(bool(group.members[column]) for column in held)
            if not group.at_least <= count <= group.at_most:
                return False
        if rule.limit is not None and sum(rule.limit.values[list(columns)]) > rule.limit.at_most + 1e-9:
            return False
        if (stack := rule.stack) is not None:
            for column in held:
                team = stack.team_index[column]
                mates = 1 if team < 0 else sum(stack.team_index[other] == team for other in held)
                if not stack.at_least <= mates <= stack.at_most:
                    return False
    return True


def legal(slate):
    return [
        columns
        for columns in itertools.combinations(range(slate.n_drivers), slate.roster_size)
        if slate.salaries_dollars[list(columns)].sum() <= slate.salary_cap_dollars
    ]


def value_points(slate, terms, columns):
    """Weighted terms of a lineup in points, as an exact fraction, by sorting."""
    totals = np.sort(slate.ticks[list(columns)].astype(np.int64).sum(axis=0))[::-1]
    weights = [Fraction(repr(float(term.weight))) for term in terms]
    value = Fraction(0)
    for term, weight in zip(terms, weights, strict=True):
        k = slate.n_scenarios if term.alpha is None else tail_size(term.alpha, slate.n_scenarios)
        value += weight / sum(weights) * Fraction(int(totals[:k].sum()), 20 * k)
    return value


def best_lineup(slate, terms, allowed, bonus_points=None):
    """Best of ``allowed``, the first in lexicographic order among equals, with its value."""
    bonus = [Fraction(0)] * slate.n_drivers if bonus_points is None else bonus_points
    scored = [(value_points(slate, terms, c) + sum(bonus[i] for i in c), c) for c in allowed]
    top = max(value for value, _ in scored)
    return top, min(columns for value, columns in scored if value == top)
