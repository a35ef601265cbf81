"""The four services as processes of their own, as in a deployment."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field

START_SECONDS = 60
LOG_SECONDS = 20


@dataclass
class Service:
    """A running service: its process, its address and its log."""

    process: subprocess.Popen
    address: str = ""
    log: list[str] = field(default_factory=list)
    logged: threading.Condition = field(default_factory=threading.Condition)

    def lines_with(self, text: str) -> list[str]:
        """Lines of the log that hold ``text``; waits for the first, which a service writes when a call has ended."""

        def found() -> list[str]:
            return [line for line in self.log if text in line]

        with self.logged:
            return self.logged.wait_for(found, LOG_SECONDS)

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)


def start(module: str, environment: dict[str, str]) -> Service:
    """Start a service on a free port and wait until it says that it serves."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    service, serving = Service(process), threading.Event()

    def read() -> None:
        for line in process.stderr:
            with service.logged:
                service.log.append(line)
                service.logged.notify_all()
            with contextlib.suppress(json.JSONDecodeError):
                entry = json.loads(line)
                if entry.get("event") == "serving":
                    service.address = entry["address"]
                    serving.set()
        serving.set()

    threading.Thread(target=read, daemon=True).start()
    assert serving.wait(START_SECONDS), f"{module} did not start"
    assert service.address, "".join(service.log)
    return service


@contextlib.contextmanager
def deployed_stack(folder):
    """All four services, each told where the others are; yields them by name."""
    services = {}
    try:
        services["scenario"] = start(
            "services.scenario",
            {"PITWALL_SCENARIO_PORT": "0", "PITWALL_SCENARIO_DATA_DIR": str(folder / "scenario")},
        )
        scenario = services["scenario"].address
        services["ownership"] = start(
            "services.ownership",
            {
                "PITWALL_OWNERSHIP_PORT": "0",
                "PITWALL_OWNERSHIP_SCENARIO_ADDRESS": scenario,
                "PITWALL_OWNERSHIP_DATABASE_URL": f"sqlite:///{folder / 'ownership.sqlite'}",
            },
        )
        ownership = services["ownership"].address
        for name, module in (("optimizer", "services.optimizer"), ("contestsim", "services.contest_sim")):
            prefix = f"PITWALL_{module.removeprefix('services.').upper()}"
            services[name] = start(
                module,
                {
                    f"{prefix}_PORT": "0",
                    f"{prefix}_SCENARIO_ADDRESS": scenario,
                    f"{prefix}_OWNERSHIP_ADDRESS": ownership,
                },
            )
        yield services
    finally:
        for service in services.values():
            service.process.kill()
            service.process.wait()
