"""``python -m services.common.rpc.healthcheck ADDRESS``: exit 0 when the server says SERVING.

For orchestrators. TLS settings are those of a peer: ``PITWALL_PEER_TLS_CA_PATH`` and so on.
"""

from __future__ import annotations

import argparse
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pitwall.errors import PitwallError
from pitwall.rpc import ConnectionConfig, open_channel
from services.common.domain.errors import ServiceError
from services.common.rpc.settings import PeerSettings, load_settings


def is_serving(address: str, timeout_seconds: float, config: ConnectionConfig) -> bool:
    """Whether the whole server at an address says SERVING in time."""
    with open_channel(address, config) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=timeout_seconds)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def main() -> None:
    """Check and exit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--timeout", type=float, default=2.0, help="seconds")
    arguments = parser.parse_args()
    try:
        config = load_settings(PeerSettings).connection(arguments.address, with_token=False)  # health asks for none
        serving = is_serving(arguments.address, arguments.timeout, config)
    except (ServiceError, PitwallError) as error:
        print(f"cannot check: {error}", file=sys.stderr)
        serving = False
    sys.exit(0 if serving else 1)


if __name__ == "__main__":
    main()
