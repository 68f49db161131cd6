from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.end_to_end.leaves import read_file_exporter
from tests.end_to_end.processes import Child, free_endpoint, wait_until
from tests.end_to_end.sink import Client, ExportLogsServiceRequest, Request, Sink

PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Tap:
    """A running collector with the configuration ``peers/collector/tap.yaml`` and sinks at its ends.

    Attributes:
        receiver: where applications send to.
        processor: where the collector sends what concerns models.
        signals_receiver: where the processor sends its signals to.
        traces: gets every span.
        witness: gets what the processor gets.
        signals: gets the processor's signals.
        file: the same signals as OTLP JSON, one request a line.
    """

    receiver: str
    processor: str
    signals_receiver: str
    traces: Sink
    witness: Sink
    signals: Sink
    file: Path

    def signals_in_file(self) -> list[Request]:
        """What the file exporter has written."""
        return read_file_exporter(self.file)


@pytest.fixture(scope="session")
def otelcol() -> Path:
    """The collector, built on first use."""
    built = subprocess.run([PEERS / "build", "collector"], capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(built.stderr.strip().splitlines()[-1])
    _, folder = built.stdout.split(maxsplit=1)
    return Path(folder.strip()) / "otelcol"


@pytest.fixture
def start_tap(otelcol: Path, tmp_path: Path) -> Iterator[Callable[[], Tap]]:
    """Starts a collector on free ports; it ends with the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(_tap(otelcol, tmp_path))


@contextmanager
def _tap(otelcol: Path, folder: Path) -> Iterator[Tap]:
    with Sink() as traces, Sink() as witness, Sink() as signals:
        tap = Tap(free_endpoint(), free_endpoint(), free_endpoint(), traces, witness, signals, folder / "signals.jsonl")
        with Child(
            [str(otelcol), "--config", str(PEERS / "collector" / "tap.yaml")],
            folder / "collector.log",
            PATH=os.environ["PATH"],
            RECEIVER_ENDPOINT=tap.receiver,
            PROCESSOR_ENDPOINT=tap.processor,
            SIGNALS_RECEIVER_ENDPOINT=tap.signals_receiver,
            TRACES_ENDPOINT=traces.endpoint,
            WITNESS_ENDPOINT=witness.endpoint,
            SIGNALS_ENDPOINT=signals.endpoint,
            SIGNALS_FILE=str(tap.file),
        ) as collector:
            for endpoint in (tap.receiver, tap.signals_receiver):
                client = Client(endpoint)
                wait_until(
                    lambda client=client: client.send(ExportLogsServiceRequest()) or not collector.running,
                    f"the collector listens: {collector.output}",
                )
                client.close()
            assert collector.running, collector.output
            yield tap
