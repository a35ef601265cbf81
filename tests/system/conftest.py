"""A served stack, and the main job done there once for each module."""

import pytest

from tests.system.command import SLATE, pitwall, serving


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Where the services are: a served stack, and a folder for runs."""
    folder = tmp_path_factory.mktemp("data")
    with serving(folder / "served") as address:
        yield ("--address", address, "--data-dir", folder / "client")


@pytest.fixture(scope="module")
def cli(stack):
    return lambda *arguments: pitwall(*stack, *arguments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def sample(cli, folder):
    """The main job: answer and files."""
    options = ("--track", "phoenix", "--race-id", "sample", "--scenarios", 2_000, "--lineups", 5, "--out", folder)
    return cli("run", *SLATE, *options, "--json").json
