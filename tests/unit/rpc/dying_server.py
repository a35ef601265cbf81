"""A server whose streams say nothing: run by tests that kill it. Prints its port, then ``called`` for each call."""

import threading
from concurrent import futures

import grpc

from pitwall.scenario.v1 import scenario_service_pb2_grpc


class Silent(scenario_service_pb2_grpc.ScenarioServiceServicer):
    def GenerateScenarios(self, request, context):
        print("called", flush=True)
        threading.Event().wait()
        yield


if __name__ == "__main__":
    server = grpc.server(futures.ThreadPoolExecutor(4))
    scenario_service_pb2_grpc.add_ScenarioServiceServicer_to_server(Silent(), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()
