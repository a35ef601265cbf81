"""Health by what probes find, and what is logged of it."""

import threading
from dataclasses import replace
from unittest.mock import MagicMock

import pytest
from grpc_health.v1 import health_pb2

from services.common.domain.errors import StorageDamaged, Unavailable
from services.common.rpc.server import Server, ServiceBinding
from services.common.rpc.settings import ServerSettings
from services.common.rpc.storage_health import StorageHealth

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class Storage:
    """One that fails to order."""

    error = None

    def probe(self):
        if self.error:
            raise self.error


@pytest.fixture
def storage():
    return Storage()


@pytest.fixture
def health(storage):
    health = StorageHealth()
    health.add("first", storage.probe)
    health.add("second", Storage().probe)
    return health


@pytest.fixture
def log(monkeypatch):
    log = MagicMock()
    monkeypatch.setattr("services.common.rpc.storage_health._log", log)
    return log


def statuses(health):
    """Of the whole server, and of its two services."""
    names = ("", "first", "second")
    return [health.servicer.Check(health_pb2.HealthCheckRequest(service=name), None).status for name in names]


def test_a_service_serves_while_its_storage_works_and_the_server_while_all_do(health, storage):
    health.look()
    assert statuses(health) == [SERVING, SERVING, SERVING]
    storage.error = Unavailable("gone")
    health.look()
    assert statuses(health) == [NOT_SERVING, NOT_SERVING, SERVING]
    storage.error = None
    health.look()
    assert statuses(health) == [SERVING, SERVING, SERVING]


def test_storage_that_fails_from_the_start_never_serves(health, storage):
    storage.error = Unavailable("gone")
    health.look()
    assert statuses(health) == [NOT_SERVING, NOT_SERVING, SERVING]


def test_a_defect_of_a_probe_is_a_failure_too(health, storage):
    storage.error = ZeroDivisionError("division by zero")
    health.look()
    assert statuses(health) == [NOT_SERVING, NOT_SERVING, SERVING]


def test_each_change_is_logged_once(health, storage, log):
    for error in (None, Unavailable("gone"), StorageDamaged("damaged"), None):
        storage.error = error
        for _ in range(3):
            health.look()
    failures = [(line.kwargs["service"], line.kwargs["reason"]) for line in log.warning.call_args_list]
    assert failures == [("first", "UNAVAILABLE"), ("first", "STORAGE_DAMAGED")]
    log.info.assert_called_once_with("storage works again", service="first")


def test_a_server_that_drains_does_not_come_back_and_says_no_more(health, storage, log):
    health.look()
    health.drain()
    storage.error = Unavailable("closed")
    health.look()
    assert statuses(health) == [NOT_SERVING, NOT_SERVING, NOT_SERVING]
    assert not log.warning.called


class Hanging:
    """Storage that does not answer until it is released."""

    def __init__(self):
        self.asked, self.released = threading.Event(), threading.Event()

    def probe(self):
        self.asked.set()
        assert self.released.wait(60)


def wait_for_looks():
    for thread in threading.enumerate():
        if thread.name == "storage":
            thread.join(60)


def test_storage_that_does_not_answer_is_told_while_it_does_not(health, log, monkeypatch):
    hanging = Hanging()
    health.look()
    health.add("first", hanging.probe)
    health.look_aside()
    assert hanging.asked.wait(60)
    health.look_aside()
    assert statuses(health) == [SERVING, SERVING, SERVING], "a look may take a while"
    monkeypatch.setattr("services.common.rpc.storage_health._LONGEST_LOOK_SECONDS", 0.0)
    for _ in range(3):
        health.look_aside()
    assert statuses(health) == [NOT_SERVING, NOT_SERVING, SERVING]
    assert "does not answer" in log.warning.call_args.kwargs["problem"]
    assert log.warning.call_count == 1
    hanging.released.set()
    wait_for_looks()
    assert statuses(health) == [SERVING, SERVING, SERVING]
    log.info.assert_called_once_with("storage works again", service="first")


def test_a_look_aside_finds_what_a_look_does(health, storage):
    storage.error = Unavailable("gone")
    health.look_aside()
    wait_for_looks()
    assert statuses(health) == [NOT_SERVING, NOT_SERVING, SERVING]


def test_storage_that_hangs_does_not_keep_a_server_from_its_end():
    hanging = Hanging()
    binding = ServiceBinding("first", lambda _server: None, probe=lambda: None)
    server = Server(ServerSettings(port=0, probe_seconds=0.001, drain_pause_seconds=0.0, grace_seconds=0.0))
    server.add(binding)
    server.start()
    server.add(replace(binding, probe=hanging.probe))
    stop = MagicMock(comes_within=lambda _seconds: hanging.asked.is_set())
    assert server.serve_until(stop) == 0
    hanging.released.set()
    wait_for_looks()
