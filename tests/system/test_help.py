"""Each verb's help: its example does what it says on the sample slate, as someone who copies it would see."""

import re
import shlex
import shutil

import pytest
from typer.main import get_command

from pitwall.cli import app
from tests.conftest import EXAMPLES
from tests.system.command import pitwall, serving
from tests.unit.scenario.synthetic_history import write_history

pytestmark = pytest.mark.timeout(300)

_EXAMPLE = re.compile(r"Example: `(pitwall [^`]+)`")
SMALL = {"run": ("--scenarios", "1000", "--opponents", "500"), "scenarios generate": ("--n", "1000")}
"""Options after those of the example, for speed alone."""

SECOND_RACE = (
    "race import second --salaries examples/DKSalaries.csv --race-sheet examples/race_sheet.csv --track phoenix",
    "ownership record --race second --standings contest-standings-2.csv",
)
"""What comes before an evaluation, which leaves out a race and learns from the others."""

NEED_HISTORY = ("calibrate", "backtest scenarios")


def verbs(command, path=()):
    """Names of all verbs and what typer knows of them."""
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from verbs(child, (*path, name))
    else:
        yield " ".join(path), command


def examples():
    """The example of each verb, in the order in which they work: first what makes things, last what deletes them."""
    found = {name: _EXAMPLE.search(" ".join(verb.help.split())) for name, verb in verbs(get_command(app))}
    assert all(found.values()), [name for name, example in found.items() if not example]
    order = {"run": 0, "ownership record": 1, "race delete": 3}
    return {name: found[name][1] for name in sorted(found, key=lambda name: order.get(name, 2))}


def words_of(name):
    words = shlex.split(examples()[name])
    assert " ".join(words[1:]).startswith(name), "an example shows its own verb"
    return [*words[1:], *SMALL.get(name, ())]


def test_every_verb_speaks_json_and_every_option_says_what_it_is():
    for name, verb in verbs(get_command(app)):
        options = {option: parameter.help for parameter in verb.params for option in parameter.opts}
        assert "--json" in options, name
        assert all(text for option, text in options.items() if option.startswith("--")), name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as a fresh clone has it."""
    path = tmp_path_factory.mktemp("clone")
    shutil.copytree(EXAMPLES, path / "examples")
    # Another contest, for a race of its own: two drivers of like salary have changed places in lineups and table.
    swapped = (path / "examples" / "contest-standings-190000001.csv").read_text()
    for old, new in (("Ethan Salazar Jr", "?"), ("Luke Ferris", "Ethan Salazar Jr"), ("?", "Luke Ferris")):
        swapped = swapped.replace(old, new)
    (path / "contest-standings-2.csv").write_text(swapped)
    return path


def test_every_example_works_on_the_sample_slate(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with serving(folder / "data") as address:
        for name in examples():
            before = map(shlex.split, SECOND_RACE) if name == "ownership evaluate" else ()
            for words in (*before, *([] if name in (*NEED_HISTORY, "serve") else [words_of(name)])):
                told = pitwall("--address", address, "--data-dir", folder / "client", *words)
                assert told.code == 0, f"{words}\n{told.err}"
                assert told.out, words


def test_the_example_of_serve_serves(tmp_path):
    assert words_of("serve") == ["serve", "--port", "50050"]
    with serving(tmp_path) as address:  # the same on a port that is free for certain
        assert pitwall("--address", address, "race", "list").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NEED_HISTORY)
def test_examples_that_need_history_work_on_any_that_has_its_layout(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_history(tmp_path / "history", range(2020, 2024))
    told = pitwall(*words_of(name))
    assert told.code == 0, told.err
    assert told.out
