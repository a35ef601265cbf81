"""The client: one object for all four services, embedded or remote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import grpc

from pitwall._calls import Caller
from pitwall._channel import ConnectionConfig, open_channel
from pitwall._groups.contests import Contests
from pitwall._groups.optimizer import Optimizer
from pitwall._groups.ownership import Ownership
from pitwall._groups.races import Races
from pitwall._groups.scenarios import Scenarios
from pitwall.contestsim.v1.contestsim_service_pb2_grpc import ContestSimServiceStub
from pitwall.errors import InvalidInputError, Violation
from pitwall.optimizer.v1.optimizer_service_pb2_grpc import OptimizerServiceStub
from pitwall.ownership.v1.ownership_service_pb2_grpc import OwnershipServiceStub
from pitwall.scenario.v1.scenario_service_pb2_grpc import ScenarioServiceStub

_EMBEDDED_GRACE_SECONDS = 1.0
"""For calls that other threads still have in flight; without any, closing is immediate."""

_SERVICE_NAMES = {
    "scenario": "ScenarioService",
    "ownership": "OwnershipService",
    "optimizer": "OptimizerService",
    "contestsim": "ContestSimService",
}


@dataclass(frozen=True)
class Addresses:
    """Where each service is."""

    scenario: str
    ownership: str
    optimizer: str
    contestsim: str

    @classmethod
    def single(cls, address: str) -> Addresses:
        """All services behind one address."""
        return cls(address, address, address, address)


class Client:
    """Calls to the four services; safe to use from several threads, to be closed (or used in ``with``).

    Attributes
    ----------
    races, scenarios
        What the scenario service keeps and simulates.
    ownership
        What the field will play.
    optimizer
        Portfolios of provably optimal lineups.
    contests
        What they are worth.
    addresses
        Where the services are.
    """

    def __init__(
        self,
        addresses: Addresses,
        config: ConnectionConfig | None = None,
        *,
        on_close: Callable[[], object] | None = None,
    ) -> None:
        config = config or ConnectionConfig()
        self.addresses = addresses
        self._on_close = on_close
        self._channels: dict[str, grpc.Channel] = {
            address: open_channel(address, config) for address in dict.fromkeys(vars(addresses).values())
        }
        callers = {
            name: Caller(
                config.token,
                address=getattr(addresses, name),
                service=service,
                max_attempts=config.max_attempts,
                patience=config.patience,
            )
            for name, service in _SERVICE_NAMES.items()
        }
        self._callers = tuple(callers.values())
        scenario = ScenarioServiceStub(self._channels[addresses.scenario])
        self.races = Races(scenario, callers["scenario"])
        self.scenarios = Scenarios(scenario, callers["scenario"])
        self.ownership = Ownership(OwnershipServiceStub(self._channels[addresses.ownership]), callers["ownership"])
        self.optimizer = Optimizer(OptimizerServiceStub(self._channels[addresses.optimizer]), callers["optimizer"])
        self.contests = Contests(ContestSimServiceStub(self._channels[addresses.contestsim]), callers["contestsim"])

    def close(self) -> None:
        """Close the channels, which ends calls of other threads, and, for an embedded stack, stop it."""
        for caller in self._callers:
            caller.close()
        for channel in self._channels.values():
            channel.close()
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def connect(
    address: str = "",
    *,
    scenario: str = "",
    ownership: str = "",
    optimizer: str = "",
    contestsim: str = "",
    config: ConnectionConfig | None = None,
) -> Client:
    """A client of a deployed stack: one address for all services, or one for each.

    Raises
    ------
    InvalidInputError
        If a service has no address.
    """
    addresses = Addresses(scenario or address, ownership or address, optimizer or address, contestsim or address)
    missing = [name for name, value in vars(addresses).items() if not value]
    if missing:
        violations = [Violation(name, "has no address: give one for all services or one for each") for name in missing]
        raise InvalidInputError(f"no address for {', '.join(missing)}", violations=violations)
    return Client(addresses, config)


def local(data_dir: str | Path | None = None) -> Client:
    """A client of the four services embedded in this process, on loopback.

    Parameters
    ----------
    data_dir
        Where races, scenario sets and records are kept. Default: ``PITWALL_DATA_DIR``, else the user's data
        folder.

    Raises
    ------
    InvalidInputError
        If the data folder cannot be written.
    """
    # The services are not needed by clients of a deployed stack.
    from services.stack import default_data_dir, start_stack

    stack = start_stack(Path(data_dir) if data_dir is not None else default_data_dir())
    return Client(Addresses.single(stack.address), on_close=lambda: stack.stop(_EMBEDDED_GRACE_SECONDS))
