"""Child processes of the tests: started with their output in a file, waited for, stopped by their own id."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import grpc
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

ROOT = Path(__file__).parents[2]
_ANY = random.SystemRandom()  # the workers of a test run must not choose alike
PATIENCE = 120.0
"""Seconds until a wait is given up; no test asserts how long anything takes."""


class Child:
    """A process that is gone when the block ends, whatever happened."""

    def __init__(self, command: Sequence[str], log: Path, **environment: str) -> None:
        self.log = log
        self._file = log.open("ab")
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**_quiet_environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
        )

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def id(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait(self, seconds: float = PATIENCE) -> int:
        """Exit code, once the process has ended by itself."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds:g} s: {self.output}") from None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.signal(signal.SIGTERM)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.terminate()
        return self.wait()

    def kill(self) -> None:
        """SIGKILL: no time for the process to do anything about it."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.kill()
        self._file.close()


class Processor(Child):
    """`tidegauge run` with a configuration, ready when constructed."""

    def __init__(self, config: Mapping[str, Any], folder: Path) -> None:
        path = folder / "processor.yaml"
        path.write_text(yaml.safe_dump(dict(config)))
        command = [sys.executable, "-m", "tidegauge_processor.cli", "run", "--config", str(path)]
        super().__init__(command, folder / "processor.log")
        endpoint = config["receiver"]["endpoint"]
        try:
            wait_until(lambda: serving(endpoint) or not self.running, "the processor serves")
            assert self.running, f"the processor ended: {self.output}"
        except BaseException:
            self.__exit__()
            raise


class Restarted:
    """A processor that is killed and started again in the same folder, on the same port."""

    def __init__(self, config: Mapping[str, Any], folder: Path) -> None:
        self.receiver: str = config["receiver"]["endpoint"]
        self._config = config
        self._folder = folder
        self._processor = Processor(config, folder)

    def kill_and_restart(self) -> None:
        assert self._processor.running, self._processor.output
        self._processor.__exit__()
        self._processor = Processor(self._config, self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._processor.__exit__()


def serving(endpoint: str) -> bool:
    """Whether the health service at ``endpoint`` answers SERVING."""
    with grpc.insecure_channel(endpoint) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def wait_until(done: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Poll until ``done()`` is true; fail by naming ``what`` was waited for."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        time.sleep(0.1)


def free_endpoint() -> str:
    """A loopback address that nobody listens on.

    Below the ports that systems give to connections and to whoever asks for any: so nobody gets it until it is used.
    """
    while True:
        port = _ANY.randrange(10_000, 32_768)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return f"127.0.0.1:{port}"


def with_sigint(disposition: str, command: Sequence[str]) -> list[str]:
    """``command`` with SIGINT at ``SIG_DFL`` or ``SIG_IGN``, whatever this process has inherited from its shell."""
    dispose = f"signal.signal(signal.SIGINT, signal.{disposition})"
    start = f"import os, signal, sys; {dispose}; os.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-c", start, *command]


def _quiet_environment() -> dict[str, str]:
    # What the person at the keyboard has set for their own telemetry is none of the tests' business.
    return {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TIDEGAUGE_"))}
