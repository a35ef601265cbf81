"""What the README and the docs show is run: Python blocks, ``pitwall`` and ``grpcurl`` lines of console blocks."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.system.command import pitwall, serving

PAGES = ("README.md", "docs/recipes.md", "docs/tutorial.md")
_BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SKIPPED = ("make ", "pitwall serve", "docker ", "pip ")

pytestmark = pytest.mark.timeout(420)


def blocks(page):
    """(language, text, line number) of the blocks of a page, in order."""
    text = (REPOSITORY / page).read_text()
    return [(found[1], found[2], 1 + text[: found.start()].count("\n")) for found in _BLOCK.finditer(text)]


def commands(text):
    """The lines after ``$``, continued lines joined."""
    joined = text.replace("\\\n", " ")
    return [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with the examples, a data folder, and the address of services on it."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(REPOSITORY / "examples", folder / "examples")
    data = folder / "data"
    with serving(data) as address:
        yield folder, data, address


@pytest.fixture
def inside(workplace, monkeypatch):
    folder, data, address = workplace
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PITWALL_DATA_DIR", str(data))
    return address


def run_command(line, address):
    if line.startswith(_SKIPPED):
        return
    words = shlex.split(line)
    if words[0] == "pitwall":
        told = pitwall("--address", address, *words[1:])
        assert told.code == 0, f"{line}\n{told.err}"
        assert told.out, line
    elif words[0] == "grpcurl":
        tool = shutil.which("grpcurl") or str(REPOSITORY / "build" / "bin" / "grpcurl")
        if not Path(tool).exists():
            return
        words = [word.replace("localhost:50050", address) for word in words[1:]]
        ran = subprocess.run([tool, *words], capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, f"{line}\n{ran.stderr}"
        assert ran.stdout, line
    else:
        raise AssertionError(f"nobody runs {line!r}")


@pytest.mark.parametrize("page", PAGES)
def test_examples_run(page, inside):
    found = blocks(page)
    assert found
    names = {}
    for language, text, line in found:
        if language == "python":
            exec(compile("\n" * line + text, page, "exec"), names)
    for language, text, _ in found:
        for command in commands(text) if language == "console" else ():
            run_command(command, inside)


@pytest.mark.parametrize("page", [*PAGES, "docs/numbers.md"])
def test_links_lead_somewhere(page):
    text = (REPOSITORY / page).read_text()
    for target in re.findall(r"\]\(([^)#]+)", text):
        if not target.startswith("http"):
            assert ((REPOSITORY / page).parent / target).exists(), target


def test_the_grpc_reference_is_current():
    checked = subprocess.run(
        [sys.executable, "docs/grpc_reference.py", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr
