"""Rules from a file: every field arrives as it was meant, drivers by name, and errors say where."""

import dataclasses
import json

import pytest

from pitwall.cli._rules_file import read_rules
from pitwall.config import Group, PortfolioConfig
from pitwall.errors import InvalidInputError

IDS = {"Ann": "d1", "Bob": "d2", "Cid": "d3"}

TEXT = """
n_lineups = 40
stack = [2, 3]
locked = ["Ann"]
excluded = ["d2"]
salary_floor_dollars = 48_000
[cvar_weights]
"0.99" = 1.0
[driver_exposures]
Bob = [0.1, 0.4]
[[groups]]
driver_ids = ["Ann", "Cid"]
max = 1
if_driver_id = "Bob"
"""


def resolve(name):
    return IDS.get(name, name)


@pytest.fixture
def written(tmp_path):
    def write(text, name="rules.toml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_rules_of_every_kind_are_read_with_site_ids(written):
    config = PortfolioConfig(**read_rules(written(TEXT), resolve))
    assert (config.n_lineups, config.stack, config.salary_floor_dollars) == (40, (2, 3), 48_000)
    assert (list(config.locked), list(config.excluded)) == (["d1"], ["d2"])
    assert config.cvar_weights == {0.99: 1.0}
    assert config.driver_exposures == {"d2": (0.1, 0.4)}
    assert config.groups == [Group(driver_ids=["d1", "d3"], max=1, if_driver_id="d2")]


def test_a_config_written_as_json_comes_back(written):
    config = PortfolioConfig(max_dominators=2, regime_weights={"chaos": 1.0}, shortage="refuse")
    path = written(json.dumps(dataclasses.asdict(config)), "rules.json")
    assert PortfolioConfig(**read_rules(path, resolve)) == dataclasses.replace(
        config, locked=[], excluded=[], groups=[]
    )


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("lockd = []", "rules.toml: lockd"),
        ('max_dominators = "two"', "rules.toml: max_dominators"),
        ("[[groups]]\nmin = 1", "rules.toml: groups.0.driver_ids"),
        ("n_lineups =", "rules.toml"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(written, text, where):
    with pytest.raises(InvalidInputError) as caught:
        read_rules(written(text), resolve)
    assert [violation.field for violation in caught.value.violations] == [where]
