"""Streaming a cached 100,000 x 40 matrix over loopback TCP, against a raw socket and against encoding per call.

The server is a process of its own, as in a deployment. The three ways are interleaved round by round, so
that noise of the machine hits all alike; the figure is the ratio of medians. The raw socket reads into one
preallocated buffer: the limit of what loopback can do.
"""

import contextlib
import multiprocessing
import socket
import statistics
import threading
import time

import grpc
import numpy as np
import psutil

from pitwall import wire
from pitwall.rpc import Caller, download, open_channel
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from pitwall.scenario.v1 import scenario_service_pb2_grpc, scenario_set_pb2
from services.common.matrix.codec import encode, encode_all
from services.common.rpc.encoded import Encoded
from services.common.rpc.logs import configure_logs
from services.common.rpc.server import ServiceBinding, start_server
from services.common.rpc.settings import ServerSettings

N_ROWS, N_COLUMNS, ROUNDS, READERS = 100_000, 40, 25, 20
CACHED, PER_CALL = "cached", "per-call"


class MatrixServicer(scenario_service_pb2_grpc.ScenarioServiceServicer):
    """Streams one matrix through the product's codec, encoded once or for every call."""

    def __init__(self, matrix, regimes):
        self.matrix, self.regimes = matrix, regimes
        self.encoded = encode_all(matrix, regimes)
        self.header = pb.StreamMatrixResponse(
            header=scenario_set_pb2.MatrixHeader(
                race_id="bench",
                n_rows=N_ROWS,
                driver_ids=[str(column) for column in range(N_COLUMNS)],
                dtype=scenario_set_pb2.MATRIX_DTYPE_INT16,
                content_hash=wire.content_hash(matrix),
                end_row=N_ROWS,
                scenario_set_id="0" * 16,
            )
        )

    def StreamMatrix(self, request, context):
        yield self.header
        if request.race_id == CACHED:
            yield from map(Encoded, self.encoded.covering(request.start_row, N_ROWS))
        else:
            for _, message in encode(self.matrix, self.regimes, request.start_row):
                yield Encoded(message)


def serve(pipe):
    """Body of the server process: gRPC and a raw socket over the same bytes."""
    matrix = np.random.default_rng(0).integers(-600, 2400, (N_ROWS, N_COLUMNS), dtype=np.int16)
    servicer = MatrixServicer(matrix, np.zeros(N_ROWS, np.uint8))
    binding = ServiceBinding(
        "pitwall.scenario.v1.ScenarioService",
        lambda server: scenario_service_pb2_grpc.add_ScenarioServiceServicer_to_server(servicer, server),
    )
    settings = ServerSettings(port=0, log_level="error", drain_pause_seconds=0)
    configure_logs(settings)
    server = start_server([binding], settings)
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    while connection.recv(1):
                        connection.sendall(matrix.data)

    threading.Thread(target=answer, daemon=True).start()
    pipe.send((server.address, listener.getsockname()[1]))
    pipe.recv()
    listener.close()
    server.stop(0)


def over_grpc(stub, kind):
    caller = Caller()
    result = download(lambda request: caller.stream(stub.StreamMatrix, request), pb.StreamMatrixRequest(race_id=kind))
    assert result.values.shape == (N_ROWS, N_COLUMNS)


def over_socket(connection, buffer):
    connection.sendall(b"x")
    view, received = memoryview(buffer).cast("B"), 0
    while received < len(view):
        received += connection.recv_into(view[received:])


def seconds_of(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def peak_while(process, work):
    """Greatest resident size of a process while some work runs, in bytes."""
    peak, running = [process.memory_info().rss], True

    def watch():
        while running:
            peak.append(process.memory_info().rss)
            time.sleep(0.002)

    thread = threading.Thread(target=watch)
    thread.start()
    work()
    running = False
    thread.join()
    return max(peak)


def read_by_many(address):
    """Twenty readers at once, each on a channel of its own."""
    barrier = threading.Barrier(READERS)

    def read():
        with open_channel(address) as channel:
            grpc.channel_ready_future(channel).result(10)
            barrier.wait()
            over_grpc(scenario_service_pb2_grpc.ScenarioServiceStub(channel), CACHED)

    threads = [threading.Thread(target=read) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run():
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    address, port = ours.recv()
    n_bytes = N_ROWS * N_COLUMNS * 2
    buffer = np.empty((N_ROWS, N_COLUMNS), np.int16)
    with open_channel(address) as channel, socket.create_connection(("127.0.0.1", port)) as connection:
        stub = scenario_service_pb2_grpc.ScenarioServiceStub(channel)
        ways = {
            CACHED: lambda: over_grpc(stub, CACHED),
            PER_CALL: lambda: over_grpc(stub, PER_CALL),
            "raw socket": lambda: over_socket(connection, buffer),
        }
        for work in ways.values():
            work()
        seconds = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, work in ways.items():
                seconds[name].append(seconds_of(work))
        server = psutil.Process(process.pid)
        before = server.memory_info().rss
        peak = peak_while(server, lambda: read_by_many(address))
    ours.send("stop")
    process.join(10)

    rate = {name: n_bytes / statistics.median(values) / 1e6 for name, values in seconds.items()}
    for name, value in rate.items():
        print(f"{name:12s} {value:8.0f} MB/s")
    print(f"cached / raw socket       {rate[CACHED] / rate['raw socket']:.2f}   (target at least 0.35)")
    print(f"cached / encoding per call {rate[CACHED] / rate[PER_CALL]:.2f}  (target at least 1.30)")
    grown = (peak - before) / n_bytes
    print(f"{READERS} readers at once: server memory grew by {grown:.2f} matrices ({READERS} would be a copy each)")
