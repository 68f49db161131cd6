"""A running collector with the configuration ``peers/collector/tap.yaml``, and sinks at its ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.leaves import read_file_exporter
from tests.end_to_end.processes import free_endpoint
from tests.end_to_end.sink import Request, Sink
from tests.interop.collector import Collector

PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Tap:
    """The collector's address, and the back ends behind it.

    Attributes:
        receiver: where applications send to.
        traces: gets every span.
        signals: gets the processor's signals.
        file: the same signals as OTLP JSON, one request a line.
    """

    receiver: str
    traces: Sink
    signals: Sink
    file: Path

    @property
    def written(self) -> list[Request]:
        """What the file exporter has written so far."""
        return read_file_exporter(self.file)


@contextmanager
def running_tap(otelcol: Path, processor: str, signals_receiver: str, folder: Path) -> Iterator[Tap]:
    """Start a collector that has the processor at the address ``processor`` and takes its signals at another."""
    with Sink() as traces, Sink() as signals:
        tap = Tap(free_endpoint(), traces, signals, folder / "signals.jsonl")
        with Collector(
            otelcol,
            PEERS / "collector" / "tap.yaml",
            folder,
            [tap.receiver, signals_receiver],
            QUEUE_DIR=str(folder / "queue"),
            RECEIVER_ENDPOINT=tap.receiver,
            PROCESSOR_ENDPOINT=processor,
            SIGNALS_RECEIVER_ENDPOINT=signals_receiver,
            TRACES_ENDPOINT=traces.endpoint,
            SIGNALS_ENDPOINT=signals.endpoint,
            SIGNALS_FILE=str(tap.file),
        ):
            yield tap
