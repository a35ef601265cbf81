"""The walls of the house, read from the source: who may import what, and what a core may touch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

SERVICES = ("scenario", "ownership", "optimizer", "contest_sim")
CORES = [REPOSITORY / "services" / name / "core" for name in SERVICES]
SOURCES = sorted(
    path
    for folder in (REPOSITORY / "services", REPOSITORY / "clients" / "python" / "pitwall")
    for path in folder.rglob("*.py")
    if "_pb2" not in path.name
)


def sources_of(*folders):
    return [path for path in SOURCES if any(folder in path.parents for folder in folders)]


def relative(path):
    return str(path.relative_to(REPOSITORY))


def dotted_names(path):
    """Every attribute chain such as np.random.seed, and every imported module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_import_contracts_hold():
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", sources_of(*CORES), ids=relative)
def test_a_core_knows_no_clock_no_environment_and_no_global_random_state(path):
    allowed_random = {
        "np.random.Generator",
        "np.random.SeedSequence",
        "np.random.PCG64",
        "np.random.default_rng",
        "np.random",
    }
    for name in dotted_names(path):
        assert name not in ("time", "random", "os.environ", "os.getenv"), name
        assert not name.startswith(("time.", "random.", "os.environ.")), name
        assert not name.endswith((".now", ".utcnow", ".today")), name
        if name.startswith("np.random"):
            assert any(name == item or name.startswith(f"{item}.") for item in allowed_random), name


@pytest.mark.parametrize(
    "path",
    [path for path in sources_of(REPOSITORY / "services") if path.name not in ("settings.py", "stack.py")],
    ids=relative,
)
def test_only_settings_read_the_environment(path):
    assert not [name for name in dotted_names(path) if name.startswith(("os.environ", "os.getenv"))]


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_what_is_private_is_imported_inside_its_package_alone(path):
    """Services use the SDK as other programs do, and its packages use each other so."""
    here = path.relative_to(REPOSITORY).as_posix().removeprefix("clients/python/").split("/")
    for name in dotted_names(path):
        parts = name.split(".")
        private = [at for at, part in enumerate(parts) if part.startswith("_") and not part.startswith("__")]
        if private and parts[0] in ("pitwall", "services"):
            assert here[: private[0]] == parts[: private[0]], name


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_star_imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.names[0].name != "*"


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service):
    folder = REPOSITORY / "services" / service
    for room in ("core/__init__.py", "mapping.py", "servicer.py", "settings.py", "__main__.py"):
        assert (folder / room).exists(), room
