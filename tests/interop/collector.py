"""A collector as a child process, which can be killed and started again on what it left."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.end_to_end.processes import Child, wait_until
from tests.end_to_end.sink import Client, ExportLogsServiceRequest


class Collector:
    """Ready when constructed, and gone when the block ends.

    Args:
        otelcol: the program.
        config: its configuration.
        folder: takes its log.
        receivers: addresses at which it takes OTLP over gRPC.
        environment: variables that the configuration uses.
    """

    def __init__(self, otelcol: Path, config: Path, folder: Path, receivers: Sequence[str], **environment: str) -> None:
        self._command = [str(otelcol), "--config", str(config)]
        self._log = folder / "collector.log"
        self._receivers = receivers
        self._environment = environment
        self._child = self._start()

    @property
    def output(self) -> str:
        return self._child.output

    def kill_and_restart(self) -> None:
        assert self._child.running, self._child.output
        self._child.__exit__()
        self._child = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._child.__exit__()

    def _start(self) -> Child:
        child = Child(self._command, self._log, **self._environment)
        try:
            for endpoint in self._receivers:
                wait_until(functools.partial(_listens, endpoint, child), f"the collector listens on {endpoint}")
        except BaseException:
            child.__exit__()
            raise
        return child


def _listens(endpoint: str, collector: Child) -> bool:
    assert collector.running, collector.output
    client = Client(endpoint)
    try:
        return client.send(ExportLogsServiceRequest())
    finally:
        client.close()
