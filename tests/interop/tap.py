"""A running collector with the configuration ``peers/collector/tap.yaml``, and sinks at its ends."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.leaves import read_file_exporter
from tests.end_to_end.processes import Child, free_endpoint, wait_until
from tests.end_to_end.sink import Client, ExportLogsServiceRequest, Request, Sink

PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Tap:
    """The collector's addresses, and the back ends behind it.

    Attributes:
        receiver: where applications send to.
        signals_receiver: where the processor sends its signals to.
        traces: gets every span.
        witness: gets what the processor gets.
        signals: gets the processor's signals.
        file: the same signals as OTLP JSON, one request a line.
    """

    receiver: str
    signals_receiver: str
    traces: Sink
    witness: Sink
    signals: Sink
    file: Path

    @property
    def written(self) -> list[Request]:
        """What the file exporter has written so far."""
        return read_file_exporter(self.file)


@contextmanager
def running_tap(otelcol: Path, processor: str, folder: Path) -> Iterator[Tap]:
    """Start a collector on free ports, with the processor at the address ``processor``."""
    with Sink() as traces, Sink() as witness, Sink() as signals:
        tap = Tap(free_endpoint(), free_endpoint(), traces, witness, signals, folder / "signals.jsonl")
        with Child(
            [str(otelcol), "--config", str(PEERS / "collector" / "tap.yaml")],
            folder / "collector.log",
            RECEIVER_ENDPOINT=tap.receiver,
            PROCESSOR_ENDPOINT=processor,
            SIGNALS_RECEIVER_ENDPOINT=tap.signals_receiver,
            TRACES_ENDPOINT=traces.endpoint,
            WITNESS_ENDPOINT=witness.endpoint,
            SIGNALS_ENDPOINT=signals.endpoint,
            SIGNALS_FILE=str(tap.file),
        ) as collector:
            for endpoint in (tap.receiver, tap.signals_receiver):
                wait_until(functools.partial(_listens, endpoint, collector), f"the collector listens on {endpoint}")
            yield tap


def _listens(endpoint: str, collector: Child) -> bool:
    assert collector.running, collector.output
    client = Client(endpoint)
    try:
        return client.send(ExportLogsServiceRequest())
    finally:
        client.close()
