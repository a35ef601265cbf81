"""Lineups counted without a listing against lineups listed one by one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.universe.counting import count_allowed
from services.common.universe.rules import Group, Limit, Rule, Stack, compile_rules
from tests.unit.optimizer.oracle import keeps, legal, random_rules, slates


@given(slate=slates(), seed=st.integers(0, 2**32), floor=st.integers(0, 40_000), spare=st.integers(0, 9_000))
@settings(max_examples=150, deadline=None)
def test_every_kind_of_rule_is_counted(slate, seed, floor, spare):
    slate = replace(slate, salary_cap_dollars=slate.salary_cap_dollars + spare)
    salaries = slate.salaries_dollars
    rules = random_rules(np.random.default_rng(seed), slate.n_drivers, slate.roster_size)
    rules = [rule for rule in rules if rule.limit is None]
    rules.append(Rule("floor", limit=Limit(-salaries.astype(float), -float(floor))))
    compiled = compile_rules(rules, slate.n_drivers)
    counted = count_allowed(salaries, slate.roster_size, slate.salary_cap_dollars, compiled)
    assert counted == sum(keeps(rules, columns) for columns in legal(slate))


def test_what_only_a_listing_could_tell_is_not_guessed():
    salaries = np.full(20, 5_000)
    ownership = Rule("ownership", limit=Limit(np.linspace(1, 30, 20), 60.0))
    assert count_allowed(salaries, 6, 50_000, compile_rules([ownership], 20)) is None


@pytest.mark.parametrize(("low", "high", "expected"), [(2, 2, 20 * 19 // 2 * 3**2), (4, 4, 0), (1, 3, None)])
def test_stacks_of_a_universe_of_billions_have_their_closed_form(low, high, expected):
    # Twenty teams of three; four slots. (1, 3) rules nothing out.
    teams = np.arange(60) // 3
    stack = Rule("stack", stack=Stack(teams, low, high))
    counted = count_allowed(np.full(60, 5_000), 4, 50_000, compile_rules([stack], 60))
    assert counted == (60 * 59 * 58 * 57 // 24 if expected is None else expected)


def test_locks_and_exclusions_of_a_universe_of_billions():
    lock = Rule("lock", group=Group(np.arange(60) == 4, 1))
    out = Rule("out", excluded=np.arange(60) == 9)
    counted = count_allowed(np.full(60, 5_000), 8, 50_000, compile_rules([lock, out], 60))
    assert counted == 58 * 57 * 56 * 55 * 54 * 53 * 52 // 5_040
