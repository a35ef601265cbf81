"""What the README and the docs show is run: Python blocks, ``pitwall`` and ``grpcurl`` lines of console blocks."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import EXAMPLES, REPOSITORY
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


def console_lines(page):
    """The commands of the console blocks of a page."""
    return [line for language, text, _ in blocks(page) if language == "console" for line in commands(text)]


@pytest.fixture(scope="module")
def copy_of_repository(tmp_path_factory):
    """A folder with the examples, a data folder, and the address of services on it."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(EXAMPLES, folder / "examples")
    data = folder / "data"
    with serving(data) as address:
        yield folder, data, address


@pytest.fixture
def inside(copy_of_repository, monkeypatch):
    folder, data, address = copy_of_repository
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PITWALL_DATA_DIR", str(data))
    return address


def run_verb(line, address):
    told = pitwall("--address", address, *shlex.split(line)[1:])
    assert told.code == 0, f"{line}\n{told.err}"
    assert told.out, line


@pytest.mark.parametrize("page", PAGES)
def test_examples_run(page, inside):
    found = blocks(page)
    assert found
    names = {}
    for language, text, line in found:
        if language == "python":
            exec(compile("\n" * line + text, page, "exec"), names)
    for line in console_lines(page):
        if line.startswith("pitwall ") and not line.startswith(_SKIPPED):
            run_verb(line, inside)


def test_grpcurl_lines_run(inside):
    tool = shutil.which("grpcurl") or str(REPOSITORY / "build" / "bin" / "grpcurl")
    if not Path(tool).exists():
        pytest.skip("grpcurl is not on PATH")
    sheets = "--salaries examples/DKSalaries.csv --race-sheet examples/race_sheet.csv"
    run_verb(f"pitwall race import copper {sheets} --track phoenix", inside)
    run_verb("pitwall scenarios generate copper", inside)
    lines = {line for page in (*PAGES, "docs/grpc.md") for line in console_lines(page) if line.startswith("grpcurl ")}
    assert len(lines) >= 5
    for line in sorted(lines):
        words = [word.replace("localhost:50050", inside) for word in shlex.split(line)[1:]]
        ran = subprocess.run([tool, *words], capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, f"{line}\n{ran.stderr}"
        assert ran.stdout, line


@pytest.mark.parametrize("page", [*PAGES, "docs/numbers.md"])
def test_every_console_line_is_one_that_somebody_runs(page):
    assert [line for line in console_lines(page) if not line.startswith(("pitwall ", "grpcurl ", *_SKIPPED))] == []


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


def shown_figures(text):
    """Lineups allowed, the first objective, what the tail gains, and the return, as ``pitwall run`` prints them."""
    return [
        float(re.search(pattern, text)[1].replace(",", ""))
        for pattern in (
            r"best of ([\d,]+) allowed",
            r"\n +1 +\D+[\d,]+ +([\d.]+) +yes",
            r"built gains \+([\d.]+) in the tail",
            r"ROI ([\d.-]+)%",
        )
    ]


def test_the_readme_shows_what_the_main_job_prints(inside):
    """Returns to a point: a processor that rounds otherwise may deal a race to another field."""
    arguments = re.search(r"^run: ARGS \?= (.*)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)[1]
    told = pitwall("--address", inside, "run", *shlex.split(arguments))
    assert told.code == 0, told.err
    printed, shown = shown_figures(told.out), shown_figures((REPOSITORY / "README.md").read_text())
    assert printed[:3] == pytest.approx(shown[:3], abs=0.011)
    assert printed[3] == pytest.approx(shown[3], abs=1.0)
